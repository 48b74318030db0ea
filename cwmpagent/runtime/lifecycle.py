"""The lives of one device, each from a boot to the next: how a reboot or factory reset ends one, and begins another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cwmpagent.agent.facts import Observer, Rebooting, Warned
from cwmpagent.agent.journal import PENDING
from cwmpagent.agent.ports import Clock
from cwmpagent.agent.session.after_session import written
from cwmpagent.agent.session.dispatcher import AfterSession, FactoryResetAfter, RebootAfter
from cwmpagent.config.settings import HooksConfig
from cwmpagent.device.machine import run_program, uptime
from cwmpagent.errors import CwmpFault, StoreWriteError, TooSlowError
from cwmpagent.records import Batch
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.store.durable import Store
from cwmpagent.transport.connection_request.listener import ConnectionRequestListener
from cwmpagent.transport.deadline import within

REBOOT_PATIENCE = 600.0
"""Seconds after which a box whose reboot program has ended well or hangs, but which still runs, is taken to go on."""

Finish = Callable[[tuple[AfterSession, ...]], None]


class Lifecycle:
    """One life at a time: :attr:`life`, until :meth:`stop`.

    ``make`` gives a new one, of a device that has just booted or not, which hands what must follow its session to the
    function it is given. ``broken`` is told of an error after which there is none. ``booted_at`` is the machine's
    uptime, in seconds, at which the device's own began.
    """

    def __init__(
        self,
        make: Callable[[bool, Finish], AgentRuntime],
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
        self.life: AgentRuntime
        self._beginning: Deferred[None] | None = None
        self._ending: Deferred[None] | None = None

    def begin(self, booted: bool) -> None:
        """Begin the next life, after a boot of the device or, ``booted`` false, a restart of the process alone."""
        self.life = life = self._make(booted, self._finish)
        self.rebooting = False
        self._listener.add(life.request_path, life.reach)
        self._beginning = Deferred.fromCoroutine(life.start())
        self._beginning.addErrback(self._broken)

    async def stop(self) -> None:
        """End the present life, and save; what it still owes is left to the next start."""
        self.stopping = True
        await _broken_off(self._beginning)
        await _broken_off(self._ending)
        await self.life.stop()
        self._listener.remove(self.life.request_path)

    async def factory_reset(self) -> None:
        """Go back to the factory's values, as a person at the device wants it; returns once that is promised.

        A session under way is broken off. Raises CwmpFault 9002 where the promise cannot be saved.
        """
        after = (FactoryResetAfter(),)
        try:
            await self.life.journal.save({PENDING: written(after)})
        except StoreWriteError as error:
            raise CwmpFault(9002, f"the factory reset could not be saved: {error}") from error
        self._finish(after, local=True)

    def _finish(self, after: tuple[AfterSession, ...], *, local: bool = False) -> None:
        """Carry out what had to wait for the end of a session, once the session's own code has returned.

        Where the agent stops it stays owed: the next start carries it out. What comes while another is being carried
        out (a person and the ACS at the same time) is left to that one.
        """
        if not self.stopping and not self.rebooting:
            self.rebooting = True
            self._ending = Deferred.fromCoroutine(self._end(after, local))
            self._ending.addErrback(self._broken)

    async def _end(self, after: tuple[AfterSession, ...], local: bool) -> None:
        await self._pause(0)
        reset = any(isinstance(each, FactoryResetAfter) for each in after)
        keys = [each.command_key for each in after if isinstance(each, RebootAfter)]
        self._observer(Rebooting(keys[-1] if keys else "", reset, local))
        life = self.life
        await life.stop()
        program = self._hooks.factory_reset if reset else self._hooks.reboot
        problem = await self._run(program) if program else ""
        if not problem and reset:
            problem = await self._forget_everything()
        elif not problem and program:
            await self._pause(REBOOT_PATIENCE)
            problem = f"{program[0]} did not reboot this machine"
        if self.stopping:
            return
        if problem:
            self._observer(Warned(f"{'factory reset' if reset else 'reboot'} failed: {problem}"))
            await life.journal.save_or_warn({PENDING: None})
            self.rebooting = False
            life.resume()
            return
        self._listener.remove(life.request_path)
        self.booted_at = uptime()
        self.begin(booted=True)

    async def _run(self, program: Sequence[str]) -> str:
        """What went wrong with it; one that hangs must not keep the agent from its ACS for ever."""
        running = Deferred.fromCoroutine(run_program(self._reactor, program))
        reason = f"{program[0]} has not ended after {REBOOT_PATIENCE:g} s"
        try:
            return await within(REBOOT_PATIENCE, running, self._reactor, self._clock.monotonic, reason)
        except TooSlowError as error:
            return str(error)

    async def _forget_everything(self) -> str:
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


async def _broken_off(work: Deferred[None] | None) -> None:
    """Cancel ``work``, and wait until it has ended: a commit under way is finished first."""
    if work is not None:
        work.cancel()
        await work
