"""Child processes of tests: agents started by ``twistd``, as in normal use."""

from __future__ import annotations

import random
import socket
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

ROOT = Path(__file__).parents[1]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()", "--nodaemon", "--pidfile="]


def free_port() -> int:
    """A port that is free for TCP and UDP, below the range from which the kernel assigns ephemeral ports."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, max(lowest, 20_000))
        with socket.socket() as probe, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            try:
                probe.bind(("127.0.0.1", port))
                datagrams.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


class Child(ProcessProtocol):
    """A child process: its output, and its exit status (or the negative number of a signal)."""

    def __init__(self) -> None:
        self.out = ""
        self.err = ""
        self.ended: Deferred[int] = Deferred()
        self.pid = 0

    @classmethod
    def start(cls, reactor: Any, arguments: list[str], *, environ: dict[str, str] | None = None) -> Child:
        """Run ``arguments`` with the checkout on the Python path."""
        child = cls()
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", **(environ or {})}
        child.pid = reactor.spawnProcess(child, arguments[0], arguments, env=environment).pid
        return child

    @classmethod
    def agent(cls, reactor: Any, config: Path, *arguments: str) -> Child:
        """Run ``twistd cwmpagent --config`` with the file ``config``."""
        return cls.start(reactor, [*TWISTD, "cwmpagent", "--config", str(config), *arguments])

    def signal(self, name: str) -> None:
        """Send SIG``name`` where the process still runs."""
        if not self.ended.called:
            self.transport.signalProcess(name)

    def outReceived(self, data: bytes) -> None:
        self.out += data.decode("utf-8", "replace")

    def errReceived(self, data: bytes) -> None:
        self.err += data.decode("utf-8", "replace")

    def processEnded(self, reason: Failure) -> None:
        if reason.check(ProcessDone):
            self.ended.callback(0)
        elif isinstance(reason.value, ProcessTerminated):
            value = reason.value
            self.ended.callback(-value.signal if value.signal else value.exitCode)
        else:
            self.ended.errback(reason)
