"""The programs of execution units, kept running by Twisted's process monitor."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure
from twisted.runner.procmon import ProcessMonitor
from zope.interface import implementer

from cwmpagent.device.software.manifest import Program
from cwmpagent.protocol.software.unit import RunFault, RunStatus

LOOK_EVERY = 0.05
"""Seconds between two looks whether a program has ended."""
STOP_TIME = 10.0
"""Seconds for a stop command."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Programs:
    """Starts and stops programs by name. ``user``: uid and gid, None: those of the agent.

    A program that ends is started again, after a wait that grows. Its output is discarded.
    """

    def __init__(self, reactor: Any, user: tuple[int, int] | None = None) -> None:
        self._reactor = reactor
        self._user = user or (None, None)
        self._monitor = ProcessMonitor(reactor)
        self._monitor.log = Logger(observer=_discard)
        self._monitor.startService()
        self._known: dict[str, tuple[Program, Path]] = {}
        self._stopping: set[str] = set()
        self._ended: set[str] = set()

    def start(self, name: str, program: Program, directory: Path) -> None:
        """Start the program ``name`` in ``directory``; no effect while it is kept running."""
        if name in self._known:
            return
        uid, gid = self._user
        self._known[name] = (program, directory)
        environment = {"PATH": PATH, "HOME": str(directory)}
        self._monitor.addProcess(name, list(program.start), uid, gid, environment, str(directory))

    async def stop(self, name: str) -> None:
        """Stop the program: by its stop command, then by SIGTERM, after some seconds by SIGKILL. Returns at its end."""
        if name not in self._known or name in self._stopping:
            return
        self._stopping.add(name)
        program, directory = self._known[name]
        try:
            if program.stop and name in self._monitor.protocols:
                await self._run(program.stop, directory)
            waiting = self._monitor.restart.get(name)
            if waiting is not None and waiting.active():
                waiting.cancel()
            self._monitor.removeProcess(name)
            while name in self._monitor.protocols:
                await deferLater(self._reactor, LOOK_EVERY)
        finally:
            self._stopping.discard(name)
            self._known.pop(name, None)

    def status(self, name: str) -> tuple[RunStatus, RunFault]:
        """The status of the program ``name``."""
        if name in self._stopping:
            return RunStatus.STOPPING, RunFault.NONE
        if name not in self._known:
            return RunStatus.IDLE, RunFault.NONE
        if name in self._monitor.protocols:
            return RunStatus.ACTIVE, RunFault.NONE
        return RunStatus.STARTING, RunFault.WHILE_ACTIVE

    async def close(self) -> None:
        """Stop every program."""
        for name in list(self._known):
            await self.stop(name)

    async def _run(self, command: tuple[str, ...], directory: Path) -> None:
        """Run a stop command; one that takes too long is killed. Its exit status does not matter."""
        uid, gid = self._user
        ended: Deferred[None] = Deferred()
        environment = {"PATH": PATH, "HOME": str(directory)}
        try:
            process = self._reactor.spawnProcess(
                _Ending(ended), command[0], list(command), environment, str(directory), uid, gid
            )
        except OSError:
            return

        def kill() -> None:
            with suppress(ProcessExitedAlready):
                process.signalProcess("KILL")

        timer = self._reactor.callLater(STOP_TIME, kill)
        await ended
        if timer.active():
            timer.cancel()


@implementer(ILogObserver)
def _discard(event: LogEvent) -> None:
    """Discard what a program writes, and what the monitor says of it: logs are made of facts."""


class _Ending(ProcessProtocol):
    """Fires a Deferred when its process has ended."""

    def __init__(self, ended: Deferred[None]) -> None:
        self._ended = ended

    def processEnded(self, reason: Failure) -> None:
        self._ended.callback(None)
