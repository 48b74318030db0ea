"""The twistd plugin ``twistd cwmpagent``: its options and its service."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
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
from cwmpagent.config import changed_keys, load
from cwmpagent.datamodel.schema import Model
from cwmpagent.embedding.service import Agent
from cwmpagent.errors import ConfigError, CwmpAgentError
from cwmpagent.logs import FactLog
from cwmpagent.logs.output import Threshold, observer_for_twistd
from cwmpagent.runtime.network import trust_errors

MOST_KEYS = 10
"""Maximum number of keys in a line."""
_RELOADED = ("log.level", "log.envelopes")


class Options(UsageOptions):
    """Options of ``twistd cwmpagent``; parsing them also reads the configuration."""

    synopsis = "--config FILE [--check [--verbose]]"
    optParameters = [["config", "c", None, "The configuration file (TOML)."]]  # noqa: RUF012  # Twisted's own form
    optFlags = [  # noqa: RUF012  # Twisted's own form
        ["check", None, "Check the configuration and exit."],
        ["verbose", None, "With --check: list each point in which the model is not followed exactly."],
    ]

    def postOptions(self) -> None:
        """Read the configuration and set up the log. Raises UsageError, and SystemExit with one line."""
        if not self["config"]:
            raise UsageError("the configuration file is missing: give --config FILE")
        if self["verbose"] and not self["check"]:
            raise UsageError("--verbose is of use only with --check; the log has its level in [log] of the file")
        self.path = Path(self["config"])
        try:
            self.configuration = load(self.path)
        except ConfigError as error:
            raise _refusal([error, *error.more], check=bool(self["check"])) from None
        log = self.configuration.log
        self.facts = FactLog(Threshold(log.level), envelopes=log.envelopes)
        self.log = observer_for_twistd(self.parent or {}, log.format, self.facts.threshold)


class Daemon(MultiService):
    """The service of an agent in its own process.

    An error at the start, or one that stops the agent, is one line and exit status 1. SIGHUP reloads the certificates
    and the log level. ``in_front``: the process runs with --nodaemon.
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
        agent.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Join twistd's application and set its log observer."""
        if self._log is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._log())  # type: ignore[no-untyped-call]  # Twisted has no types there
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def privilegedStartService(self) -> None:
        """Listen before twistd drops privileges.

        Raises the error of :meth:`_start_error`, also where another process uses the state directory.
        """
        try:
            self._agent.check_state()
            super().privilegedStartService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        except CwmpAgentError as error:
            raise self._start_error(error) from None

    def startService(self) -> None:
        """Start the agent. Raises the error of :meth:`_start_error`."""
        try:
            super().startService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        except CwmpAgentError as error:
            raise self._start_error(error) from None
        self._reactor.callWhenRunning(self._handle_signals)
        self._reactor.callWhenRunning(_leave_alone_what_stays)

    def _start_error(self, error: BaseException) -> BaseException:
        """The exception that ends the process at its start.

        With --nodaemon: SystemExit, and one line on the original standard error, as ``sys.stderr`` is the log by now.
        As a daemon: ``error`` itself. twistd reports only an Exception to the parent process, which would wait for ever
        after anything else.
        """
        if not self._in_front or sys.__stderr__ is None:
            self._facts(Warned(f"cannot start: {error}"))
            return error
        print(f"cwmpagent: {error}", file=sys.__stderr__)
        return SystemExit(1)

    def _handle_signals(self) -> None:
        """Make SIGTERM end the process with status 0; with the reactor's own handler the signal would end it."""
        signal.signal(signal.SIGTERM, lambda number, frame: self._reactor.callFromThread(self._end))
        signal.signal(signal.SIGHUP, lambda number, frame: self._reactor.callFromThread(self.reload))

    def give_up(self, line: str) -> None:
        """End the process with exit status 1; ``line`` is the reason."""
        if self._in_front and sys.__stderr__ is not None:
            print(f"cwmpagent: {line}", file=sys.__stderr__)
        # A running twistd cannot set its exit status. At exit its pid file is removed already, and the log is flushed.
        atexit.register(os._exit, 1)
        self._reactor.callWhenRunning(self._end)

    def _end(self) -> None:
        with suppress(ReactorNotRunning):  # it is stopping already
            self._reactor.stop()

    def reload(self) -> None:
        """Reload the certificates and the log level. An error is logged, and nothing changes.

        Changed keys that only a new start applies are listed.
        """
        try:
            configuration = load(self._path)
            log = configuration.log
            put_in_force = self._agent.read_certificates()
        except ConfigError as error:
            self._facts(Warned(f"reload failed, nothing is changed: {error}"))
            return
        put_in_force()
        self._facts.threshold.level = log.level
        self._facts.envelopes = log.envelopes
        self._facts(Noted(f"certificates are reloaded, the log level is {log.level}"))
        changed = [key for key in changed_keys(self._agent.config, configuration) if key not in _RELOADED]
        if changed:
            more = f" and {len(changed) - MOST_KEYS} more" if len(changed) > MOST_KEYS else ""
            keys = ", ".join(changed[:MOST_KEYS])
            self._facts(Warned(f"changed in {self._path}, but not applied before the next start: {keys}{more}"))


def makeService(options: Options) -> IService:  # the name that twistd requires
    """Check the configuration and build the agent. Raises SystemExit with one line that names the key at fault."""
    from twisted.internet import reactor

    # Twisted's timers use the wall clock and go wrong when it is set. This process has its own reactor, and no timer
    # runs yet, so they may use the monotonic clock.
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
        errors = [error, *error.more]
        known = set(map(str, errors))
        errors += [other for other in trust_errors(options.configuration) if str(other) not in known]
        raise _refusal([*errors, *options.configuration.warnings], check=bool(options["check"])) from None
    if options["check"] and options.configuration.warnings:
        raise _refusal(options.configuration.warnings, check=True)
    if options["check"]:
        _print_deviations(options.path, agent.model, verbose=bool(options["verbose"]))
        print(f"{options.path}: ok")
        raise SystemExit(0)
    for warning in options.configuration.warnings:
        facts(Warned(warning))
    in_front = options.parent is not None and bool(options.parent.get("nodaemon"))
    daemon = Daemon(agent, options.log, facts, options.path, reactor, in_front=in_front)
    return daemon


def _leave_alone_what_stays() -> None:
    """Let the garbage collector skip the objects of the start, code and model: they stay, and there are very many."""
    gc.collect()
    gc.freeze()


def _print_deviations(path: Path, model: Model, *, verbose: bool) -> None:
    """Print the deviations from the model that the file ``path`` names: their summary, with ``verbose`` all of them."""
    if not model.summary:
        return
    hint = "" if verbose else "; --verbose lists them"
    print(f"{path}: the model is not followed exactly: {model.summary}{hint}")
    if verbose:
        for report in model.reports:
            print(f"{path}: {report}")
        unlisted = sum(model.deviations.values()) - len(model.reports)
        if unlisted:
            print(f"{path}: and {unlisted} more")


def _refusal(errors: Sequence[ConfigError | str], *, check: bool) -> SystemExit:
    """The exception that ends the process: a line for each of ``errors`` for ``check``, else one line."""
    if check:
        return SystemExit("\n".join(f"cwmpagent: {error}" for error in errors))
    more = f" (and {len(errors) - 1} more: --check lists all)" if len(errors) > 1 else ""
    return SystemExit(f"cwmpagent: {errors[0]}{more}")
