"""The lifecycle of one device: one runtime for each boot, with the reboots and factory resets between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cwmpagent.agent.facts import Observer, Rebooting, Warned
from cwmpagent.agent.journal import PENDING
from cwmpagent.agent.ports import Clock, Restart
from cwmpagent.agent.rpcs.restart import FactoryResetWork
from cwmpagent.config.settings import HooksConfig
from cwmpagent.device.machine import run_program, uptime
from cwmpagent.errors import CwmpFault, StoreWriteError, TooSlowError
from cwmpagent.records import Batch
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.store.durable import Store
from cwmpagent.transport.connection_request.listener import ConnectionRequestListener
from cwmpagent.transport.deadline import within

REBOOT_PATIENCE = 600.0
"""Seconds within which a reboot program must end, and the machine must stop after it; else the reboot has failed."""


class Lifecycle(Restart):
    """The runtimes of one device, one at a time: :attr:`runtime`, until :meth:`stop`.

    ``make`` builds a runtime, of a device that has just booted or not. ``broken`` is called with an error after which
    there is no runtime. ``booted_at``: uptime of the machine, in seconds, at the boot of the device.
    """

    def __init__(
        self,
        make: Callable[[bool, Restart], AgentRuntime],
        *,
        reactor: Any,
        clock: Clock,
        store: Store,
        listener: ConnectionRequestListener,
        hooks: HooksConfig,
        observer: Observer,
        broken: Callable[[Failure], object],
        booted_at: float,
    ) -> None:
        self._make = make
        self._reactor = reactor
        self._clock = clock
        self._store = store
        self._listener = listener
        self._hooks = hooks
        self._observer = observer
        self._broken = broken
        self.booted_at = booted_at
        self.rebooting = False
        self.stopping = False
        self.runtime: AgentRuntime
        self._beginning: Deferred[None] | None = None
        self._ending: Deferred[None] | None = None

    @property
    def running(self) -> bool:
        """Whether there is a runtime that is not about to end."""
        return not self.rebooting and not self.stopping

    def begin(self, booted: bool) -> None:
        """Begin a runtime, after a boot of the device or, ``booted`` false, a start of the process alone."""
        self.runtime = runtime = self._make(booted, self)
        self.rebooting = False
        self._listener.add(runtime.request_path, runtime.connection_requests.http)
        if runtime.connection_requests.kicks is not None:
            self._listener.pages.add(runtime.connection_requests.kicks.path, runtime.connection_requests.kicks)
        self._beginning = Deferred.fromCoroutine(runtime.start())
        self._beginning.addErrback(self._broken)

    async def stop(self) -> None:
        """End the present runtime, and save. Unfinished work after a session is done at the next start."""
        self.stopping = True
        await _cancelled(self._beginning)
        await _cancelled(self._ending)
        await self.runtime.stop()
        self._remove(self.runtime)

    def reboot(self, command_key: str, *, local: bool = False) -> None:
        """See :class:`~cwmpagent.agent.ports.Restart`."""
        self._restart(Rebooting(command_key, factory_reset=False, local=local))

    def factory_reset(self) -> None:
        """Reset to factory values, requested by the ACS."""
        self._restart(Rebooting("", factory_reset=True))

    async def local_factory_reset(self) -> None:
        """Reset to factory values, requested at the device. Returns once the request is saved.

        A session under way is aborted. Raises CwmpFault 9002 where the request cannot be saved.
        """
        try:
            await self.runtime.after_session.promise((FactoryResetWork(),))
        except StoreWriteError as error:
            raise CwmpFault(9002, f"the factory reset could not be saved: {error}") from error
        self._restart(Rebooting("", factory_reset=True, local=True))

    def _restart(self, restart: Rebooting) -> None:
        """End the runtime and begin another, once the code of the session has returned.

        Does nothing while the agent stops: the next start completes the restart. A restart during another one is
        merged with it.
        """
        if self.running:
            self.rebooting = True
            self._ending = Deferred.fromCoroutine(self._end(restart))
            self._ending.addErrback(self._broken)

    async def _end(self, restart: Rebooting) -> None:
        await self._pause(0)
        self._observer(restart)
        runtime = self.runtime
        await runtime.stop()
        program = self._hooks.factory_reset if restart.factory_reset else self._hooks.reboot
        problem = await self._run(program) if program else ""
        if not problem and restart.factory_reset:
            problem = await self._forget_everything()
        elif not problem and program:
            await self._pause(REBOOT_PATIENCE)
            problem = f"{program[0]} did not reboot this machine"
        if self.stopping:
            return
        if problem:
            self._observer(Warned(f"{'factory reset' if restart.factory_reset else 'reboot'} failed: {problem}"))
            await runtime.journal.save_or_warn({PENDING: None})
            self.rebooting = False
            runtime.resume()
            return
        self._remove(runtime)
        self.booted_at = uptime()
        self.begin(booted=True)

    def _remove(self, runtime: AgentRuntime) -> None:
        self._listener.remove(runtime.request_path)
        if runtime.connection_requests.kicks is not None:
            self._listener.pages.remove(runtime.connection_requests.kicks.path)

    async def _run(self, program: Sequence[str]) -> str:
        """Run ``program`` within :data:`REBOOT_PATIENCE`. Returns the reason of a failure, or an empty text."""
        running = Deferred.fromCoroutine(run_program(self._reactor, program))
        reason = f"{program[0]} has not ended after {REBOOT_PATIENCE:g} s"
        try:
            return await within(REBOOT_PATIENCE, running, self._reactor, self._clock.monotonic, reason)
        except TooSlowError as error:
            return str(error)

    async def _forget_everything(self) -> str:
        """Erase the store. Returns the reason of a failure, or an empty text."""
        try:
            await self._store.save(Batch(erase=True))
        except StoreWriteError as error:
            return str(error)
        return ""

    async def _pause(self, seconds: float) -> None:
        paused: Deferred[None] = Deferred()
        timer = self._reactor.callLater(seconds, paused.callback, None)
        try:
            await paused
        finally:
            if timer.active():
                timer.cancel()


async def _cancelled(work: Deferred[None] | None) -> None:
    """Cancel ``work``, and wait until it has ended. A commit under way is completed first."""
    if work is not None:
        work.cancel()
        await work
