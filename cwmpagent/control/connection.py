"""The connection of one client of the control socket.

Each line is a request. Requests are answered one after another. An answer is produced only as fast as the client reads
it, so that memory stays bounded.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.protocols.basic import LineReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from cwmpagent.agent.facts import Fact
from cwmpagent.control.commands import CommandAnswer, Commands, Watch
from cwmpagent.control.recent_facts import Item, RecentFacts
from cwmpagent.control.request import LONGEST, parse
from cwmpagent.errors import ControlError, CwmpFault, internal_error
from cwmpagent.faults import fault_text

PATIENCE = 60.0
"""Seconds within which a client must send its next request, or read the next piece of an answer."""
PIECE = 1 << 16
"""Bytes of an answer that are buffered for the client at a time."""
MOST_WAITING = 1 << 20
"""Maximum number of bytes of facts that are buffered for a client. Facts beyond it are dropped and counted."""


class Connection(LineReceiver, TimeoutMixin):
    """One client. ``warn`` receives internal errors; ``closed`` is called when the connection has ended."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST
    transport: Any

    def __init__(
        self,
        reactor: Any,
        commands: Commands,
        recent: RecentFacts,
        *,
        warn: Callable[[str], None],
        closed: Callable[[Connection], None],
    ) -> None:
        self._reactor = reactor
        self._commands = commands
        self._recent = recent
        self._warn = warn
        self._closed = closed
        self._watching: _Watching | None = None
        self._gone = False

    def callLater(self, delay: float, function: Callable[[], object]) -> Any:
        """Schedule on the agent's own reactor, for :class:`TimeoutMixin`."""
        return self._reactor.callLater(delay, function)

    def connectionMade(self) -> None:
        """Start the timeout for the first request."""
        self.setTimeout(PATIENCE)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def timeoutConnection(self) -> None:
        """Abort the connection: the client neither sends nor reads."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Release the client. A change under way for it is completed."""
        self._gone = True
        self.setTimeout(None)  # type: ignore[no-untyped-call]  # Twisted has no types there
        if self._watching is not None:
            self._recent.leave(self._watching)
        self._closed(self)

    def lineReceived(self, line: bytes) -> None:
        """Serve one request. Nothing more is read until its answer has been sent."""
        if self._watching is not None:
            self.transport.abortConnection()
            return
        self.setTimeout(None)  # type: ignore[no-untyped-call]  # Twisted has no types there
        self.pauseProducing()  # type: ignore[no-untyped-call]  # Twisted has no types there
        Deferred.fromCoroutine(self._serve(line)).addErrback(self._crashed)

    def lineLengthExceeded(self, line: bytes) -> None:
        """Refuse a request that is too long, and close."""
        self.transport.write(as_line(as_error(f"a request has at most {LONGEST} bytes")))
        self.transport.loseConnection()

    async def _serve(self, line: bytes) -> None:
        try:
            answer = await self._commands.carry_out(parse(line))
        except ControlError as error:
            answer = CommandAnswer(as_error(str(error)))
        except CwmpFault as fault:
            answer = CommandAnswer(_fault(fault))
        except Exception:  # a client must not be left without an answer
            self._warn(internal_error(Failure().getTraceback()))  # type: ignore[no-untyped-call]  # Twisted has no types there
            answer = CommandAnswer(as_error("internal error of the agent; the log of the agent has the details"))
        else:
            if isinstance(answer, Watch):
                self._watch(answer)
                return
            answer = CommandAnswer({"result": answer.result}, answer.items)
        self._send(answer)

    def _send(self, answer: CommandAnswer) -> None:
        if not self._gone:
            lines = map(as_line, chain(({"item": item} for item in answer.items), (answer.result,)))
            self.transport.registerProducer(_Sending(self, lines), False)

    def _answer_sent(self) -> None:
        self.transport.unregisterProducer()
        self.setTimeout(PATIENCE)  # type: ignore[no-untyped-call]  # Twisted has no types there
        self.resumeProducing()  # type: ignore[no-untyped-call]  # Twisted has no types there

    def _watch(self, watch: Watch) -> None:
        if self._gone:
            return
        self._watching = watching = _Watching(watch, self.transport, self._watch_ended)
        self._recent.follow(watching, envelopes=watch.envelopes)
        self.transport.registerProducer(watching, True)
        self.resumeProducing()  # type: ignore[no-untyped-call]  # no types there; needed to notice the end of the connection
        watch.begin()

    def _watch_ended(self) -> None:
        """End the subscription: its last fact has been sent."""
        assert self._watching is not None
        self._recent.leave(self._watching)
        self._watching = None
        self.transport.unregisterProducer()
        self.setTimeout(PATIENCE)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def _crashed(self, failure: Failure) -> None:
        self._warn(internal_error(failure.getTraceback()))
        self.transport.abortConnection()


@implementer(IPullProducer)
class _Sending:
    """A producer that gives the transport the next piece of an answer when the last one has been sent."""

    def __init__(self, connection: Connection, lines: Iterator[bytes]) -> None:
        self._connection = connection
        self._lines = lines

    def resumeProducing(self) -> None:
        piece = bytearray()
        for line in self._lines:
            piece += line
            if len(piece) >= PIECE:
                break
        if piece:
            self._connection.setTimeout(PATIENCE)  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._connection.transport.write(bytes(piece))
        else:
            self._connection._answer_sent()

    def stopProducing(self) -> None:
        self._lines = iter(())


@implementer(IPushProducer)
class _Watching:
    """A subscriber to facts, with a bounded buffer for a slow client. ``ended`` is called after the last fact."""

    def __init__(self, watch: Watch, transport: Any, ended: Callable[[], None]) -> None:
        self._watch = watch
        self._transport = transport
        self._ended = ended
        self._paused = False
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._over = False

    def __call__(self, fact: Fact, item: Item) -> None:
        if self._over or not self._watch.matches(fact):
            return
        self._put(as_line({"item": item}))
        if self._watch.ends(fact):
            self._over = True
            self._put(as_line({"result": {}}), needed=True)
        self._flush()

    def _put(self, line: bytes, *, needed: bool = False) -> None:
        if self._size + len(line) > MOST_WAITING and not needed:
            self._lost += 1
            return
        if self._lost:
            note = as_line({"item": {"lost": self._lost}})
            self._waiting.append(note)
            self._size += len(note)
            self._lost = 0
        self._waiting.append(line)
        self._size += len(line)

    def _flush(self) -> None:
        while self._waiting and not self._paused:
            line = self._waiting.popleft()
            self._size -= len(line)
            self._transport.write(line)
        if self._over and not self._waiting:
            self._ended()

    def resumeProducing(self) -> None:
        self._paused = False
        self._flush()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._paused = True


def as_line(message: Item) -> bytes:
    """``message`` as a line of the protocol."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def as_error(reason: str) -> Item:
    """The answer to a request that is refused."""
    return {"error": {"reason": reason, "code": 0, "parameters": []}}


def _fault(fault: CwmpFault) -> Item:
    parameters: Iterable[Item] = [
        {"name": each.name, "code": each.code, "reason": each.text or fault_text(each.code)}
        for each in fault.parameters
    ]
    return {"error": {"reason": fault.text or fault_text(fault.code), "code": fault.code, "parameters": parameters}}
