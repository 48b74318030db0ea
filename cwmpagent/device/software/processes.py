"""The programs of execution units, kept running by Twisted's process monitor."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool
from twisted.logger import ILogObserver, LogEvent, Logger
from twisted.python.failure import Failure
from twisted.runner.procmon import ProcessMonitor
from zope.interface import implementer

from cwmpagent.device.software.manifest import Program
from cwmpagent.device.software.marked_programs import MARK, end_marked
from cwmpagent.device.software.program_output import ProgramOutput
from cwmpagent.protocol.software.unit import RunFault, RunStatus

LOOK_EVERY = 0.05
"""Seconds between two looks whether a program has ended."""
STOP_TIME = 10.0
"""Seconds for a stop command."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class _Known:
    program: Program
    directory: Path
    output: ProgramOutput


class Programs:
    """Starts and stops programs by name. ``user``: uid and gid, None: those of the agent.

    A program that ends is started again, after a wait that grows from 1 s to 1 h while it lives for less than 1 s.
    ``log`` takes lines of its output.
    """

    def __init__(self, reactor: Any, user: tuple[int, int] | None, log: Callable[[str], object]) -> None:
        self._reactor = reactor
        self._user = user or (None, None)
        self._log = log
        self._known: dict[str, _Known] = {}
        self._stopping: dict[str, list[Deferred[None]]] = {}
        self._monitor = _Monitor(reactor, lambda name: self._known[name].output)
        self._monitor.startService()

    def start(self, name: str, program: Program, directory: Path) -> None:
        """Start the program ``name`` in ``directory``; no effect while it is kept running."""
        if name in self._known:
            return
        uid, gid = self._user
        self._known[name] = _Known(program, directory, ProgramOutput(name, self._reactor.seconds, self._log))
        environment = _environment(name, directory)
        self._monitor.addProcess(name, list(program.start), uid, gid, environment, str(directory))

    async def stop(self, name: str, directory: Path) -> None:
        """Stop the program: by its stop command, then by SIGTERM, after 5 s by SIGKILL; at last all that it left.

        Returns at its end. ``directory``: that of its deployment unit; what an earlier agent left there is ended, too.
        """
        if name in self._stopping:
            await self._stopped(name)
            return
        self._stopping[name] = []
        try:
            known = self._known.get(name)
            if known is not None:
                await self._end(name, known)
            await self._end_marked(_mark(name, directory))
            while name in self._monitor.protocols:
                await deferLater(self._reactor, LOOK_EVERY)
            if known is not None:
                known.output.end()
        finally:
            self._known.pop(name, None)
            for waiting in self._stopping.pop(name):
                waiting.callback(None)

    def status(self, name: str) -> tuple[RunStatus, RunFault]:
        """The status of the program ``name``."""
        if name in self._stopping:
            return RunStatus.STOPPING, RunFault.NONE
        if name not in self._known:
            return RunStatus.IDLE, RunFault.NONE
        if name in self._monitor.protocols:
            return RunStatus.ACTIVE, RunFault.NONE
        fails = self._monitor.delay[name] > self._monitor.minRestartDelay
        return RunStatus.STARTING, RunFault.ON_START if fails else RunFault.WHILE_ACTIVE

    async def close(self) -> None:
        """Stop every program."""
        stops = [Deferred.fromCoroutine(self.stop(name, known.directory)) for name, known in self._known.items()]
        await DeferredList(stops, consumeErrors=True)

    async def end_left(self, directory: Path) -> None:
        """End the programs that an earlier process of the agent has left in directories below ``directory``."""
        await self._end_marked(f"{directory}/")

    async def _end(self, name: str, known: _Known) -> None:
        """End the process of the program itself; what it has started may go on, and hold its output open."""
        protocol = self._monitor.protocols.get(name)
        if known.program.stop and protocol is not None:
            await self._run(name, known)
        waiting = self._monitor.restart.get(name)
        if waiting is not None and waiting.active():
            waiting.cancel()
        protocol = self._monitor.protocols.get(name)
        self._monitor.removeProcess(name)
        transport: Any = protocol.transport if protocol is not None else None
        while transport is not None and transport.pid is not None:
            await deferLater(self._reactor, LOOK_EVERY)

    async def _end_marked(self, mark: str) -> None:
        await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), end_marked, mark)

    async def _stopped(self, name: str) -> None:
        waiting: Deferred[None] = Deferred()
        self._stopping[name].append(waiting)
        await waiting

    async def _run(self, name: str, known: _Known) -> None:
        """Run a stop command; one that takes too long is killed. Its exit status does not matter."""
        uid, gid = self._user
        ended: Deferred[None] = Deferred()
        command, directory = known.program.stop, known.directory
        try:
            process = self._reactor.spawnProcess(
                _StopCommand(ended, known.output),
                command[0],
                list(command),
                _environment(name, directory),
                str(directory),
                uid,
                gid,
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


class _Monitor(ProcessMonitor):
    """The process monitor; the output of the programs goes where ``output`` says. Logs are made of facts."""

    def __init__(self, reactor: Any, output: Callable[[str], ProgramOutput]) -> None:
        super().__init__(reactor)
        self.log = Logger(observer=_discard)
        self._output = output

    def startProcess(self, name: str) -> None:
        """Start the process ``name``, unless it runs."""
        runs = name in self.protocols
        super().startProcess(name)
        protocol: Any = self.protocols.get(name)
        if not runs and protocol is not None:
            protocol.outReceived = self._output(name).lines().add
            protocol.errReceived = self._output(name).lines().add


def _environment(name: str, directory: Path) -> dict[str, str]:
    return {"PATH": PATH, "HOME": str(directory), MARK: _mark(name, directory)}


def _mark(name: str, directory: Path) -> str:
    return f"{directory}:{name}:"


@implementer(ILogObserver)
def _discard(event: LogEvent) -> None:
    """Discard what the monitor says of a program."""


class _StopCommand(ProcessProtocol):
    """Fires a Deferred when its process has ended, whoever holds its output open."""

    def __init__(self, ended: Deferred[None], output: ProgramOutput) -> None:
        self._ended = ended
        self.outReceived = output.lines().add  # type: ignore[method-assign]  # the output needs nothing else
        self.errReceived = output.lines().add  # type: ignore[method-assign]

    def processExited(self, reason: Failure) -> None:
        self._ended.callback(None)
