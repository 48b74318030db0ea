"""``cwmpagent.Agent``: the agent as a Twisted service, to be run by ``twistd`` or added to any application."""

from __future__ import annotations

import os
import random
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.python.failure import Failure

from cwmpagent.agent.device_identity import current_time
from cwmpagent.agent.facts import AgentStopped, EnvelopeReceived, EnvelopeSent, Fact, Noted, Warned
from cwmpagent.agent.journal import BOOT_ID
from cwmpagent.agent.ports import Clock, Provider
from cwmpagent.config import Config, from_settings, load
from cwmpagent.control.recent_facts import RecentFacts
from cwmpagent.control.service import ControlSocket
from cwmpagent.control.socket_path import NAME
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.clock import SystemClock
from cwmpagent.device.function_provider import passing_time
from cwmpagent.device.linux import linux_providers
from cwmpagent.device.machine import boot_id, uptime
from cwmpagent.device.model_cache import ModelCache
from cwmpagent.device.models import find_model
from cwmpagent.device.url_file import UrlFile
from cwmpagent.embedding.program_api import ProgramApi
from cwmpagent.errors import CwmpAgentError, MisuseError
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.factory_defaults import FactoryValue, check, given
from cwmpagent.runtime.lifecycle import Finish, Lifecycle
from cwmpagent.runtime.udp_port import UdpRequestPort
from cwmpagent.store.durable import LOCK, Store
from cwmpagent.store.lock import refuse_if_held
from cwmpagent.transport.addresses import resolved
from cwmpagent.transport.connection_request.listener import ConnectionRequestListener
from cwmpagent.transport.deadline import within
from cwmpagent.transport.http.acs_client import AcsClient
from cwmpagent.transport.http.limits import HttpLimits
from cwmpagent.transport.local_address import AddressWatch, source_address
from cwmpagent.transport.tls.trust import TlsTrust
from cwmpagent.transport.udp.sender import DatagramSender
from cwmpagent.transport.xmpp.client import XmppConnector


class Agent(ProgramApi):
    """One TR-069 agent.

    ``config`` is a :class:`~cwmpagent.config.Config`, the path of a file, or left out: then the file's tables are
    keyword arguments (``Agent(device={...}, acs={"url": ...})``), relative paths in which start where the process runs.
    The constructor checks whatever can be checked without the network and the state directory; it raises
    :class:`~cwmpagent.errors.ConfigError`. :meth:`bind` comes next, or is left to ``startService``, which opens the
    state directory (:class:`~cwmpagent.errors.StoreError`) and begins to talk to the ACS. ``stopService`` fires when
    the state is saved.

    ``observer`` is the first of those that :meth:`observe` adds, ``envelopes`` tells whether whole messages are wanted
    among their facts. ``fatal`` gets a line where the agent cannot go on and only a new start of the process helps; the
    observers are warned of it too. ``model``: one that agents of one process share, in place of the configuration's,
    which is then not read. ``beside``: another agent of this process, which listens for this one's ConnectionRequests
    too (for as long as it runs), and whose model it shares where both configurations name the same.
    """

    def __init__(
        self,
        config: Config | str | os.PathLike[str] | None = None,
        *,
        reactor: Any = None,
        observer: Callable[[Fact], object] | None = None,
        envelopes: Callable[[], bool] = lambda: False,
        fatal: Callable[[str], object] = lambda line: None,
        clock: Clock | None = None,
        chance: random.Random | None = None,
        model: Model | None = None,
        beside: Agent | None = None,
        **settings: Mapping[str, object],
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self._warnings: Sequence[str] = ()
        if not isinstance(config, Config):
            config = _configured(config, settings)
            self._warnings = config.warnings
        elif settings:
            raise MisuseError(f"{', '.join(settings)} would have to stand in the Config that was given")
        self.config = config
        self._reactor = reactor
        self._envelopes = envelopes
        self._fatal = fatal
        self._clock = clock or SystemClock()
        self._recent = RecentFacts(self._clock.wall)
        self._chance = chance or random.SystemRandom()
        self._cache = ModelCache(config.state.directory)
        self._reports: Sequence[str] = ()
        if model is None and beside is not None and _same_model(config, beside.config):
            model = beside._shared
        if model is None:
            model = find_model(config.device.model, profiles=config.device.profiles, cache=self._cache)
            self._reports = model.reports
        self._shared: Model = model
        super().__init__(model, self._clock.monotonic)
        if observer is not None:
            self.observe(observer)
        self._values = given(config, model.root.path)
        self._name = check(model, self._values)
        self.trust = TlsTrust(
            config.acs.ca_file or "",
            config.acs.client_certificate or "",
            config.acs.client_key or "",
            time_trusted=self._clock.wall_trusted,
            on_untrusted_time=self._warn,
        )
        self.xmpp_trust = self.trust
        if config.xmpp.ca_file != config.acs.ca_file or config.acs.client_certificate:
            self.xmpp_trust = TlsTrust(
                config.xmpp.ca_file or "",
                time_trusted=self._clock.wall_trusted,
                on_untrusted_time=self._warn,
                table="xmpp",
            )
        self._xmpp = XmppConnector(
            reactor=reactor,
            trust=self.xmpp_trust,
            random=self._chance,
            nonce=lambda: secrets.token_hex(16),
            monotonic=self._clock.monotonic,
            plain_in_the_clear=config.xmpp.allow_plain_without_tls,
        )
        self._acs = AcsClient(
            reactor,
            self.trust,
            limits=HttpLimits(
                connect=config.acs.connect_timeout,
                first_byte=config.acs.answer_timeout,
                between_bytes=config.acs.answer_timeout,
            ),
            random=self._chance,
            cnonce=lambda: secrets.token_hex(16),
            warn=self._warn,
            monotonic=self._clock.monotonic,
        )
        self._beside = beside
        self._listener: ConnectionRequestListener = beside._listener if beside is not None else self._new_listener()
        self._datagrams: DatagramSender = (
            beside._datagrams
            if beside is not None
            else DatagramSender(reactor, monotonic=self._clock.monotonic, warn=self._warn)
        )
        self._udp = UdpRequestPort(reactor, config.connection_request, self._clock.monotonic)
        self._addresses: AddressWatch = (
            beside._addresses
            if beside is not None
            else AddressWatch(reactor, monotonic=self._clock.monotonic, resolve=self._resolve, source=source_address)
        )
        self._bound: Deferred[None] | None = None
        self._store: Store | None = None
        self._stopping = DeferredLock()
        self._control = ControlSocket(
            reactor,
            config.control.socket or config.state.directory / NAME,
            self,
            self._recent,
            self._clock,
            self._warn,
        )

    @property
    def values(self) -> Mapping[str, FactoryValue]:
        """The factory values that the configuration gives, by path."""
        return self._values

    async def factory_reset(self) -> None:
        """Go back to the factory's values, as a person at the device wants it; returns once that is promised.

        A session under way is broken off. Raises CwmpFault 9002 where the promise cannot be saved.
        """
        if self._lives is None:
            raise MisuseError("the agent has not been started")
        await self._lives.factory_reset()

    def check_state(self) -> None:
        """Raises StoreLockedError where another process has the state directory; touches nothing."""
        refuse_if_held(self.config.state.directory / LOCK)

    def bind(self) -> Deferred[None]:
        """Listen for ConnectionRequests. Errbacks with ConfigError where that is impossible; done only once."""
        if self._beside is not None:
            return self._beside.bind()
        if self._bound is None:
            self._bound = Deferred.fromCoroutine(self._listener.bind())
        return self._bound

    def privilegedStartService(self) -> None:
        """Listen while privileges last. Raises ConfigError if an endpoint cannot be had at once."""
        self._raise_at_once(self.bind())
        self._udp.listen(self._listener.first, own=self._beside is None)

    def startService(self) -> None:
        """Open the state and begin. Raises StoreError, and ConfigError if an endpoint cannot be had at once."""
        if self._beside is not None and not self._beside.running:
            raise MisuseError("the agent that this one is beside must be started first")
        self._store = store = Store.open(self.config.state.directory, reactor=self._reactor)
        try:
            self._raise_at_once(self.bind())
            self._udp.listen(self._listener.first, own=self._beside is None)
            self._cache.save()
            if store.moved_aside is not None:
                self._warn(
                    f"the state was damaged and is moved to {store.moved_aside}: the device starts from the factory"
                )
            this_boot = boot_id()
            booted = self.config.device.boot == "process" or store.load().notes.get(BOOT_ID) != this_boot
            for warning in self._warnings:
                self._warn(warning)
            for report in self._reports:
                self._observer(Noted(f"the model is not followed to the letter: {report}"))
            self._control.open()
            self._lives = lives = Lifecycle(
                self._life,
                reactor=self._reactor,
                clock=self._clock,
                store=store,
                listener=self._listener,
                hooks=self.config.hooks,
                observer=self._observer,
                broken=self._broken,
                booted_at=uptime() if self.config.device.boot == "process" else 0.0,
            )
            lives.begin(booted)
        except BaseException:
            self._store = self._lives = None
            Deferred.fromCoroutine(self._control.close()).addErrback(self._crashed)
            store.close().addErrback(lambda failure: self._warn(failure.getErrorMessage()))
            raise
        super().startService()  # type: ignore[no-untyped-call]  # Twisted has no types there

    def stopService(self) -> Deferred[None]:
        """End the session under way (within 5 seconds), save, close; fires when all is done. A new start may follow."""
        if self._lives is not None:
            self._lives.stopping = True
        self._stop_looking()
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        return self._stopping.run(lambda: Deferred.fromCoroutine(self._stop()))

    async def _stop(self) -> None:
        closed = None
        if self._beside is None:
            bound, self._bound = self._bound, None
            if bound is not None:
                bound.cancel()
            closed = self._listener.stopService()
        await self._control.close()
        if self._store is not None:
            assert self._lives is not None
            await self._lives.stop()
            await self._store.close()
            self._store = None
            await self._datagrams.close()  # other agents beside this one open it again
            self._observer(AgentStopped(self._name))
        await self._udp.close()
        if closed is not None:
            await closed

    def _new_listener(self) -> ConnectionRequestListener:
        return ConnectionRequestListener(
            self._reactor,
            self.config.connection_request.endpoint,
            realm="device",
            algorithms=self.config.connection_request.algorithms,
            nonce=lambda: secrets.token_hex(16),
            clock=self._clock.monotonic,
            warn=self._warn,
        )

    def _raise_at_once(self, done: Deferred[None]) -> None:
        """Raise what ``done`` has failed with already; what it fails with later is fatal while the agent runs."""
        failures: list[Failure] = []
        at_once = True

        def failed(failure: Failure) -> None:
            failures.append(failure)
            if not at_once and self._bound is done:
                self._broken(failure)

        done.addErrback(failed)
        at_once = False
        if failures:
            self._bound = None
            failures[0].raiseException()

    def _life(self, booted: bool, finish: Finish) -> AgentRuntime:
        assert self._store is not None
        return AgentRuntime(
            self.model,
            self._values,
            self._store.load(),
            Environment(
                timers=self._reactor,
                clock=self._clock,
                random=self._chance,
                acs=self._acs,
                store=self._store,
                listener=self._listener,
                local_address=self._local_address,
                udp=self._udp.how(),
                address_watch=self._addresses,
                notify=self._datagrams.send,
                xmpp=self._xmpp,
                observer=self._observer,
                providers=self._providers,
                discovered_url=UrlFile(self.config.acs.url_file) if self.config.acs.url_file else None,
                fixed_url=self.config.connection_request.url,
                rpc_timeout=self.config.acs.rpc_timeout,
                poll_interval=self.config.device.poll_interval,
                envelopes=lambda: self._envelopes() or self._recent.wants_envelopes(),
                registered=(self._register,),
            ),
            booted=booted,
            boot_id=boot_id(),
            finish=finish,
        )

    async def _local_address(self, host: str) -> str | None:
        sources = await self._addresses.sources(host)
        return next(filter(self._listener.port_for, sources), sources[0] if sources else None)

    async def _resolve(self, host: str) -> Sequence[str]:
        names = resolved(self._reactor.nameResolver, host)
        return await within(self.config.acs.connect_timeout, names, self._reactor, self._clock.monotonic, "")

    def _providers(self, root: str) -> Sequence[Provider]:
        lives = self._lives
        assert lives is not None
        time = passing_time(
            root, uptime=lambda: uptime() - lives.booted_at, local_time=lambda: current_time(self._clock)
        )
        if self.config.device.provider == "simulated":
            return (time, *self._added)
        permitted = self.config.device.set_hostname
        return (*linux_providers(root, given=self._values, set_hostname=permitted), time, *self._added)

    def _observer(self, fact: Fact) -> None:
        """Tell those who look on at the control socket, and the embedding program what it asked for."""
        self._recent(fact)
        if not isinstance(fact, EnvelopeSent | EnvelopeReceived) or self._envelopes():
            self._observers(fact)

    def _warn(self, text: str) -> None:
        self._observer(Warned(text))

    def _crashed(self, failure: Failure) -> None:
        if failure.check(CwmpAgentError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._warn(failure.getErrorMessage())
        else:
            self._warn(f"an error of the agent itself: {failure.getTraceback()}")

    def _broken(self, failure: Failure) -> None:
        """There will be no sessions any more."""
        if not failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._crashed(failure)
            cause = " ".join(failure.getErrorMessage().split()) or type(failure.value).__name__
            self._fatal(f"the agent cannot go on: {cause}")


def _configured(path: str | os.PathLike[str] | None, settings: Mapping[str, object]) -> Config:
    if path is None:
        return from_settings(settings, Path.cwd())
    if settings:
        raise MisuseError(f"{', '.join(settings)} would have to stand in the file that was given")
    return load(Path(path))


def _same_model(one: Config, other: Config) -> bool:
    return (one.device.model, one.device.profiles) == (other.device.model, other.device.profiles)
