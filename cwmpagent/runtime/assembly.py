"""Assembly of an agent from its configuration: it opens ports and state, and begins the runtimes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cwmpagent.agent.device_identity import current_time
from cwmpagent.agent.facts import Noted, Observer
from cwmpagent.agent.journal import BOOT_ID
from cwmpagent.agent.options import NotificationOptions, ParameterOptions, SessionOptions, SoftwareOptions
from cwmpagent.agent.ports import Installer, Provider, Restart, SoftwareInstaller
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.config import Config
from cwmpagent.datamodel.schema import Model
from cwmpagent.device.function_provider import passing_time
from cwmpagent.device.linux import linux_providers
from cwmpagent.device.machine import boot_id, uptime
from cwmpagent.device.software.archive import ArchiveLimits
from cwmpagent.device.software.installer import ArchiveInstaller
from cwmpagent.device.url_file import UrlFile
from cwmpagent.errors import ConfigError
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.factory_defaults import FactoryValue
from cwmpagent.runtime.file_transfers import build_files
from cwmpagent.runtime.lifecycle import Lifecycle
from cwmpagent.runtime.network import Host, Network, build_network
from cwmpagent.store.durable import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Additions:
    """Parts of the device that its program adds: the present model, providers, RPCs, installers, and factory values.

    ``own_log``: the last lines of the agent's own log. ``software_installer``: None where it adds none.
    """

    model: Callable[[], Model]
    providers: Callable[[], Sequence[Provider]]
    register: Callable[[Dispatcher], None]
    installers: Callable[[], Sequence[Installer]]
    software_installer: Callable[[], SoftwareInstaller | None]
    own_log: Callable[[], Iterable[str]]
    values: Mapping[str, FactoryValue]


class Assembly:
    """One agent with its network, its state directory and its lifecycle.

    ``observer`` receives every fact; ``envelopes`` returns whether facts of whole messages are required. ``broken`` is
    called with an error after which the agent cannot continue. ``beside``: the agent of this process whose listener is
    shared.
    """

    def __init__(
        self,
        config: Config,
        host: Host,
        additions: Additions,
        *,
        observer: Observer,
        envelopes: Callable[[], bool],
        broken: Callable[[Failure], None],
        beside: Assembly | None,
    ) -> None:
        self._config = config
        self._host = host
        self._additions = additions
        self._observer = observer
        self._envelopes = envelopes
        self._broken = broken
        self._beside = beside
        self.network: Network = build_network(config, host, beside.network if beside is not None else None)
        self._files = build_files(
            config, host, self.network.trust, additions.installers, additions.own_log, observer, self._in_session
        )
        self.lifecycle: Lifecycle | None = None
        self._bound: Deferred[None] | None = None
        self._store: Store | None = None
        self._installer: ArchiveInstaller | None = None
        # Read once: it cannot change while this process runs, and later no descriptor may be free for its file.
        self._boot_id = boot_id()

    def _in_session(self) -> bool:
        return self.lifecycle is not None and self.lifecycle.runtime.sessions.in_session

    def bind(self) -> Deferred[None]:
        """Listen for ConnectionRequests; a second call has no effect. Errbacks with ConfigError if that fails."""
        if self._beside is not None:
            return self._beside.bind()
        if self._bound is None:
            self._bound = Deferred.fromCoroutine(self.network.listener.bind())
        return self._bound

    def listen(self) -> None:
        """Listen by HTTP and UDP. Raises ConfigError if an endpoint fails at once; a later error is fatal."""
        self._raise_at_once(self.bind())
        self.network.udp.listen(self.network.listener.first, own=self._beside is None)

    def open_store(self) -> Store:
        """Open the state directory. Raises StoreError, and ConfigError where ``[software]`` cannot be used."""
        self._software_installer()  # now, while nothing is open
        self._store = Store.open(self._config.state.directory, reactor=self._host.reactor)
        return self._store

    def begin(self) -> None:
        """Begin the first runtime."""
        assert self._store is not None
        process = self._config.device.boot == "process"
        self.lifecycle = Lifecycle(
            self._new_runtime,
            reactor=self._host.reactor,
            clock=self._host.clock,
            store=self._store,
            listener=self.network.listener,
            hooks=self._config.hooks,
            observer=self._observer,
            broken=self._broken,
            booted_at=uptime() if process else 0.0,
        )
        self.lifecycle.begin(process or self._store.load().notes.get(BOOT_ID) != self._boot_id)

    def abandon(self) -> Deferred[None] | None:
        """Undo a start that failed. The Deferred fires when the state is closed; None where it was not open."""
        store, self._store, self.lifecycle = self._store, None, None
        return store.close() if store is not None else None

    async def stop(self) -> bool:
        """End the runtime, save, and close the state. Returns whether there was a runtime."""
        if self._store is None:
            return False
        assert self.lifecycle is not None
        await self.lifecycle.stop()
        await self._store.close()
        self._store = None
        await self.network.datagrams.close()  # agents that share it open it again
        return True

    def close_listener(self) -> Deferred[None] | None:
        """Stop listening by HTTP. Fires when all ports are closed; None where the listener is another agent's."""
        if self._beside is not None:
            return None
        bound, self._bound = self._bound, None
        if bound is not None:
            bound.cancel()
        return self.network.listener.stopService()

    def _raise_at_once(self, done: Deferred[None]) -> None:
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

    def _new_runtime(self, booted: bool, restart: Restart) -> AgentRuntime:
        assert self._store is not None
        return AgentRuntime(
            self._additions.model(),
            self._additions.values,
            self._store.load(),
            self._environment(self._store),
            restart,
            booted=booted,
            boot_id=self._boot_id,
        )

    def _environment(self, store: Store) -> Environment:
        config, host = self._config, self._host
        return Environment(
            timers=host.reactor,
            clock=host.clock,
            random=host.random,
            store=store,
            observer=self._observer,
            sessions=SessionOptions(
                acs=self.network.acs,
                rpc_timeout=config.acs.rpc_timeout,
                lenient=config.acs.lenient,
                envelopes=self._envelopes,
                discovered_url=UrlFile(config.acs.url_file) if config.acs.url_file else None,
            ),
            connection_requests=self.network.connection_requests(config),
            parameters=ParameterOptions(providers=self._providers),
            notification=NotificationOptions(
                poll_interval=config.device.poll_interval, notify=self.network.datagrams.send
            ),
            software=self._software(),
            files=self._files,
            registrations=(self._additions.register,),
        )

    def _software(self) -> SoftwareOptions | None:
        """The options of software modules; None where there is no installer. Raises ConfigError."""
        installer = self._software_installer()
        if installer is None:
            return None
        return SoftwareOptions(
            installer=installer,
            files=self._files.client,
            verify=self._files.verify,
            largest_file=self._config.software.largest_file,
            seconds=self._config.transfers.timeout,
        )

    def _software_installer(self) -> SoftwareInstaller | None:
        """The installer of the program, or that of the configuration. Raises ConfigError."""
        return self._additions.software_installer() or self._archive_installer()

    def _archive_installer(self) -> ArchiveInstaller | None:
        """The installer of this machine, the same one for all runtimes; None without a directory for it."""
        config = self._config.software
        if self._installer is not None or config.directory is None:
            return self._installer
        try:
            self._installer = ArchiveInstaller(
                self._host.reactor,
                config.directory,
                user=config.user or None,
                limits=ArchiveLimits(config.largest_unit, config.most_members),
                log=lambda line: self._observer(Noted(f"software: {line}")),
            )
        except ValueError as error:
            raise ConfigError("software.user", str(error)) from None
        except OSError as error:
            raise ConfigError("software.directory", f"cannot be used: {error.strerror}") from None
        return self._installer

    def _providers(self, root: str) -> Sequence[Provider]:
        lifecycle, clock, device = self.lifecycle, self._host.clock, self._config.device
        assert lifecycle is not None
        time = passing_time(root, uptime=lambda: uptime() - lifecycle.booted_at, local_time=lambda: current_time(clock))
        if device.provider == "simulated":
            return (time, *self._additions.providers())
        live = linux_providers(root, given=self._additions.values, set_hostname=device.set_hostname)
        return (*live, time, *self._additions.providers())
