"""Builds the Inform of a session (TR-069 A.3.3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from cwmpagent.agent.device_identity import current_time, device_id
from cwmpagent.agent.ports import Clock
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda import Snapshot
from cwmpagent.protocol.rpc import EventStruct, Inform, ParameterValueStruct


def build_inform(tree: Tree, also: Iterable[str], snapshot: Snapshot, clock: Clock) -> Inform:
    """The Inform that tells ``snapshot``: forced parameters and ``also``, each once, where they can be read.

    ``also``: what the ACS wants with these events, and changes that are news.
    """
    names = dict.fromkeys((*tree.model.forced_inform, *also))
    return Inform(
        device_id=device_id(tree),
        event=tuple(EventStruct(event_code=each.code, command_key=each.command_key) for each in snapshot.events),
        max_envelopes=1,
        current_time=current_time(clock),
        retry_count=snapshot.retry_count,
        parameter_list=tuple(_readable(tree, names)),
    )


def _readable(tree: Tree, names: Iterable[str]) -> Iterator[ParameterValueStruct]:
    for name in names:
        with suppress(CwmpFault):
            yield ParameterValueStruct(name, tree.shown(name))
