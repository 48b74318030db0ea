"""The commands of the control socket; they change parameters in the same way as the ACS does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cwmpagent.agent.device_identity import manufacturer_oui
from cwmpagent.agent.facts import AcsMethods, Fact, SessionEnded, TransferEnded
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.ports import Clock
from cwmpagent.agent.report import Report
from cwmpagent.agent.transfers.autonomous import AutonomousOrder
from cwmpagent.control import parameters_view
from cwmpagent.control.recent_facts import Item, RecentFacts
from cwmpagent.control.report import Running, events, reports, status
from cwmpagent.control.request import ControlRequest
from cwmpagent.control.support import sections
from cwmpagent.datamodel.identifiers import alias_in, segments
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import ControlError, MisuseError
from cwmpagent.protocol.agenda.events import BOOTSTRAP, REQUEST_DOWNLOAD, WAKEUP, Event
from cwmpagent.protocol.transfers.record import Kind
from cwmpagent.runtime.transfers import Transfers


@dataclass(frozen=True, slots=True)
class CommandAnswer:
    """The answer to a command: items, one line each, made only as the client reads them, and then the result."""

    result: Item
    items: Iterable[Item] = ()


@dataclass(frozen=True, slots=True)
class Watch:
    """A subscription to new facts: those that ``matches`` accepts, up to and including the first that ``ends`` accepts.

    ``begin`` is called once the subscription is active.
    """

    matches: Callable[[Fact], bool]
    ends: Callable[[Fact], bool]
    envelopes: bool = False
    begin: Callable[[], None] = lambda: None


class Commands:
    """The commands of one agent. Each is executed on the runtime that is present at that time."""

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
            "acs-methods": self.acs_methods,
            "request-download": self.request_download,
            "transfer": self.transfer,
            "sleeping": self.sleeping,
            "woke": self.woke,
            "events": self.events,
            "trace": self.trace,
            "reset": self.reset,
            "factory-reset": self.factory_reset,
            "export": self.export,
        }

    async def carry_out(self, request: ControlRequest) -> CommandAnswer | Watch:
        """Execute ``request``. Raises ControlError, and CwmpFault from the data model."""
        return await self._commands[request.command](**request.arguments)

    async def status(self) -> CommandAnswer:
        """Report the state of the device and of its sessions."""
        return CommandAnswer(status(self._reports()))

    async def events(self) -> CommandAnswer:
        """Report undelivered events and planned sessions."""
        return CommandAnswer(events(self._reports()))

    async def get(self, paths: list[str]) -> CommandAnswer:
        """Read the values of parameters, and of all parameters below partial paths."""
        runtime = self._agent.runtime
        values = await parameters_view.parameters(runtime, await parameters_view.named(runtime, paths))
        return CommandAnswer({"count": len(values)}, parameters_view.items(runtime, values))

    async def names(self, path: str, all: bool) -> CommandAnswer:
        """List the names below a path: the next level, or all levels."""
        runtime = self._agent.runtime
        names: dict[str, bool] = {}
        for full_path in await parameters_view.named(runtime, [path]):
            next_level = not all and not (full_path and runtime.tree.find(full_path).parameter)
            names.update(runtime.parameters.access.names(full_path, next_level))
        items = ({"name": name, "writable": writable} for name, writable in names.items())
        return CommandAnswer({"count": len(names)}, items)

    async def set(self, values: dict[str, str]) -> CommandAnswer:
        """Set parameters, all or none, where the AccessList allows a Subscriber to write."""
        self._refuse_while_rebooting()
        runtime = self._agent.runtime
        await runtime.refresher.rows(list(values))
        assignments = [ParameterAssignment(*pair) for pair in values.items()]
        await self._changes().set_values(assignments, Origin.LOCAL)
        return await self._present_values(await parameters_view.named(runtime, list(values)))

    async def reset(self, paths: list[str]) -> CommandAnswer:
        """Reset parameters to the values of the configuration or the model."""
        names = await parameters_view.named(self._agent.runtime, paths)
        return await self._present_values(await self._changes().reset_values(names, Origin.LOCAL))

    async def add(self, table: str) -> CommandAnswer:
        """Add a row to ``table``. A path such as ``Device.Table.[name].`` gives the new row that alias."""
        *above, last = segments(table.removesuffix("."))
        alias = "" if alias_in(last) is None else last + "."
        tables = await parameters_view.named(self._agent.runtime, [".".join(above) + "." if alias else table])
        (path, *more) = tables or [table]
        if more:
            raise ControlError(f"{table} matches several tables: name one of them")
        number, _ = await self._changes().add_object(path + alias, Origin.LOCAL)
        return CommandAnswer({"row": f"{path}{number}."})

    async def delete(self, row: str) -> CommandAnswer:
        """Delete a row."""
        (path, *more) = await parameters_view.named(self._agent.runtime, [row]) or [row]
        if more:
            raise ControlError(f"{row} matches several rows: delete them one by one")
        await self._changes().delete_object(path, Origin.LOCAL)
        return CommandAnswer({"row": path})

    async def inform(self, wait: bool) -> CommandAnswer | Watch:
        """Open a session now, with a vendor event: no EventCode of TR-069 3.7.1.5 fits."""
        self._refuse_while_rebooting()
        runtime = self._agent.runtime
        event = self._local_inform()

        def concerns(fact: Fact) -> bool:
            # The bootstrap of a new ACS discards the event. The session with it counts as well.
            return isinstance(fact, SessionEnded) and not {event.code, BOOTSTRAP}.isdisjoint(fact.events)

        def begin() -> None:
            runtime.events.raise_event(event)

        if wait:
            return Watch(concerns, concerns, begin=begin)
        begin()
        return CommandAnswer({"event": event.code})

    async def acs_methods(self) -> Watch:
        """Ask the ACS for its RPCs, in a session that opens now; the last item is the answer or a failed session."""
        self._refuse_while_rebooting()
        runtime = self._agent.runtime
        event = self._local_inform()

        def begin() -> None:
            runtime.acs_methods.ask(event).addErrback(lambda failure: None)  # the fact has it

        def concerns(fact: Fact) -> bool:
            return isinstance(fact, AcsMethods) or (isinstance(fact, SessionEnded) and not fact.success)

        return Watch(concerns, concerns, begin=begin)

    async def request_download(self, file_type: str, arguments: dict[str, str]) -> CommandAnswer:
        """Ask the ACS for a Download; the answer is sent when that is saved."""
        self._refuse_while_rebooting()
        try:
            await self._transfers().download_requests.ask(file_type, arguments)
        except MisuseError as error:
            raise ControlError(str(error)) from error
        return CommandAnswer({"event": REQUEST_DOWNLOAD})

    async def transfer(self, direction: str, wait: bool, **order: Any) -> CommandAnswer | Watch:
        """Begin a transfer that the ACS has not asked for; ``order``: the other members of an AutonomousOrder."""
        self._refuse_while_rebooting()
        kind = Kind.DOWNLOAD if direction == "download" else Kind.UPLOAD
        number = await self._transfers().autonomous.begin(AutonomousOrder(kind=kind, **order))

        def concerns(fact: Fact) -> bool:
            return isinstance(fact, TransferEnded) and fact.number == number

        # The transfer makes its first step in a later call of the reactor, so the watch misses nothing.
        return Watch(concerns, concerns) if wait else CommandAnswer({"number": number})

    async def sleeping(self) -> CommandAnswer:
        """Record that the device enters standby; the answer is sent when that is saved."""
        self._refuse_while_rebooting()
        await self._agent.runtime.standby.sleeping()
        return CommandAnswer({"sleeping": True})

    async def woke(self) -> CommandAnswer:
        """Record that the device has left standby, and tell whether that is reported to the ACS."""
        self._refuse_while_rebooting()
        return CommandAnswer({"event": WAKEUP if self._agent.runtime.standby.woke() else None})

    async def trace(self, follow: bool, envelopes: bool) -> CommandAnswer | Watch:
        """List recent facts, or subscribe to new ones."""
        if follow:
            return Watch(lambda fact: True, lambda fact: False, envelopes)
        if envelopes:
            raise ControlError("envelopes are not kept: use them with follow, which shows new ones")
        items = self._recent.items()
        return CommandAnswer({"count": len(items)}, items)

    async def factory_reset(self) -> CommandAnswer:
        """Reset the device to factory values."""
        self._refuse_while_rebooting()
        await self._agent.factory_reset()
        return CommandAnswer({"begun": True})

    async def export(self) -> CommandAnswer:
        """Export the whole state, for a support case."""
        runtime = self._agent.runtime
        values = await parameters_view.parameters(runtime, [""])
        return CommandAnswer(
            {"count": len(values)}, sections(self._agent, self._recent, self._started, self._clock, values)
        )

    def _reports(self) -> Sequence[Report]:
        return reports(self._agent, self._recent, self._started)

    def _local_inform(self) -> Event:
        """The event of a session that a user opens. Raises ControlError while no session can open."""
        runtime = self._agent.runtime
        if not runtime.server.flag("EnableCWMP", True):
            raise ControlError(f"no session opens while {runtime.server.path('EnableCWMP')} is false")
        return Event(f"X {manufacturer_oui(runtime.tree)} Local Inform")

    def _refuse_while_rebooting(self) -> None:
        if self._agent.rebooting:
            raise ControlError("the device is rebooting and accepts no changes: try again in a moment")

    def _transfers(self) -> Transfers:
        transfers = self._agent.runtime.transfers
        if transfers is None:
            raise ControlError("this agent transfers no files")
        return transfers

    def _changes(self) -> Changes:
        self._refuse_while_rebooting()
        return self._agent.runtime.changes

    async def _present_values(self, names: Iterable[str]) -> CommandAnswer:
        """The present values of ``names``; names that do not exist are left out."""
        runtime = self._agent.runtime
        values = await parameters_view.parameters(runtime, [name for name in names if runtime.tree.exists(name)])
        return CommandAnswer({"count": len(values)}, parameters_view.items(runtime, values))
