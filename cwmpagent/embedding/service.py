"""``cwmpagent.Agent``: the agent as a Twisted service, run by ``twistd`` or added to any application."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Unpack

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredLock, fail
from twisted.python.failure import Failure

from cwmpagent.agent.facts import AgentStopped, EnvelopeReceived, EnvelopeSent, Fact, Noted, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.ports import Clock, Installer, Provider, SoftwareInstaller
from cwmpagent.agent.session.dispatcher import Performer
from cwmpagent.agent.transfers.autonomous import AutonomousOrder
from cwmpagent.config import Config, from_settings, load
from cwmpagent.config.tables import Tables
from cwmpagent.control.recent_facts import RecentFacts
from cwmpagent.control.service import ControlSocket
from cwmpagent.control.socket_path import NAME
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.clock import SystemClock
from cwmpagent.device.model_cache import ModelCache
from cwmpagent.device.models import find_model
from cwmpagent.embedding.arguments import check_function, check_keywords, check_type
from cwmpagent.embedding.device_access import DeviceAccess
from cwmpagent.embedding.extensions import Extensions, Function
from cwmpagent.embedding.observers import Observers
from cwmpagent.embedding.program_installer import ProgramInstaller
from cwmpagent.embedding.vendor_extensions import Range, TypeName, VendorParameter
from cwmpagent.errors import CwmpAgentError, MisuseError
from cwmpagent.protocol.software.operation import Kind as SoftwareChange
from cwmpagent.protocol.software.operation import Operation
from cwmpagent.protocol.transfers.record import Kind
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.assembly import Additions, Assembly
from cwmpagent.runtime.factory_defaults import FactoryValue, check, factory_values
from cwmpagent.runtime.network import Host
from cwmpagent.store.durable import Store
from cwmpagent.store.files import LOCK
from cwmpagent.store.lock import refuse_if_held

MOST_DAMAGED = 20
"""Damaged entries of the saved state that are named in the log."""
_KEYWORDS = ("config", "reactor", "observer", "envelopes", "fatal", "clock", "chance", "model", "beside")
_NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})
_CLOCK = ("monotonic", "wall", "wall_trusted", "utc_offset")


class Agent(Service):
    """One TR-069 agent.

    ``config`` is a :class:`~cwmpagent.config.Config`, the path of a file, or left out: then the file's tables are
    keyword arguments (``Agent(device={...}, acs={"url": ...})``), relative paths in which start where the process runs.
    The constructor checks all that can be checked without the network and the state directory, and raises
    :class:`~cwmpagent.errors.ConfigError`. ``startService`` calls :meth:`bind` if the program has not called it, opens
    the state directory (:class:`~cwmpagent.errors.StoreError`) and begins sessions. ``stopService`` fires when the
    state is saved.

    ``observer`` is the first observer, as with :meth:`observe`; ``envelopes`` returns whether facts include whole
    messages. ``fatal`` is called with a line of text when the agent cannot continue and the process must be restarted.
    ``model``: a model that agents of one process share; that of the configuration is then not read. ``beside``: another
    agent of this process, whose listener serves this one too while it runs, and whose model is shared where both
    configurations name the same.

    Extensions (:meth:`rpc`, :meth:`parameter`, :meth:`add_provider`) take effect at the next start; they are refused
    (MisuseError) while the agent runs.
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
        **settings: Unpack[Tables],
    ) -> None:
        _check_arguments(config, clock, chance, model, beside, settings)
        check_function(envelopes, "envelopes", "a function that returns True or False", plain=True)
        check_function(fatal, "fatal", "a function that is called with a line of text", plain=True)
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
        self._shared, self._deviations = self._find_model(model, beside)
        self._extensions = Extensions(self._shared, running=self._is_started, announce=self.changed)
        self._values = factory_values(self.config, self._shared.root.path)
        self._name = check(self._shared, self._values)
        self._beside = beside
        self._assembly = self._assemble(beside)
        self._device = DeviceAccess(self._extensions, lambda: self._assembly.lifecycle)
        self._stopping = DeferredLock()
        socket = self.config.control.socket or self.config.state.directory / NAME
        self._control = ControlSocket(reactor, socket, self, self._recent, clock, self._warn)

    # --- extensions, before the start

    @property
    def model(self) -> Model:
        """The data model of the device, with the added parameters."""
        return self._extensions.model

    def rpc(self, name: str) -> Callable[[Function], Function]:
        """Decorate the function that performs the vendor RPC ``name`` (``X_<VENDOR>_<Name>``).

        The function is called with the arguments, a mapping of names to texts. It returns the arguments of the
        response, a mapping of names to str, numbers, True or False; or None for a response without arguments. It may be
        a coroutine or return a Deferred. After ``[acs] rpc_timeout`` that is cancelled, and the ACS receives fault
        9002. It refuses by raising :class:`~cwmpagent.errors.CwmpFault`; any other error is fault 9002 and a fact
        (``RpcCrashed``). Raises MisuseError for a name that is not possible, or that is registered already.
        """
        return self._extensions.rpc(name)

    def register(self, rpc: str, perform: Performer) -> None:
        """Register a function that receives the whole RPC; otherwise as :meth:`rpc`.

        ``perform`` takes a :class:`~cwmpagent.protocol.rpc.GenericRequest` and returns a ``GenericResponse``, or an
        awaitable of one.
        """
        self._extensions.register(rpc, perform)

    def parameter(
        self, path: str, *, type: TypeName = "string", range: Range | None = None, unit: str = ""
    ) -> Callable[[Callable[[], Any]], VendorParameter]:
        """Decorate the function that reads the vendor parameter ``path``, a new parameter in an object of the model.

        ``type`` is a type of CWMP: string, int, unsignedInt, long, unsignedLong, decimal, boolean, dateTime, base64,
        hexBinary. ``range``: the lowest and highest number, None for no limit; ``unit``: for the texts of faults. The
        function is called for each reading. It returns the Python type of the value (str, int, Decimal, bool, bytes,
        datetime), or an awaitable of it. The result is a ``VendorParameter``, whose ``setter`` decorates the function
        that writes. Raises MisuseError where the parameter is not possible.
        """
        return self._extensions.parameter(path, type, range, unit)

    def add_provider(self, provider: Provider) -> None:
        """Add a provider (:class:`cwmpagent.device.provider.Provider`), which supplies its part of the device.

        Where several providers supply the same path, the one that was added last is used.
        """
        self._extensions.add_provider(provider)

    def installer(self, *types: str) -> Callable[[Callable[..., Any]], ProgramInstaller]:
        """Decorate the function that applies fetched files of ``types`` (``"1 Firmware Upgrade Image"``).

        It is called with a :class:`~cwmpagent.protocol.transfers.file.ReceivedFile` and a function that takes a line
        about the progress, and may return an awaitable. It returns True where the file is in force only after a restart
        of the device. It raises :class:`~cwmpagent.errors.TransferFailure` where nothing is applied; any other error is
        fault 9002. The result is a ``ProgramInstaller``, whose ``check`` decorates the function that is called with the
        file after the restart. Raises MisuseError for types that are not possible.
        """
        return self._extensions.installer(*types)

    def add_installer(self, installer: Installer) -> None:
        """Add an :class:`~cwmpagent.agent.ports.Installer` for the file types that it knows.

        Where several know a type, the one that was added last is used. They come before ``[hooks] install``. Raises
        MisuseError for an object that is none.
        """
        self._extensions.add_installer(installer)

    def set_software_installer(self, installer: SoftwareInstaller) -> None:
        """Install software modules by a :class:`~cwmpagent.agent.ports.SoftwareInstaller`, not by tar archives.

        ``[software] directory`` and ``user`` do not count then. Raises MisuseError for an object that is none.
        """
        self._extensions.set_software_installer(installer)

    # --- facts, values and events

    def observe(self, observer: Callable[[Fact], object]) -> Callable[[Fact], object]:
        """Call ``observer`` with every fact from now on (:mod:`cwmpagent.agent.facts`); may be used as a decorator.

        The call is synchronous, so the observer must return soon. An exception in it is logged, once a minute at most,
        and has no other effect.
        """
        self._observers.add(observer)
        return observer

    def get(self, path: str) -> Deferred[Any]:
        """Read the device, and return the present value of a parameter as its Python type.

        For an object or partial path (``"Device.IP."``), or with ``*`` in place of an instance number: a mapping of
        full names to values. Secrets are not masked. After a stop and during a reboot: the last known values. Errbacks
        with CwmpFault 9005 for an unknown path, with 9002 where a value cannot be read now, and with MisuseError before
        the first start.
        """
        return Deferred.fromCoroutine(self._device.get(path))

    def set(self, path: str, value: object) -> Deferred[None]:
        """Set a parameter as a change of the device itself. Fires when the value is saved.

        The ACS is notified as the Notification of the parameter says. ``value`` is of the Python type, or a text as
        CWMP writes it. Read-only parameters can be set, too. Errbacks with CwmpFault for an unknown path, a value that
        the model does not allow, or one that cannot be saved now; with TypeError for a wrong type; with MisuseError
        before the first start, and for a parameter that was added with :meth:`parameter` (its function supplies the
        value: see :meth:`changed`).
        """
        return Deferred.fromCoroutine(self._device.set(path, value))

    def changed(self, path: str) -> Deferred[None]:
        """Announce new values of a provider at ``path``, a parameter or an object.

        The parameters that the ACS watches are read, and a change is reported to the ACS: at once for active
        notification. Fires when they are read; never errbacks, so the program need not wait for it. Does nothing while
        the agent is not running, because all values are compared at the start. Raises MisuseError for a path that is
        not in the model.
        """
        return self._device.changed(path)

    def raise_event(self, name: str, command_key: str = "") -> Deferred[None]:
        """Report a vendor event to the ACS, in a session as soon as possible.

        ``name`` is the text after ``X <OUI>``, or a whole EventCode: ``X <OUI> <text>`` or ``M X_<VENDOR>_<Method>``.
        The latter may have a CommandKey. The event is retried, also after restarts and reboots, until an Inform with it
        is answered. Fires when it is saved, or after the warning that it could not be saved; errbacks with CwmpFault
        9002 during a reboot and after a stop. Raises MisuseError before the first start, and where it cannot be a
        vendor event.
        """
        return self._device.raise_event(name, command_key)

    def inform(self, about: str = "Inform") -> None:
        """Open a session as soon as possible, with the event ``X <OUI> <about>``.

        As :meth:`raise_event`, but does nothing during a reboot, because a session follows it in any case.
        """
        self._device.inform(about)

    def acs_methods(self) -> Deferred[tuple[str, ...]]:
        """Ask the ACS for the names of its RPCs (GetRPCMethods), in a session as soon as possible.

        Fires with them when the ACS answers, after retries if need be. Errbacks with CwmpFault: the fault of the ACS,
        or 9002 where the agent stops or reboots before, and after a stop. May be cancelled. Raises MisuseError before
        the first start.
        """
        return self._device.acs_methods()

    def request_download(self, file_type: str, arguments: Mapping[str, str] = _NO_ARGUMENTS) -> Deferred[None]:
        """Ask the ACS for a Download (RequestDownload, with ``9 REQUEST DOWNLOAD``), as soon as possible.

        ``arguments``: FileTypeArg, at most 16 pairs of name and value. The request is sent until the ACS has answered
        it or the device boots. Fires when it is saved, or after the warning that it could not be saved; errbacks with
        CwmpFault 9002 during a reboot and after a stop. Raises MisuseError before the first start, and for what no
        request can have.
        """
        return self._device.request_download(file_type, arguments)

    def download(
        self, file_type: str, url: str, *, username: str = "", password: str = "", size: int = 0, target_name: str = ""
    ) -> Deferred[int]:
        """Fetch a file and apply it, without being asked by the ACS; otherwise as for a Download of the ACS.

        ``size``: octets that the file must have, 0 for any. ``target_name`` is passed to the installer. Fires with the
        number of the transfer once it is saved; the fact ``TransferEnded`` with this number has the result. The ACS is
        told by AutonomousTransferComplete where AutonomousTransferCompletePolicy wants it. Errbacks with CwmpFault 9003
        for a wrong argument, 9013 for the scheme of the URL, 9004 if too many transfers are queued, 9002 if it cannot
        be saved, during a reboot and after a stop; with MisuseError for a wrong type and before the first start.
        """
        order = AutonomousOrder(
            kind=Kind.DOWNLOAD,
            file_type=file_type,
            url=url,
            username=username,
            password=password,
            size=size,
            target_name=target_name,
        )
        return Deferred.fromCoroutine(self._device.transfer(order))

    def upload(self, file_type: str, url: str, *, username: str = "", password: str = "") -> Deferred[int]:
        """Write a file of the device and send it to ``url``, without being asked by the ACS; else as :meth:`download`.

        ``file_type`` is one of an Upload, such as ``2 Vendor Log File``.
        """
        order = AutonomousOrder(kind=Kind.UPLOAD, file_type=file_type, url=url, username=username, password=password)
        return Deferred.fromCoroutine(self._device.transfer(order))

    def change_software(
        self,
        operation: str,
        *,
        url: str = "",
        uuid: str = "",
        version: str = "",
        username: str = "",
        password: str = "",
    ) -> Deferred[None]:
        """Install, update or uninstall a software module without being asked by the ACS; else as for a ChangeDUState.

        ``operation``: ``Install``, ``Update`` or ``Uninstall``. Fires once it is saved; the log and the tables of
        Device.SoftwareModules. have the result. The ACS is told by AutonomousDUStateChangeComplete where
        DUStateChangeComplPolicy wants it. Errbacks with CwmpFault 9004 if too many wait, 9002 if it cannot be saved,
        during a reboot and after a stop; with MisuseError for a wrong argument and without ``[software] directory``.
        """
        if operation not in [str(kind) for kind in SoftwareChange]:
            return fail(MisuseError("the operation must be Install, Update or Uninstall"))
        order = Operation(
            kind=SoftwareChange(operation),
            url=url,
            uuid=uuid,
            version=version,
            username=username,
            password=password,
        )
        return Deferred.fromCoroutine(self._device.change_software(order))

    def sleeping(self) -> Deferred[None]:
        """Record that the device enters standby, in which it has no contact with the ACS (TR-069 Annex L).

        Fires when it is saved; never errbacks. Does nothing while the agent is not running: a boot ends a standby.
        """
        return self._device.sleeping()

    def woke(self) -> bool:
        """Record that the device has left standby.

        Returns True where ``13 WAKEUP`` is reported, because StandbyPolicy demands it for what was missed. Returns
        False also while the agent is not running, and without :meth:`sleeping` before.
        """
        return self._device.woke()

    # --- the running agent

    @property
    def runtime(self) -> AgentRuntime:
        """The present runtime; a new one after each reboot that the agent performs itself."""
        return self._device.runtime

    @property
    def rebooting(self) -> bool:
        """Whether the present runtime is about to end: changes are refused until the next one begins."""
        lifecycle = self._assembly.lifecycle
        return lifecycle is not None and lifecycle.rebooting

    @property
    def values(self) -> Mapping[str, FactoryValue]:
        """The factory values of the configuration, by path."""
        return self._values

    async def factory_reset(self) -> None:
        """Reset to factory values, requested at the device. Returns once the request is saved.

        A session under way is aborted. Raises CwmpFault 9002 where the request cannot be saved.
        """
        lifecycle = self._assembly.lifecycle
        if lifecycle is None:
            raise MisuseError("the agent has not been started")
        await lifecycle.local_factory_reset()

    def read_certificates(self) -> Callable[[], None]:
        """Read certificates and keys again, and return a function that applies them. Raises ConfigError."""
        network = self._assembly.network
        fresh = [trust.read_again() for trust in {network.trust, network.xmpp_trust}]

        def apply_all() -> None:
            for apply in fresh:
                apply()

        return apply_all

    # --- the service

    def setServiceParent(self, parent: Any) -> None:
        """Add this service to ``parent``, an application or a MultiService."""
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def check_state(self) -> None:
        """Raise StoreLockedError where another process has the state directory; change nothing."""
        refuse_if_held(self.config.state.directory / LOCK)

    def bind(self) -> Deferred[None]:
        """Listen for ConnectionRequests; a second call has no effect. Errbacks with ConfigError if that fails."""
        return self._assembly.bind()

    def privilegedStartService(self) -> None:
        """Listen before privileges are dropped. Raises ConfigError if an endpoint fails at once."""
        self._assembly.listen()

    def startService(self) -> None:
        """Open the state and begin. Raises StoreError; ConfigError if an endpoint or ``[software]`` fails at once.

        Raises MisuseError where the agent is started already, or its stop is not complete.
        """
        if self.running:
            raise MisuseError("the agent is started already: call startService once, before stopService")
        if self._stopping.locked:
            raise MisuseError("the agent is still stopping: wait for the Deferred that stopService returned")
        if self._beside is not None and not self._beside.running:
            raise MisuseError("the agent given as beside must be started first")
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
        """End the session under way (within 5 seconds), save, and close. Fires when done; a new start may follow."""
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

    def _find_model(self, model: Model | None, beside: Agent | None) -> tuple[Model, str]:
        """The model, and a line about what of its files is not followed exactly; empty if it is logged already."""
        if model is not None:
            return model, ""
        device = self.config.device
        if beside is not None and (beside.config.device.model, beside.config.device.profiles) == (
            device.model,
            device.profiles,
        ):
            return beside._shared, ""
        found = find_model(device.model, profiles=device.profiles, cache=self._cache)
        return found, found.summary

    def _assemble(self, beside: Agent | None) -> Assembly:
        extensions = self._extensions
        return Assembly(
            self.config,
            self._host,
            Additions(
                model=lambda: extensions.model,
                providers=lambda: extensions.providers,
                register=extensions.register_all,
                installers=lambda: extensions.installers,
                software_installer=lambda: extensions.software_installer,
                own_log=self._recent.lines,
                values=self._values,
            ),
            observer=self._observer,
            envelopes=lambda: self._envelopes() or self._recent.wants_envelopes(),
            broken=self._broken,
            beside=beside._assembly if beside is not None else None,
        )

    def _log_start(self, store: Store) -> None:
        if store.moved_aside is not None:
            self._warn(
                f"the state was damaged and is now in {store.moved_aside}: the device starts with factory values"
            )
        for line in store.damaged[:MOST_DAMAGED]:
            self._warn(line)
        if len(store.damaged) > MOST_DAMAGED:
            self._warn(f"{len(store.damaged) - MOST_DAMAGED} more saved entries are damaged: their defaults are used")
        for warning in self._warnings:
            self._warn(warning)
        if self._deviations:
            text = f"the model is not followed exactly: {self._deviations}; --check --verbose lists them"
            self._observer(Noted(text))

    def _observer(self, fact: Fact) -> None:
        """Keep the fact for the control socket, and call the observers; envelopes only where they are requested."""
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
        """Report an error after which no session opens any more."""
        if not failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._report(failure)
            cause = " ".join(failure.getErrorMessage().split()) or type(failure.value).__name__
            self._fatal(f"the agent cannot continue: {cause}")


def _check_arguments(
    config: object, clock: object, chance: object, model: object, beside: object, settings: Mapping[str, object]
) -> None:
    """Raise MisuseError or ConfigError for arguments of a wrong type, and for unknown ones."""
    check_keywords(settings, _KEYWORDS)
    check_type(config, (Config, str, os.PathLike), "config", "a Config or the path of a file")
    check_type(model, Model, "model", "a Model, as find_model returns")
    check_type(beside, Agent, "beside", "an Agent")
    check_type(chance, random.Random, "chance", "a random.Random")
    if clock is not None and not all(callable(getattr(clock, name, None)) for name in _CLOCK):
        raise MisuseError(f"clock must have the methods {', '.join(_CLOCK)}")


def _configured(
    config: Config | str | os.PathLike[str] | None, settings: Mapping[str, object]
) -> tuple[Config, Sequence[str]]:
    """The configuration, and its warnings; the program shows those of a ``Config`` itself."""
    if config is not None and settings:
        source = "Config" if isinstance(config, Config) else "file"
        raise MisuseError(f"{', '.join(settings)} must be set in the {source} that was given")
    if isinstance(config, Config):
        return config, ()
    loaded = from_settings(settings, Path.cwd()) if config is None else load(Path(config))
    return loaded, loaded.warnings
