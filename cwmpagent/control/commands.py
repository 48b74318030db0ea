"""What each command of the control socket does; all changes go through the same door as the ACS's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from cwmpagent.agent.facts import Fact, SessionEnded
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import Clock
from cwmpagent.control import parameters_view
from cwmpagent.control.recent_facts import Item, RecentFacts
from cwmpagent.control.report import Running, events, status
from cwmpagent.control.request import ControlRequest
from cwmpagent.control.support import sections
from cwmpagent.datamodel.identifiers import alias_in, segments
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import ControlError
from cwmpagent.protocol.agenda.events import BOOTSTRAP, Event


@dataclass(frozen=True, slots=True)
class CommandAnswer:
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

    def __init__(self, agent: Running, recent: RecentFacts, clock: Clock) -> None:
        self._agent = agent
        self._recent = recent
        self._clock = clock
        self._started = clock.wall()
        self._commands: Mapping[str, Callable[..., Awaitable[CommandAnswer | Watch]]] = {
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

    async def carry_out(self, request: ControlRequest) -> CommandAnswer | Watch:
        """Raises ControlError, and CwmpFault as the data model does."""
        return await self._commands[request.command](**request.arguments)

    async def status(self) -> CommandAnswer:
        """Who the device is, and how its talk with the ACS goes."""
        return CommandAnswer(status(self._agent, self._recent, self._started))

    async def events(self) -> CommandAnswer:
        """What is pending."""
        return CommandAnswer(events(self._agent.life, self._recent))

    async def get(self, paths: list[str]) -> CommandAnswer:
        """Values of parameters and of all below partial paths."""
        life = self._agent.life
        values = await parameters_view.parameters(life, await parameters_view.named(life, paths))
        return CommandAnswer({"count": len(values)}, parameters_view.items(life.tree, values))

    async def names(self, path: str, all: bool) -> CommandAnswer:
        """Names below a path: the next level, or all."""
        life = self._agent.life
        found: dict[str, bool] = {}
        for each in await parameters_view.named(life, [path]):
            next_level = not all and not (each and life.tree.find(each).parameter)
            found.update(life.tree.names(each, next_level))
        items = ({"name": name, "writable": writable} for name, writable in found.items())
        return CommandAnswer({"count": len(found)}, items)

    async def set(self, values: dict[str, str]) -> CommandAnswer:
        """New values, all or none, as the AccessList allows a Subscriber."""
        self._refuse_while_rebooting()
        life = self._agent.life
        await life.live.rows(list(values))
        assignments = [ParameterAssignment(*pair) for pair in values.items()]
        await self._changes().set_values(assignments, Origin.LOCAL)
        return await self._now_of(await parameters_view.named(life, list(values)))

    async def reset(self, paths: list[str]) -> CommandAnswer:
        """Back to the values of the configuration or the model."""
        names = await parameters_view.named(self._agent.life, paths)
        return await self._now_of(await self._changes().reset_values(names, Origin.LOCAL))

    async def add(self, table: str) -> CommandAnswer:
        """A new row, with the alias that stands behind the table, if there is one."""
        *above, last = segments(table.removesuffix("."))
        alias = "" if alias_in(last) is None else last + "."
        found = await parameters_view.named(self._agent.life, [".".join(above) + "." if alias else table])
        (path, *more) = found or [table]
        if more:
            raise ControlError(f"{table} names several tables: a row is added to one")
        number, _ = await self._changes().add_object(path + alias, Origin.LOCAL)
        return CommandAnswer({"row": f"{path}{number}."})

    async def delete(self, row: str) -> CommandAnswer:
        """A row less."""
        (path, *more) = await parameters_view.named(self._agent.life, [row]) or [row]
        if more:
            raise ControlError(f"{row} names several rows: they are deleted one by one")
        await self._changes().delete_object(path, Origin.LOCAL)
        return CommandAnswer({"row": path})

    async def inform(self, wait: bool) -> CommandAnswer | Watch:
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
        return CommandAnswer({"event": event.code})

    async def trace(self, follow: bool, envelopes: bool) -> CommandAnswer | Watch:
        """The last facts, or those that come."""
        if follow:
            return Watch(lambda fact: True, lambda fact: False, envelopes)
        if envelopes:
            raise ControlError("envelopes are not kept: they can only be followed as they come")
        found = self._recent.items()
        return CommandAnswer({"count": len(found)}, found)

    async def factory_reset(self) -> CommandAnswer:
        """Everything that was written goes."""
        self._refuse_while_rebooting()
        await self._agent.factory_reset()
        return CommandAnswer({"begun": True})

    async def export(self) -> CommandAnswer:
        """All for a support case."""
        life = self._agent.life
        values = await parameters_view.parameters(life, [""])
        return CommandAnswer(
            {"count": len(values)}, sections(self._agent, self._recent, self._started, self._clock, values)
        )

    def _refuse_while_rebooting(self) -> None:
        if self._agent.rebooting:
            raise ControlError("the device is rebooting: nothing is changed now; try again in a moment")

    def _changes(self) -> Changes:
        self._refuse_while_rebooting()
        return self._agent.life.changes

    async def _now_of(self, names: Iterable[str]) -> CommandAnswer:
        """The values that parameters have now."""
        life = self._agent.life
        values = await parameters_view.parameters(life, [name for name in names if life.tree.exists(name)])
        return CommandAnswer({"count": len(values)}, parameters_view.items(life.tree, values))
