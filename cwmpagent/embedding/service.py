"""``cwmpagent.Agent``: the agent as a Twisted service, to be run by ``twistd`` or added to any application."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.python.failure import Failure

from cwmpagent.agent.facts import AgentStopped, EnvelopeReceived, EnvelopeSent, Fact, Noted, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.ports import Clock, Provider
from cwmpagent.agent.session.dispatcher import Performer
from cwmpagent.config import Config, from_settings, load
from cwmpagent.control.recent_facts import RecentFacts
from cwmpagent.control.service import ControlSocket
from cwmpagent.control.socket_path import NAME
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.clock import SystemClock
from cwmpagent.device.model_cache import ModelCache
from cwmpagent.device.models import find_model
from cwmpagent.embedding.device_access import DeviceAccess
from cwmpagent.embedding.extensions import Extensions, Function
from cwmpagent.embedding.observers import Observers
from cwmpagent.embedding.vendor_extensions import Range, VendorParameter
from cwmpagent.errors import CwmpAgentError, MisuseError
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.assembly import Additions, Assembly
from cwmpagent.runtime.factory_defaults import FactoryValue, check, given
from cwmpagent.runtime.network import Host
from cwmpagent.store.durable import Store
from cwmpagent.store.files import LOCK
from cwmpagent.store.lock import refuse_if_held

MOST_DAMAGED = 20
"""Damaged entries of the saved state that are named in the log."""


class Agent(Service):
    """One TR-069 agent.

    ``config`` is a :class:`~cwmpagent.config.Config`, the path of a file, or left out: then the file's tables are
    keyword arguments (``Agent(device={...}, acs={"url": ...})``), relative paths in which start where the process runs.
    The constructor checks all that can be checked without the network and the state directory; it raises
    :class:`~cwmpagent.errors.ConfigError`. :meth:`bind` comes next, or is left to ``startService``, which opens the
    state directory (:class:`~cwmpagent.errors.StoreError`) and begins sessions. ``stopService`` fires when the state is
    saved.

    ``observer`` is the first of those that :meth:`observe` adds; ``envelopes`` says whether its facts include whole
    messages. ``fatal`` is called with a line where the agent cannot go on and only a new start of the process helps.
    ``model``: one that agents of one process share, in place of the configuration's, which is then not read.
    ``beside``: another agent of this process whose listener serves this one too, for as long as it runs, and whose
    model is shared where both configurations name the same.

    What a program adds (:meth:`rpc`, :meth:`parameter`, :meth:`add_provider`) belongs to the device from its next
    start; it is refused (MisuseError) while the agent runs.
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
        self.config, self._warnings = _configured(config, settings)
        clock = clock or SystemClock()
        self._envelopes = envelopes
        self._fatal = fatal
        self._recent = RecentFacts(clock.wall)
        self._observers = Observers(clock.monotonic)
        if observer is not None:
            self.observe(observer)
        self._host = Host(reactor, clock, chance or random.SystemRandom(), self._warn)
        self._cache = ModelCache(self.config.state.directory)
        self._shared, self._reports = self._find_model(model, beside)
        self._extensions = Extensions(self._shared, running=self._is_started, announce=self.changed)
        self._values = given(self.config, self._shared.root.path)
        self._name = check(self._shared, self._values)
        self._beside = beside
        self._assembly = self._assemble(beside)
        self._device = DeviceAccess(self._extensions, lambda: self._assembly.lifecycle)
        self._stopping = DeferredLock()
        socket = self.config.control.socket or self.config.state.directory / NAME
        self._control = ControlSocket(reactor, socket, self, self._recent, clock, self._warn)

    # --- additions of a program, before the start

    @property
    def model(self) -> Model:
        """The data model of the device, with the parameters that were added."""
        return self._extensions.model

    def rpc(self, name: str) -> Callable[[Function], Function]:
        """Decorates the function that carries out the vendor's RPC ``name`` (``X_<VENDOR>_<Name>``).

        The function gets the arguments, a mapping of names to texts, and returns those of the answer, or None for an
        answer without any: names to str, numbers, True and False. It may be a coroutine or return a Deferred; after
        ``[acs] rpc_timeout`` that is cancelled, and the ACS gets fault 9002. It refuses by raising
        :class:`~cwmpagent.errors.CwmpFault`; any other error is a 9002 and a fact (``RpcCrashed``).
        Raises MisuseError for a name that no vendor's RPC can have, or that is taken.
        """
        return self._extensions.rpc(name)

    def register(self, rpc: str, perform: Performer) -> None:
        """As :meth:`rpc`, for a function that gets the RPC whole.

        ``perform`` takes a :class:`~cwmpagent.protocol.rpc.GenericRequest` and returns a ``GenericResponse``, or an
        awaitable of one.
        """
        self._extensions.register(rpc, perform)

    def parameter(
        self, path: str, *, type: str = "string", range: Range | None = None, unit: str = ""
    ) -> Callable[[Callable[[], Any]], VendorParameter]:
        """Decorates the function that reads the vendor's parameter ``path``, a new one in an object of the model.

        ``type`` is a word of CWMP: string, int, unsignedInt, long, unsignedLong, decimal, boolean, dateTime, base64,
        hexBinary. ``range``: the lowest and highest number, None where that end is open; ``unit``: its unit, for the
        text of a fault. The function returns str, int, bool, bytes, or what else is natural for the type, or an
        awaitable of it; it is called for each reading. It becomes a ``VendorParameter``, whose ``setter`` decorates the
        function that writes. Raises MisuseError where such a parameter cannot be.
        """
        return self._extensions.parameter(path, type, range, unit)

    def add_provider(self, provider: Provider) -> None:
        """Let ``provider`` (:class:`cwmpagent.device.provider.Provider`) supply its part of the device.

        Where several answer for the same path, the one that was added last counts.
        """
        self._extensions.add_provider(provider)

    # --- facts, values and events

    def observe(self, observer: Callable[[Fact], object]) -> Callable[[Fact], object]:
        """Call ``observer`` with every fact from now on (:mod:`cwmpagent.agent.facts`); may be used as a decorator.

        It is called in the middle of the agent's work and must return soon. What it raises is logged, once a minute at
        most, and has no other effect.
        """
        self._observers.add(observer)
        return observer

    def get(self, path: str) -> Deferred[Any]:
        """The present value of a parameter, of Python's natural type; the device is read first.

        For an object or partial path (``"Device.IP."``), or with ``*`` for a row: a mapping of full names to values.
        Secrets are given as they are. Errbacks with CwmpFault 9005 for an unknown path, 9002 where a value cannot be
        read now. Raises MisuseError before the first start.
        """
        return Deferred.fromCoroutine(self._device.get(path))

    def set(self, path: str, value: object) -> Deferred[None]:
        """The device has changed a parameter by itself: fires when that is saved; the ACS is notified if it asked.

        ``value`` is of Python's natural type, or a text as CWMP writes it; parameters that an ACS may only read can
        be set as well. Errbacks with CwmpFault for an unknown path or a value that the model does not allow, or that
        cannot be saved now, TypeError for a value of a wrong type, MisuseError for a parameter that was added with
        :meth:`parameter` (its function gives the value: see :meth:`changed`) and before the first start.
        """
        return Deferred.fromCoroutine(self._device.set(path, value))

    def changed(self, path: str) -> Deferred[None]:
        """A provider has other values at ``path``, a parameter or an object.

        They are read again, and the ACS is notified of those that it watches: at once of those with active
        notification. Fires when they are read; never errbacks, so it need not be waited for. Does nothing while the
        agent is not running, as everything is compared at the start. Raises MisuseError for a path that the model does
        not have.
        """
        return self._device.changed(path)

    def raise_event(self, name: str, command_key: str = "") -> Deferred[None]:
        """Report an event of the vendor to the ACS, in a session as soon as possible.

        ``name`` is the text after ``X <OUI>``, or a whole EventCode: ``X <OUI> <text>``, ``M X_<VENDOR>_<Method>``; the
        latter may have a CommandKey. The event is retried until an Inform with it is answered, over restarts and boots
        too. Fires when it is saved; errbacks with CwmpFault 9002 during a reboot and after a stop. Raises MisuseError
        before the first start, and for what cannot be an event of a vendor.
        """
        return self._device.raise_event(name, command_key)

    def inform(self, about: str = "Inform") -> None:
        """Open a session as soon as possible, with the event ``X <OUI> <about>``.

        As :meth:`raise_event`, but does nothing during a reboot, whose end opens a session in any case.
        """
        self._device.inform(about)

    # --- the running agent

    @property
    def runtime(self) -> AgentRuntime:
        """The parts of the agent; others after each reboot that the agent carries out itself."""
        return self._device.runtime

    @property
    def rebooting(self) -> bool:
        """Whether the present runtime is about to end: until the next one begins, nothing may be changed."""
        lifecycle = self._assembly.lifecycle
        return lifecycle is not None and lifecycle.rebooting

    @property
    def values(self) -> Mapping[str, FactoryValue]:
        """The factory values that the configuration gives, by path."""
        return self._values

    async def factory_reset(self) -> None:
        """Return to factory values, for a person at the device; returns once that is promised in the store.

        A session under way is aborted. Raises CwmpFault 9002 where the promise cannot be saved.
        """
        lifecycle = self._assembly.lifecycle
        if lifecycle is None:
            raise MisuseError("the agent has not been started")
        await lifecycle.local_factory_reset()

    def read_certificates(self) -> Callable[[], None]:
        """Read certificates and keys again: a function that puts them in force. Raises ConfigError."""
        network = self._assembly.network
        fresh = [trust.read_again() for trust in {network.trust, network.xmpp_trust}]

        def put_in_force() -> None:
            for each in fresh:
                each()

        return put_in_force

    # --- the service

    def check_state(self) -> None:
        """Raises StoreLockedError where another process has the state directory; changes nothing."""
        refuse_if_held(self.config.state.directory / LOCK)

    def bind(self) -> Deferred[None]:
        """Listen for ConnectionRequests. Errbacks with ConfigError where that is impossible; done only once."""
        return self._assembly.bind()

    def privilegedStartService(self) -> None:
        """Listen while privileges last. Raises ConfigError if an endpoint cannot be had at once."""
        self._assembly.listen()

    def startService(self) -> None:
        """Open the state and begin. Raises StoreError, and ConfigError if an endpoint cannot be had at once."""
        if self._beside is not None and not self._beside.running:
            raise MisuseError("the agent that this one is beside must be started first")
        store = self._assembly.open_store()
        try:
            self._assembly.listen()
            self._cache.save()
            self._log_start(store)
            store.watch(self._warn, self._host.reactor)
            self._control.open()
            self._assembly.begin()
        except BaseException:
            Deferred.fromCoroutine(self._control.close()).addErrback(self._report)
            closed = self._assembly.abandon()
            if closed is not None:
                closed.addErrback(self._report)
            raise
        super().startService()  # type: ignore[no-untyped-call]  # Twisted has no types there

    def stopService(self) -> Deferred[None]:
        """End the session under way (within 5 seconds), save, close; fires when all is done. A new start may follow."""
        if self._assembly.lifecycle is not None:
            self._assembly.lifecycle.stopping = True
        self._device.stop()
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        return self._stopping.run(lambda: Deferred.fromCoroutine(self._stop()))

    async def _stop(self) -> None:
        closed = self._assembly.close_listener()
        await self._control.close()
        if await self._assembly.stop():
            self._observer(AgentStopped(self._name))
        await self._assembly.network.udp.close()
        if closed is not None:
            await closed

    def _is_started(self) -> bool:
        lifecycle = self._assembly.lifecycle
        return lifecycle is not None and not lifecycle.stopping

    def _find_model(self, model: Model | None, beside: Agent | None) -> tuple[Model, Sequence[str]]:
        """The model, and lines about what of its files is not followed."""
        if model is not None:
            return model, ()
        device = self.config.device
        if beside is not None and (beside.config.device.model, beside.config.device.profiles) == (
            device.model,
            device.profiles,
        ):
            return beside._shared, ()
        found = find_model(device.model, profiles=device.profiles, cache=self._cache)
        return found, found.reports

    def _assemble(self, beside: Agent | None) -> Assembly:
        extensions = self._extensions
        return Assembly(
            self.config,
            self._host,
            Additions(
                model=lambda: extensions.model,
                providers=lambda: extensions.providers,
                register=extensions.register_all,
                values=self._values,
            ),
            observer=self._observer,
            envelopes=lambda: self._envelopes() or self._recent.wants_envelopes(),
            broken=self._broken,
            beside=beside._assembly if beside is not None else None,
        )

    def _log_start(self, store: Store) -> None:
        if store.moved_aside is not None:
            self._warn(f"the state was damaged and is moved to {store.moved_aside}: the device starts from the factory")
        for line in store.damaged[:MOST_DAMAGED]:
            self._warn(line)
        if len(store.damaged) > MOST_DAMAGED:
            self._warn(f"{len(store.damaged) - MOST_DAMAGED} more saved entries are damaged: their defaults are used")
        for warning in self._warnings:
            self._warn(warning)
        for report in self._reports:
            self._observer(Noted(f"the model is not followed to the letter: {report}"))

    def _observer(self, fact: Fact) -> None:
        """Keep the fact for the control socket, and call the observers; with envelopes only if they are wanted."""
        self._recent(fact)
        if not isinstance(fact, EnvelopeSent | EnvelopeReceived) or self._envelopes():
            self._observers(fact)

    def _warn(self, text: str) -> None:
        self._observer(Warned(text))

    def _report(self, failure: Failure) -> None:
        if failure.check(CwmpAgentError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._warn(failure.getErrorMessage())
        else:
            report_internal_error(self._observer, failure)

    def _broken(self, failure: Failure) -> None:
        """No sessions will open any more."""
        if not failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._report(failure)
            cause = " ".join(failure.getErrorMessage().split()) or type(failure.value).__name__
            self._fatal(f"the agent cannot go on: {cause}")


def _configured(
    config: Config | str | os.PathLike[str] | None, settings: Mapping[str, Mapping[str, object]]
) -> tuple[Config, Sequence[str]]:
    """The configuration, and its warnings; those of a ``Config`` that was given are its maker's to show."""
    if config is not None and settings:
        where = "Config" if isinstance(config, Config) else "file"
        raise MisuseError(f"{', '.join(settings)} must be set in the {where} that was given")
    if isinstance(config, Config):
        return config, ()
    made = from_settings(settings, Path.cwd()) if config is None else load(Path(config))
    return made, made.warnings
