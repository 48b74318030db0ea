"""A client of the control socket on the test's own reactor."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint, connectProtocol
from twisted.protocols.basic import LineOnlyReceiver

from cwmpagent.control.socket_path import address


class Client(LineOnlyReceiver):
    """Sends requests and waits for the lines of the answer; the end of the connection is None."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 24

    def __init__(self) -> None:
        self.lines: deque[Any] = deque()
        self.ended = False
        self._waiting: Deferred[Any] | None = None

    @classmethod
    async def connected(cls, reactor: Any, path: Path) -> Client:
        with address(path) as socket_address:
            return await connectProtocol(UNIXClientEndpoint(reactor, socket_address, timeout=5), cls())  # type: ignore[no-any-return]

    def say(self, line: bytes | Any) -> None:
        """Send a line, or an object as one line of JSON."""
        self.transport.write((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n")

    async def line(self) -> Any:
        """The next line, parsed as JSON."""
        if not self.lines:
            if self.ended:
                return None
            self._waiting = Deferred()
            return await self._waiting
        return self.lines.popleft()

    async def ask(self, command: str, **arguments: Any) -> tuple[list[Any], Any]:
        """Send a request; the items of its answer, and the last line."""
        self.say({"command": command, **arguments})
        return await self.answer()

    async def answer(self) -> tuple[list[Any], Any]:
        """The items of the next answer, and its last line."""
        items: list[Any] = []
        while True:
            line = await self.line()
            if line is None or "item" not in line:
                return items, line
            items.append(line["item"])

    def lineReceived(self, line: bytes) -> None:
        self._give(json.loads(line))

    def connectionLost(self, reason: Any = None) -> None:
        self.ended = True
        if self._waiting is not None:
            self._give(None)

    def _give(self, line: Any) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.callback(line)
        else:
            self.lines.append(line)
