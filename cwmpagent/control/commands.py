"""What each command of the control socket does; all changes go through the same door as the ACS's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from cwmpagent.agent.changes import Changes, Origin
from cwmpagent.agent.facts import Fact, SessionEnded
from cwmpagent.agent.ports import Clock
from cwmpagent.control import shown
from cwmpagent.control.recent import Item, Recent
from cwmpagent.control.report import Running, events, status
from cwmpagent.control.request import Request
from cwmpagent.control.support import sections
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import ControlError
from cwmpagent.protocol.events import BOOTSTRAP, Event


@dataclass(frozen=True, slots=True)
class Answer:
    """Items, each a line of its own and made when the client takes it, and then the result."""

    result: Item
    items: Iterable[Item] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """Facts as they happen: those of ``wanted``, each an item, up to and with the first of ``last``.

    ``begin`` is called once they are being watched.
    """

    wanted: Callable[[Fact], bool]
    last: Callable[[Fact], bool]
    envelopes: bool = False
    begin: Callable[[], None] = lambda: None


class Commands:
    """Carries requests out, each on the agent's present life."""

    def __init__(self, agent: Running, recent: Recent, clock: Clock) -> None:
        self._agent = agent
        self._recent = recent
        self._clock = clock
        self._started = clock.wall()
        self._commands: Mapping[str, Callable[..., Awaitable[Answer | Watch]]] = {
            "status": self.status,
            "get": self.get,
            "set": self.set,
            "add": self.add,
            "delete": self.delete,
            "names": self.names,
            "inform": self.inform,
            "events": self.events,
            "trace": self.trace,
            "reset": self.reset,
            "factory-reset": self.factory_reset,
            "export": self.export,
        }

    async def carry_out(self, request: Request) -> Answer | Watch:
        """Raises ControlError, and CwmpFault as the data model does."""
        return await self._commands[request.command](**request.arguments)

    async def status(self) -> Answer:
        """Who the device is, and how its talk with the ACS goes."""
        return Answer(status(self._agent, self._recent, self._started))

    async def events(self) -> Answer:
        """What is pending."""
        return Answer(events(self._agent.life, self._recent))

    async def get(self, paths: list[str]) -> Answer:
        """Values of parameters and of all below partial paths."""
        life = self._agent.life
        values = await shown.parameters(life, paths)
        return Answer({"count": len(values)}, shown.items(life.tree, values))

    async def names(self, path: str, all: bool) -> Answer:
        """Names below a path: the next level, or all."""
        tree = self._agent.life.tree
        found = tree.names(shown.path_of(tree, path), not all and not _is_parameter(tree, path))
        return Answer({"count": len(found)}, ({"name": name, "writable": writable} for name, writable in found))

    async def set(self, values: dict[str, str]) -> Answer:
        """New values, all or none, as the AccessList allows a Subscriber."""
        changes = self._changes()
        await changes.set_values([ParameterAssignment(*pair) for pair in values.items()], Origin.LOCAL)
        return await self._now_of(values)

    async def reset(self, paths: list[str]) -> Answer:
        """Back to the values of the configuration or the model."""
        changes = self._changes()
        tree = self._agent.life.tree
        names = await changes.reset_values([shown.path_of(tree, path) for path in paths], Origin.LOCAL)
        return await self._now_of(names)

    async def add(self, table: str) -> Answer:
        """A new row."""
        changes = self._changes()
        path = shown.path_of(self._agent.life.tree, table)
        number = await changes.add_object(path, Origin.LOCAL)
        return Answer({"row": f"{path}{number}."})

    async def delete(self, row: str) -> Answer:
        """A row less."""
        changes = self._changes()
        path = shown.path_of(self._agent.life.tree, row)
        await changes.delete_object(path, Origin.LOCAL)
        return Answer({"row": path})

    async def inform(self, wait: bool) -> Answer | Watch:
        """A session now, told as a vendor's event: none of the standard's is for this (TR-069 3.7.1.5)."""
        self._refuse_while_rebooting()
        life = self._agent.life
        if not life.server.flag("EnableCWMP", True):
            raise ControlError(f"no session opens while {life.server.path('EnableCWMP')} is false")
        oui = life.tree.value(life.tree.model.root.path + "DeviceInfo.ManufacturerOUI").text
        event = Event(f"X {oui} Local Inform")

        def tells(fact: Fact) -> bool:
            # A bootstrap for another ACS discards the event, and is a session as well.
            return isinstance(fact, SessionEnded) and not {event.code, BOOTSTRAP}.isdisjoint(fact.events)

        if wait:
            return Watch(tells, tells, begin=lambda: life.happened(event))
        life.happened(event)
        return Answer({"event": event.code})

    async def trace(self, follow: bool, envelopes: bool) -> Answer | Watch:
        """The last facts, or those that come."""
        if follow:
            return Watch(lambda fact: True, lambda fact: False, envelopes)
        if envelopes:
            raise ControlError("envelopes are not kept: they can only be followed as they come")
        found = self._recent.items()
        return Answer({"count": len(found)}, found)

    async def factory_reset(self) -> Answer:
        """Everything that was written goes."""
        self._refuse_while_rebooting()
        await self._agent.factory_reset()
        return Answer({"begun": True})

    async def export(self) -> Answer:
        """All for a support case."""
        life = self._agent.life
        values = await shown.parameters(life, [""])
        return Answer({"count": len(values)}, sections(self._agent, self._recent, self._started, self._clock, values))

    def _refuse_while_rebooting(self) -> None:
        if self._agent.rebooting:
            raise ControlError("the device is rebooting: nothing is changed now; try again in a moment")

    def _changes(self) -> Changes:
        self._refuse_while_rebooting()
        return self._agent.life.changes

    async def _now_of(self, names: Iterable[str]) -> Answer:
        """The values that parameters have now."""
        life = self._agent.life
        values = await shown.parameters(life, filter(life.tree.exists, names))
        return Answer({"count": len(values)}, shown.items(life.tree, values))


def _is_parameter(tree: Tree, path: str) -> bool:
    return bool(path) and tree.exists(path) and tree.find(path).parameter is not None
