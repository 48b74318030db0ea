"""``twistd cwmpagent``: options, and the service that they make."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.usage import Options as UsageOptions
from twisted.python.usage import UsageError

from cwmpagent.agent.facts import Noted, Warned
from cwmpagent.config import load
from cwmpagent.embedding.service import Agent
from cwmpagent.errors import ConfigError, CwmpAgentError
from cwmpagent.logs import FactLog
from cwmpagent.logs.output import Threshold, observer_for_twistd


class Options(UsageOptions):
    """The command line after ``twistd cwmpagent``; reading it reads the configuration too."""

    synopsis = "--config FILE [--check]"
    optParameters = [["config", "c", None, "The configuration, a TOML file."]]  # noqa: RUF012  # Twisted's own form
    optFlags = [["check", None, "Check the configuration, and exit."]]  # noqa: RUF012  # Twisted's own form

    def postOptions(self) -> None:
        """Read the configuration, and log as it says. Raises UsageError, and SystemExit with one line."""
        if not self["config"]:
            raise UsageError("which device is it? Say --config FILE")
        self.path = Path(self["config"])
        try:
            self.configuration = load(self.path)
        except ConfigError as error:
            raise SystemExit(f"cwmpagent: {error}") from None
        log = self.configuration.log
        self.facts = FactLog(Threshold(log.level), envelopes=log.envelopes)
        self.log = observer_for_twistd(self.parent or {}, log.format, self.facts.threshold)


class Daemon(MultiService):
    """The agent as a process of its own.

    What is wrong at start, or keeps it from going on, is one line and exit status 1; SIGHUP reads anew.
    """

    def __init__(
        self,
        agent: Agent,
        log: Callable[[], ILogObserver] | None,
        facts: FactLog,
        path: Path,
        reactor: Any,
        *,
        in_front: bool,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types there
        self._agent = agent
        self._log = log
        self._facts = facts
        self._in_front = in_front
        self._path = path
        self._reactor = reactor
        agent.setServiceParent(self)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def setServiceParent(self, parent: Any) -> None:
        """Become part of twistd's application, which is where it looks for whom to log to."""
        if self._log is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._log())  # type: ignore[no-untyped-call]  # Twisted has no types there
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def privilegedStartService(self) -> None:
        """Listen while privileges last, unless another process has the state. Raises what :meth:`_refusal` gives."""
        try:
            self._agent.check_state()
            super().privilegedStartService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        except CwmpAgentError as error:
            raise self._refusal(error) from None

    def startService(self) -> None:
        """Begin. Raises what :meth:`_refusal` gives."""
        try:
            super().startService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        except CwmpAgentError as error:
            raise self._refusal(error) from None
        self._reactor.callWhenRunning(self._heed_signals)

    def _refusal(self, error: BaseException) -> BaseException:
        """What ends the process.

        To a person in front of it SystemExit with one line; standard error is the log by now, so they get the true one.
        Who started a daemon waits for twistd to tell them of an Exception, and for anything else would wait for ever.
        """
        if not self._in_front or sys.__stderr__ is None:
            self._facts(Warned(f"this is no start: {error}"))
            return error
        print(f"cwmpagent: {error}", file=sys.__stderr__)
        return SystemExit(1)

    def _heed_signals(self) -> None:
        """SIGTERM is the regular end, with status 0; the reactor's own answer to it would be death by the signal."""
        signal.signal(signal.SIGTERM, lambda number, frame: self._reactor.callFromThread(self._end))
        signal.signal(signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(self.reload))

    def give_up(self, line: str) -> None:
        """End the process with exit status 1; ``line`` says why."""
        if self._in_front and sys.__stderr__ is not None:
            print(f"cwmpagent: {line}", file=sys.__stderr__)
        # twistd has no way to end with a status once it runs; its pid file is gone by then, and the log is flushed.
        atexit.register(os._exit, 1)
        self._reactor.callWhenRunning(self._end)

    def _end(self) -> None:
        with suppress(ReactorNotRunning):  # it ends already
            self._reactor.stop()

    def reload(self) -> None:
        """Read the certificates and the log level anew; what is wrong with them is logged, and all stays as it was."""
        try:
            log = load(self._path).log
            put_in_force = self._agent.read_certificates()
        except ConfigError as error:
            self._facts(Warned(f"nothing is taken over: {error}"))
            return
        put_in_force()
        self._facts.threshold.level = log.level
        self._facts.envelopes = log.envelopes
        self._facts(Noted(f"certificates are read anew, the log level is {log.level}"))


def makeService(options: Options) -> IService:  # the name that twistd looks for
    """Check everything and compose the agent. Raises SystemExit with one line that names the key at fault."""
    from twisted.internet import reactor

    # The reactor's timers would stand still or run wild when the wall clock is set: this process has its own reactor,
    # and none of them counts yet.
    reactor.seconds = time.monotonic  # type: ignore[method-assign]  # on purpose
    facts = options.facts
    try:
        agent = Agent(
            options.configuration,
            reactor=reactor,
            observer=facts,
            envelopes=lambda: facts.envelopes and facts.threshold.passes("debug"),
            fatal=lambda line: daemon.give_up(line),
        )
    except ConfigError as error:
        raise SystemExit(f"cwmpagent: {error}") from None
    if options["check"]:
        for report in agent.model.reports:
            print(f"{options.path}: the model is not followed to the letter: {report}")
        print(f"{options.path}: ok")
        raise SystemExit(0)
    for warning in options.configuration.warnings:
        facts(Warned(warning))
    in_front = options.parent is not None and bool(options.parent.get("nodaemon"))
    daemon = Daemon(agent, options.log, facts, options.path, reactor, in_front=in_front)
    return daemon
