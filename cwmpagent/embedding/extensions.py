"""Extensions: the RPCs, parameters, providers and installers that a program adds to its device before the start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.internet.defer import Deferred

from cwmpagent.agent.ports import Installer, Provider, SoftwareInstaller
from cwmpagent.agent.session.dispatcher import Dispatcher, Performer
from cwmpagent.datamodel.schema import Model, ParameterDefinition
from cwmpagent.datamodel.vendor_parameter import with_parameter
from cwmpagent.embedding.arguments import check_function, check_provider
from cwmpagent.embedding.program_installer import ProgramInstaller, check_installer, check_types
from cwmpagent.embedding.vendor_extensions import Range, VendorParameter, check_rpc, new_parameter, performer
from cwmpagent.errors import MisuseError

Function = TypeVar("Function", bound=Callable[..., Any])
_SOFTWARE = tuple(sorted(name for name in vars(SoftwareInstaller) if not name.startswith("_")))


class Extensions:
    """The extensions of one program. While ``running()``, additions are refused (MisuseError).

    :attr:`model` is the model of the device with the added parameters. ``announce`` is called when an added parameter
    has a new value.
    """

    def __init__(self, model: Model, *, running: Callable[[], bool], announce: Callable[[str], Deferred[None]]) -> None:
        self.model = model
        self.providers: list[Provider] = []
        self.installers: list[Installer] = []
        self.software_installer: SoftwareInstaller | None = None
        self._running = running
        self._announce = announce
        self._performers: dict[str, Performer] = {}
        self._added: set[str] = set()

    def has_parameter(self, path: str) -> bool:
        """Whether the parameter ``path`` was added, so that its function supplies its value."""
        return path in self._added

    def register_all(self, dispatcher: Dispatcher) -> None:
        """Register the RPCs with a dispatcher."""
        for name, perform in self._performers.items():
            dispatcher.register(name, perform)

    def rpc(self, name: str) -> Callable[[Function], Function]:
        """See :meth:`cwmpagent.Agent.rpc`."""
        self._check_rpc(name)

        def add(function: Function) -> Function:
            check_function(function, f"the performer of {name}", f"put @agent.rpc({name!r}) above a function")
            self.register(name, performer(name, function))
            return function

        return add

    def register(self, rpc: str, perform: Performer) -> None:
        """See :meth:`cwmpagent.Agent.register`."""
        self._check_rpc(rpc)
        check_function(perform, f"the second argument of register({rpc!r}, ...)", "register(name, function)")
        self._performers[rpc] = perform

    def parameter(
        self, path: str, type: str, range: Range | None, unit: str
    ) -> Callable[[Callable[[], Any]], VendorParameter]:
        """See :meth:`cwmpagent.Agent.parameter`."""
        self._refuse_while_running(path)
        definition = new_parameter(self.model, path, type, range, unit)

        def define(definition: ParameterDefinition) -> None:
            self._refuse_while_running(path)
            self.model = with_parameter(self.model, path.rpartition(".")[0] + ".", definition)

        def add(read: Callable[[], Any]) -> VendorParameter:
            check_function(read, f"the reader of {path}", f"put @agent.parameter({path!r}) above a function")
            new_parameter(self.model, path, type, range, unit)  # again, because a decorator may be used twice
            added = VendorParameter(path, definition, read, define=define, announce=self._announce)
            self.add_provider(added)
            self._added.add(path)
            return added

        return add

    def add_provider(self, provider: Provider) -> None:
        """See :meth:`cwmpagent.Agent.add_provider`."""
        self._refuse_while_running("a provider")
        check_provider(provider)
        self.providers.append(provider)

    def installer(self, *types: str) -> Callable[[Callable[..., Any]], ProgramInstaller]:
        """See :meth:`cwmpagent.Agent.installer`."""
        self._refuse_while_running("an installer")
        check_types(types)

        def add(function: Callable[..., Any]) -> ProgramInstaller:
            check_function(function, "an installer", f"put @agent.installer({types[0]!r}) above a function")
            added = ProgramInstaller(types, function)
            self.add_installer(added)
            return added

        return add

    def add_installer(self, installer: Installer) -> None:
        """See :meth:`cwmpagent.Agent.add_installer`."""
        self._refuse_while_running("an installer")
        check_installer(installer)
        self.installers.insert(0, installer)

    def set_software_installer(self, installer: SoftwareInstaller) -> None:
        """See :meth:`cwmpagent.Agent.set_software_installer`."""
        self._refuse_while_running("an installer of software modules")
        missing = [name for name in _SOFTWARE if not callable(getattr(installer, name, None))]
        if missing:
            raise MisuseError(f"an installer of software modules needs the methods {', '.join(missing)}")
        self.software_installer = installer

    def _check_rpc(self, name: str) -> None:
        self._refuse_while_running(name)
        check_rpc(name)
        if name in self._performers:
            raise MisuseError(f"the RPC {name} is registered already")

    def _refuse_while_running(self, addition: str) -> None:
        if self._running():
            raise MisuseError(f"{addition}: must be added before the agent is started")
