"""``cwmpagent.Agent``: the agent as a Twisted service, to be run by ``twistd`` or added to any application."""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.python.failure import Failure

from cwmpagent.agent.dispatcher import AfterSession, Dispatcher, FactoryResetAfter, Performer, RebootAfter
from cwmpagent.agent.facts import (
    AgentStopped,
    ConnectionRequested,
    EnvelopeReceived,
    EnvelopeSent,
    Fact,
    Noted,
    Rebooting,
    Warned,
)
from cwmpagent.agent.inform import current_time
from cwmpagent.agent.journal import BOOT_ID, PENDING
from cwmpagent.agent.pending import written
from cwmpagent.agent.ports import Clock, Provider
from cwmpagent.compose import Life, World
from cwmpagent.config import Config
from cwmpagent.control.address import NAME
from cwmpagent.control.recent import Recent
from cwmpagent.control.service import ControlSocket
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.clock import SystemClock
from cwmpagent.device.linux import linux_providers
from cwmpagent.device.machine import boot_id, run_program, uptime
from cwmpagent.device.modelcache import ModelCache
from cwmpagent.device.models import find_model
from cwmpagent.device.readings import passing_time
from cwmpagent.device.urlfile import UrlFile
from cwmpagent.errors import CwmpFault, StoreWriteError, TooSlowError
from cwmpagent.factory import Given, check, given
from cwmpagent.records import Batch
from cwmpagent.store.durable import LOCK, Store
from cwmpagent.store.lock import refuse_if_held
from cwmpagent.transport.acs import AcsClient
from cwmpagent.transport.addresses import resolved
from cwmpagent.transport.deadline import within
from cwmpagent.transport.limits import Limits
from cwmpagent.transport.listener import ConnectionRequestListener
from cwmpagent.transport.local import source_address
from cwmpagent.transport.tls import TlsTrust

REBOOT_PATIENCE = 600.0
"""Seconds after which a box whose reboot program has ended well or hangs, but which still runs, is taken to go on."""


class Agent(Service):
    """One TR-069 agent.

    The constructor checks whatever can be checked without the network and the state directory; it raises
    :class:`~cwmpagent.errors.ConfigError`. :meth:`bind` comes next, or is left to ``startService``, which opens the
    state directory (:class:`~cwmpagent.errors.StoreError`) and begins to talk to the ACS. ``stopService`` fires when
    the state is saved. ``observer`` gets every fact (:mod:`cwmpagent.agent.facts`), ``envelopes`` tells whether whole
    messages are wanted among them. ``model``: one that agents of one process share, in place of the
    configuration's, which is then not read; :attr:`model` is the one in use.
    """

    def __init__(
        self,
        config: Config,
        *,
        reactor: Any = None,
        observer: Callable[[Fact], None] = lambda fact: None,
        envelopes: Callable[[], bool] = lambda: False,
        clock: Clock | None = None,
        chance: random.Random | None = None,
        model: Model | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.config = config
        self._reactor = reactor
        self._told = observer
        self._envelopes = envelopes
        self._clock = clock or SystemClock()
        self._recent = Recent(self._clock.wall)
        self._chance = chance or random.SystemRandom()
        self._cache = ModelCache(config.state.directory)
        self._reports: Sequence[str] = ()
        if model is None:
            model = find_model(config.device.model, profiles=config.device.profiles, cache=self._cache)
            self._reports = model.reports
        self.model = model
        self._values = given(config, model.root.path)
        self._name = check(model, self._values)
        self.trust = TlsTrust(
            config.acs.ca_file or "",
            config.acs.client_certificate or "",
            config.acs.client_key or "",
            time_trusted=self._clock.wall_trusted,
            on_untrusted_time=self._warn,
        )
        self._acs = AcsClient(
            reactor,
            self.trust,
            limits=Limits(
                connect=config.acs.connect_timeout,
                first_byte=config.acs.answer_timeout,
                between_bytes=config.acs.answer_timeout,
            ),
            random=self._chance,
            cnonce=lambda: secrets.token_hex(16),
            warn=self._warn,
            monotonic=self._clock.monotonic,
        )
        self._listener = ConnectionRequestListener(
            reactor,
            config.connection_request.endpoint,
            realm="device",
            algorithms=config.connection_request.algorithms,
            nonce=lambda: secrets.token_hex(16),
            clock=self._clock.monotonic,
            limited=lambda path, source: self._observer(ConnectionRequested(source, False)),
        )
        self._bound: Deferred[None] | None = None
        self._registered: list[Callable[[Dispatcher], None]] = []
        self._provided: list[Provider] = []
        self._store: Store | None = None
        self._life: Life | None = None
        self._beginning: Deferred[None] | None = None
        self._ending: Deferred[None] | None = None
        self._stopping = DeferredLock()
        self._booted_at = 0.0
        self._rebooting = False
        self._control = ControlSocket(
            reactor,
            config.control.socket or config.state.directory / NAME,
            self,
            self._recent,
            self._clock,
            self._warn,
        )

    def register(self, rpc: str, perform: Performer) -> None:
        """Let ``perform`` carry out the vendor's RPC ``X_<VENDOR>_Name``; to be called before the agent starts.

        ``perform`` takes a :class:`~cwmpagent.protocol.rpc.GenericRequest` and returns a ``GenericResponse``, or an
        awaitable of one; it refuses by raising :class:`~cwmpagent.errors.CwmpFault`.
        """
        self._registered.append(lambda dispatcher: dispatcher.register(rpc, perform))

    def provide(self, provider: Provider) -> None:
        """Let ``provider`` (:class:`cwmpagent.device.provider.Provider`) supply its part of the device.

        To be called before the agent starts. Where others answer for the same path, this one counts.
        """
        self._provided.append(provider)

    @property
    def life(self) -> Life:
        """The parts of the running agent; another one after each reboot that the agent plays itself."""
        if self._life is None:
            raise RuntimeError("the agent has not been started")
        return self._life

    @property
    def rebooting(self) -> bool:
        """Whether the present life is at its end: until the next one begins, nothing may be changed."""
        return self._rebooting

    @property
    def values(self) -> Mapping[str, Given]:
        """The factory values that the configuration gives, by path."""
        return self._values

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

    def check_state(self) -> None:
        """Raises StoreLockedError where another process has the state directory; touches nothing."""
        refuse_if_held(self.config.state.directory / LOCK)

    def bind(self) -> Deferred[None]:
        """Listen for ConnectionRequests. Errbacks with ConfigError where that is impossible; done only once."""
        if self._bound is None:
            self._bound = Deferred.fromCoroutine(self._listener.bind())
        return self._bound

    def startService(self) -> None:
        """Open the state and begin. Raises StoreError, and ConfigError if an endpoint cannot be had at once."""
        self._store = store = Store.open(self.config.state.directory, reactor=self._reactor)
        try:
            self._raise_at_once(self.bind())
            self._cache.save()
            if store.moved_aside is not None:
                self._warn(
                    f"the state was damaged and is moved to {store.moved_aside}: the device starts from the factory"
                )
            this_boot = boot_id()
            booted = self.config.device.boot == "process" or store.load().notes.get(BOOT_ID) != this_boot
            self._booted_at = uptime() if self.config.device.boot == "process" else 0.0
            for report in self._reports:
                self._observer(Noted(f"the model is not followed to the letter: {report}"))
            self._control.open()
            self._begin_life(booted)
        except BaseException:
            self._store = None
            Deferred.fromCoroutine(self._control.close()).addErrback(self._crashed)
            store.close().addErrback(lambda failure: self._warn(failure.getErrorMessage()))
            raise
        super().startService()  # type: ignore[no-untyped-call]  # Twisted has no types there

    def stopService(self) -> Deferred[None]:
        """End the session under way (within 5 seconds), save, close; fires when all is done. A new start may follow."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        return self._stopping.run(lambda: Deferred.fromCoroutine(self._stop()))

    async def _stop(self) -> None:
        closed, self._bound = self._listener.stopService(), None
        await self._control.close()
        await _broken_off(self._beginning)
        await _broken_off(self._ending)
        if self._store is not None:
            await self.life.stop()
            await self._store.close()
            self._store = None
            self._listener.remove(self.life.request_path)
            self._observer(AgentStopped(self._name))
        await closed

    def _raise_at_once(self, done: Deferred[None]) -> None:
        """Raise what ``done`` has failed with already; report what it fails with later."""
        failures: list[Failure] = []
        done.addErrback(failures.append)
        if failures:
            failures[0].raiseException()

    def _begin_life(self, booted: bool) -> None:
        assert self._store is not None
        self._life = life = Life(
            self.model,
            self._values,
            self._store.load(),
            World(
                timers=self._reactor,
                clock=self._clock,
                random=self._chance,
                acs=self._acs,
                store=self._store,
                listener=self._listener,
                local_address=self._local_address,
                observer=self._observer,
                providers=self._providers,
                discovered_url=UrlFile(self.config.acs.url_file) if self.config.acs.url_file else None,
                fixed_url=self.config.connection_request.url,
                rpc_timeout=self.config.acs.rpc_timeout,
                envelopes=lambda: self._envelopes() or self._recent.wants_envelopes(),
                registered=tuple(self._registered),
            ),
            booted=booted,
            boot_id=boot_id(),
            finish=self._finish,
        )
        self._rebooting = False
        self._listener.add(life.request_path, life.reach)
        self._beginning = Deferred.fromCoroutine(life.start())
        self._beginning.addErrback(self._crashed)

    def _finish(self, after: tuple[AfterSession, ...], *, local: bool = False) -> None:
        """Carry out what had to wait for the end of a session, once the session's own code has returned.

        Where the agent stops it stays owed: the next start carries it out. What comes while another is being carried
        out (a person and the ACS at the same time) is left to that one.
        """
        if self.running and not self._rebooting:
            self._rebooting = True
            self._ending = Deferred.fromCoroutine(self._end_life(after, local))
            self._ending.addErrback(self._crashed)

    async def _end_life(self, after: tuple[AfterSession, ...], local: bool) -> None:
        await self._pause(0)
        reset = any(isinstance(each, FactoryResetAfter) for each in after)
        keys = [each.command_key for each in after if isinstance(each, RebootAfter)]
        self._observer(Rebooting(keys[-1] if keys else "", reset, local))
        life = self.life
        await life.stop()
        program = self.config.hooks.factory_reset if reset else self.config.hooks.reboot
        problem = await self._run(program) if program else ""
        if not problem and reset:
            problem = await self._forget_everything()
        elif not problem and program:
            await self._pause(REBOOT_PATIENCE)
            problem = f"{program[0]} did not reboot this machine"
        if not self.running:
            return
        if problem:
            self._warn(f"{'factory reset' if reset else 'reboot'} failed: {problem}")
            await life.journal.save_or_warn({PENDING: None})
            self._rebooting = False
            life.sessions.start()
            return
        self._listener.remove(life.request_path)
        self._booted_at = uptime()
        self._begin_life(booted=True)

    async def _run(self, program: Sequence[str]) -> str:
        """What went wrong with it; one that hangs must not keep the agent from its ACS for ever."""
        running = Deferred.fromCoroutine(run_program(self._reactor, program))
        reason = f"{program[0]} has not ended after {REBOOT_PATIENCE:g} s"
        try:
            return await within(REBOOT_PATIENCE, running, self._reactor, self._clock.monotonic, reason)
        except TooSlowError as error:
            return str(error)

    async def _forget_everything(self) -> str:
        assert self._store is not None
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

    async def _local_address(self, host: str) -> str | None:
        names = resolved(self._reactor.nameResolver, host)
        seconds = self.config.acs.connect_timeout
        try:
            addresses = await within(seconds, names, self._reactor, self._clock.monotonic, "")
        except CancelledError:
            raise
        except Exception:  # a resolver may be anybody's; the session that follows tells what is wrong with the name
            return None
        sources = [source for source in map(source_address, addresses) if source is not None]
        return next(filter(self._listener.port_for, sources), sources[0] if sources else None)

    def _providers(self, root: str) -> Sequence[Provider]:
        time = passing_time(
            root, uptime=lambda: uptime() - self._booted_at, local_time=lambda: current_time(self._clock)
        )
        if self.config.device.provider == "simulated":
            return (time, *self._provided)
        permitted = self.config.device.set_hostname
        return (*linux_providers(root, given=self._values, set_hostname=permitted), time, *self._provided)

    def _observer(self, fact: Fact) -> None:
        """Tell those who look on at the control socket, and the embedding program what it asked for."""
        self._recent(fact)
        if not isinstance(fact, EnvelopeSent | EnvelopeReceived) or self._envelopes():
            self._told(fact)

    def _warn(self, text: str) -> None:
        self._observer(Warned(text))

    def _crashed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._warn(f"an error of the agent itself: {failure.getTraceback()}")


async def _broken_off(work: Deferred[None] | None) -> None:
    """Cancel ``work``, and wait until it has ended: a commit under way is finished first."""
    if work is not None:
        work.cancel()
        await work
