"""The side of an agent that the program around it sees: what it adds before the start, and what it tells afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed

from cwmpagent.agent.facts import Fact
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.agent.ports import Provider
from cwmpagent.agent.session.dispatcher import Dispatcher, Performer
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.schema import Model, ParameterDefinition
from cwmpagent.datamodel.vendor_parameter import with_parameter
from cwmpagent.embedding.observers import Observers
from cwmpagent.embedding.python_values import text_of
from cwmpagent.embedding.vendor_extensions import Range, VendorParameter, check_rpc, new_parameter, performer
from cwmpagent.errors import CwmpFault, MisuseError
from cwmpagent.protocol.agenda.events import Event
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.lifecycle import Lifecycle

LONGEST_EVENT = 64
"""Characters of an EventCode (TR-069 A.3.3.1, EventStruct)."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


class ProgramApi(Service):
    """What is added belongs to the device from its next start; all of it is refused (MisuseError) while it runs.

    :attr:`model` is what the device has: the model it was given, and the parameters that were added.
    """

    def __init__(self, model: Model, monotonic: Callable[[], float]) -> None:
        self.model = model
        self._observers = Observers(monotonic)
        self._performers: dict[str, Performer] = {}
        self._added: list[Provider] = []
        self._own: set[str] = set()
        self._looks: set[Deferred[None]] = set()
        self._lives: Lifecycle | None = None

    @property
    def life(self) -> AgentRuntime:
        """The parts of the agent as it runs now; another one after each reboot that the agent plays itself."""
        if self._lives is None:
            raise MisuseError("the agent has not been started")
        return self._lives.life

    @property
    def rebooting(self) -> bool:
        """Whether the present life is at its end: until the next one begins, nothing may be changed."""
        return self._lives is not None and self._lives.rebooting

    def rpc(self, name: str) -> Callable[[_Function], _Function]:
        """Decorates the function that carries out the vendor's RPC ``name`` (``X_<VENDOR>_<Name>``).

        The function gets the arguments, a mapping of names to texts, and gives those of the answer, or None for an
        answer without any: names to str, numbers, True and False. It may be a coroutine or return a Deferred; after
        ``[acs] rpc_timeout`` that is cancelled, and the ACS gets fault 9002. It refuses by raising
        :class:`~cwmpagent.errors.CwmpFault`; any other error is a 9002 and a fact (``RpcCrashed``).
        Raises MisuseError for a name that no vendor's RPC can have, or that is taken.
        """
        self._check_rpc(name)

        def add(function: _Function) -> _Function:
            self.register(name, performer(name, function))
            return function

        return add

    def register(self, rpc: str, perform: Performer) -> None:
        """As :meth:`rpc`, for a function that wants the RPC whole.

        ``perform`` takes a :class:`~cwmpagent.protocol.rpc.GenericRequest` and returns a ``GenericResponse``, or an
        awaitable of one.
        """
        self._check_rpc(rpc)
        self._performers[rpc] = perform

    def parameter(
        self, path: str, *, type: str = "string", range: Range | None = None, unit: str = ""
    ) -> Callable[[Callable[[], Any]], VendorParameter]:
        """Decorates the function that reads the vendor's parameter ``path``, a new one in an object of the model.

        ``type`` is a word of CWMP: string, int, unsignedInt, long, unsignedLong, decimal, boolean, dateTime, base64,
        hexBinary. ``range``: the lowest and highest number, None where that end is open; ``unit``: what they count,
        for the sentence that refuses others. The function gives str, int, bool, bytes, whatever is natural for the
        type, or an awaitable of it, and is called whenever somebody wants to know. It becomes a
        ``VendorParameter``, whose ``setter`` decorates the function that writes.
        Raises MisuseError where such a parameter cannot be.
        """
        self._refuse_while_running(path)
        definition = new_parameter(self.model, path, type, range, unit)

        def define(definition: ParameterDefinition) -> None:
            self._refuse_while_running(path)
            self.model = with_parameter(self.model, path.rpartition(".")[0] + ".", definition)

        def add(read: Callable[[], Any]) -> VendorParameter:
            new_parameter(self.model, path, type, range, unit)  # a decorator may be kept, and used twice
            made = VendorParameter(path, definition, read, define=define, announce=self.changed)
            self.add_provider(made)
            self._own.add(path)
            return made

        return add

    def add_provider(self, provider: Provider) -> None:
        """Let ``provider`` (:class:`cwmpagent.device.provider.Provider`) supply its part of the device.

        Where others answer for the same path, the one that was added last counts.
        """
        self._refuse_while_running("a provider")
        for name in ("paths", "tables"):
            given = getattr(provider, name, None)
            if given is None or isinstance(given, str):
                raise MisuseError(f"{name} of the provider {provider!r} must be a list of paths")
        self._added.append(provider)

    def observe(self, observer: Callable[[Fact], object]) -> Callable[[Fact], object]:
        """Tell ``observer`` every fact from now on (:mod:`cwmpagent.agent.facts`); may be used as a decorator.

        It is called in the middle of the agent's work and must return soon. What it raises is logged, once a minute at
        most, and harms nobody.
        """
        self._observers.add(observer)
        return observer

    def set(self, path: str, value: object) -> Deferred[None]:
        """The device has changed a parameter by itself: fires when that is saved, and the ACS will be told if it asks.

        ``value`` is of Python's natural type, or a text as CWMP writes it; parameters that an ACS may only read can
        be set as well. Errbacks with CwmpFault for an unknown path or a value that the model does not allow, or that
        cannot be saved now, TypeError for a value of a wrong type, MisuseError for a parameter that was added with
        :meth:`parameter` (its function knows the value: see :meth:`changed`) and while the agent is not running.
        """
        return Deferred.fromCoroutine(self._set(path, value))

    def changed(self, path: str) -> Deferred[None]:
        """What a provider answers for at ``path``, a parameter or an object, has other values now.

        They are read again, and the ACS is told of those that it watches: at once of those with active notification.
        Fires when they are read; never errbacks, so it need not be waited for. Does nothing while the agent is not
        running, as everything is compared at the start. Raises MisuseError for a path that the model does not have.
        """
        if self.model.definition(path) is None:
            raise MisuseError(f"{path}: the model {self.model.name} has no such parameter or object")
        if not self._running:
            return succeed(None)
        look = Deferred.fromCoroutine(self._look(path))
        if not look.called:
            self._looks.add(look)
            look.addBoth(lambda _: self._looks.discard(look))
        return look

    def inform(self, about: str = "Inform") -> None:
        """Open a session as soon as possible; the ACS sees the event ``X <OUI> <about>``.

        It is retried until the ACS has been told. Does nothing during a reboot, whose end opens a session in any case.
        Raises MisuseError while the agent is not running, and where ``about`` cannot stand in an event.
        """
        life = self.life
        event = f"X {life.tree.value(life.tree.model.root.path + 'DeviceInfo.ManufacturerOUI').text} {about}"
        if not (about.isascii() and about.isprintable() and about[:1].strip() and len(event) <= LONGEST_EVENT):
            raise MisuseError(f"{about[:LONGEST_EVENT]!r} cannot stand in an event: a few ASCII letters and digits can")
        if self._running:
            life.happened(Event(event))

    @property
    def _running(self) -> bool:
        return self._lives is not None and not self._lives.rebooting and not self._lives.stopping

    def _register(self, dispatcher: Dispatcher) -> None:
        for name, perform in self._performers.items():
            dispatcher.register(name, perform)

    def _check_rpc(self, name: str) -> None:
        self._refuse_while_running(name)
        check_rpc(name)
        if name in self._performers:
            raise MisuseError(f"the RPC {name} is there already")

    def _refuse_while_running(self, what: str) -> None:
        if self._lives is not None and not self._lives.stopping:
            raise MisuseError(f"{what}: must be added before the agent is started")

    async def _set(self, path: str, value: object) -> None:
        if path in self._own:
            raise MisuseError(f"{path}: its function knows the value; change it there, and call changed()")
        life = self.life
        if not self._running:
            raise CwmpFault(9002, "the device is rebooting, or the agent has been stopped")
        text = text_of(life.tree.definition(path).kind, value)
        try:
            await life.changes.set_values([ParameterAssignment(path, text)], Origin.DEVICE)
        except CwmpFault as fault:
            for each in fault.parameters:
                raise CwmpFault(each.code, each.text) from fault
            raise
        await self.changed(path)

    async def _look(self, path: str) -> None:
        assert self._lives is not None
        try:
            await self._lives.life.look(path)
        except CancelledError:  # the agent stops, and compares everything at its next start
            return

    def _stop_looking(self) -> None:
        for look in tuple(self._looks):
            look.cancel()
