"""Builds the Inform of a session (TR-069 A.3.3.1)."""

from __future__ import annotations

from collections.abc import Iterable

from cwmpagent.agent.ports import Clock
from cwmpagent.datamodel.tree import Tree
from cwmpagent.protocol.agenda import Snapshot
from cwmpagent.protocol.rpc import DeviceIdStruct, EventStruct, Inform, ParameterValueStruct
from cwmpagent.values import UNKNOWN_TIME, format_time


def device_id(tree: Tree) -> DeviceIdStruct:
    """Who the device is, from its DeviceInfo."""
    info = tree.model.root.path + "DeviceInfo."
    return DeviceIdStruct(
        manufacturer=tree.value(info + "Manufacturer").text,
        oui=tree.value(info + "ManufacturerOUI").text,
        product_class=tree.value(info + "ProductClass").text,
        serial_number=tree.value(info + "SerialNumber").text,
    )


def current_time(clock: Clock) -> str:
    """The wall time with its offset from UTC; Unknown Time while the clock is not to be trusted."""
    if not clock.wall_trusted():
        return UNKNOWN_TIME
    return format_time(int(clock.wall()), clock.utc_offset())


def build_inform(tree: Tree, news: Iterable[str], snapshot: Snapshot, clock: Clock) -> Inform:
    """The Inform that tells ``snapshot``: forced parameters, and those whose change is news."""
    names = dict.fromkeys((*tree.model.forced_inform, *news))
    return Inform(
        device_id=device_id(tree),
        event=tuple(EventStruct(event_code=each.code, command_key=each.command_key) for each in snapshot.events),
        max_envelopes=1,
        current_time=current_time(clock),
        retry_count=snapshot.retry_count,
        parameter_list=tuple(ParameterValueStruct(name, tree.shown(name)) for name in names if tree.exists(name)),
    )
