"""The commands of the control socket; they change parameters in the same way as the ACS does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cwmpagent.agent.facts import Fact, SessionEnded
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import Clock
from cwmpagent.agent.report import Report
from cwmpagent.control import parameters_view
from cwmpagent.control.recent_facts import Item, RecentFacts
from cwmpagent.control.report import Running, events, reports, status
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
    """Facts as they happen: those for which ``wanted`` is true, up to and with the first for which ``last`` is.

    ``begin`` is called once they are followed.
    """

    wanted: Callable[[Fact], bool]
    last: Callable[[Fact], bool]
    envelopes: bool = False
    begin: Callable[[], None] = lambda: None


class Commands:
    """Carries requests out, each on the present runtime of the agent."""

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
        """The state of the device and its sessions at a glance."""
        return CommandAnswer(status(self._reports()))

    async def events(self) -> CommandAnswer:
        """Events still to be delivered, and planned sessions."""
        return CommandAnswer(events(self._reports()))

    async def get(self, paths: list[str]) -> CommandAnswer:
        """Values of parameters and of all below partial paths."""
        runtime = self._agent.runtime
        values = await parameters_view.parameters(runtime, await parameters_view.named(runtime, paths))
        return CommandAnswer({"count": len(values)}, parameters_view.items(runtime, values))

    async def names(self, path: str, all: bool) -> CommandAnswer:
        """Names below a path: the next level, or all."""
        runtime = self._agent.runtime
        found: dict[str, bool] = {}
        for each in await parameters_view.named(runtime, [path]):
            next_level = not all and not (each and runtime.tree.find(each).parameter)
            found.update(runtime.parameters.access.names(each, next_level))
        items = ({"name": name, "writable": writable} for name, writable in found.items())
        return CommandAnswer({"count": len(found)}, items)

    async def set(self, values: dict[str, str]) -> CommandAnswer:
        """New values, all or none, as the AccessList allows a Subscriber."""
        self._refuse_while_rebooting()
        runtime = self._agent.runtime
        await runtime.refresher.rows(list(values))
        assignments = [ParameterAssignment(*pair) for pair in values.items()]
        await self._changes().set_values(assignments, Origin.LOCAL)
        return await self._now_of(await parameters_view.named(runtime, list(values)))

    async def reset(self, paths: list[str]) -> CommandAnswer:
        """Return parameters to the values of the configuration or the model."""
        names = await parameters_view.named(self._agent.runtime, paths)
        return await self._now_of(await self._changes().reset_values(names, Origin.LOCAL))

    async def add(self, table: str) -> CommandAnswer:
        """A new row, with the alias that stands behind the table, if there is one."""
        *above, last = segments(table.removesuffix("."))
        alias = "" if alias_in(last) is None else last + "."
        found = await parameters_view.named(self._agent.runtime, [".".join(above) + "." if alias else table])
        (path, *more) = found or [table]
        if more:
            raise ControlError(f"{table} names several tables: a row is added to one")
        number, _ = await self._changes().add_object(path + alias, Origin.LOCAL)
        return CommandAnswer({"row": f"{path}{number}."})

    async def delete(self, row: str) -> CommandAnswer:
        """Delete a row."""
        (path, *more) = await parameters_view.named(self._agent.runtime, [row]) or [row]
        if more:
            raise ControlError(f"{row} names several rows: they are deleted one by one")
        await self._changes().delete_object(path, Origin.LOCAL)
        return CommandAnswer({"row": path})

    async def inform(self, wait: bool) -> CommandAnswer | Watch:
        """A session now, with a vendor's event: none of the standard's is for this (TR-069 3.7.1.5)."""
        self._refuse_while_rebooting()
        runtime = self._agent.runtime
        if not runtime.server.flag("EnableCWMP", True):
            raise ControlError(f"no session opens while {runtime.server.path('EnableCWMP')} is false")
        oui = runtime.tree.value(runtime.tree.model.root.path + "DeviceInfo.ManufacturerOUI").text
        event = Event(f"X {oui} Local Inform")

        def concerns(fact: Fact) -> bool:
            # A bootstrap for another ACS discards the event, and is a session as well.
            return isinstance(fact, SessionEnded) and not {event.code, BOOTSTRAP}.isdisjoint(fact.events)

        def begin() -> None:
            runtime.events.raise_event(event)

        if wait:
            return Watch(concerns, concerns, begin=begin)
        begin()
        return CommandAnswer({"event": event.code})

    async def trace(self, follow: bool, envelopes: bool) -> CommandAnswer | Watch:
        """Recent facts, or new ones as they happen."""
        if follow:
            return Watch(lambda fact: True, lambda fact: False, envelopes)
        if envelopes:
            raise ControlError("envelopes are not kept: they can only be followed as they come")
        found = self._recent.items()
        return CommandAnswer({"count": len(found)}, found)

    async def factory_reset(self) -> CommandAnswer:
        """Return to factory values."""
        self._refuse_while_rebooting()
        await self._agent.factory_reset()
        return CommandAnswer({"begun": True})

    async def export(self) -> CommandAnswer:
        """The whole state, for a support case."""
        runtime = self._agent.runtime
        values = await parameters_view.parameters(runtime, [""])
        return CommandAnswer(
            {"count": len(values)}, sections(self._agent, self._recent, self._started, self._clock, values)
        )

    def _reports(self) -> Sequence[Report]:
        return reports(self._agent, self._recent, self._started)

    def _refuse_while_rebooting(self) -> None:
        if self._agent.rebooting:
            raise ControlError("the device is rebooting: nothing is changed now; try again in a moment")

    def _changes(self) -> Changes:
        self._refuse_while_rebooting()
        return self._agent.runtime.changes

    async def _now_of(self, names: Iterable[str]) -> CommandAnswer:
        """The values that parameters have now."""
        runtime = self._agent.runtime
        values = await parameters_view.parameters(runtime, [name for name in names if runtime.tree.exists(name)])
        return CommandAnswer({"count": len(values)}, parameters_view.items(runtime, values))
