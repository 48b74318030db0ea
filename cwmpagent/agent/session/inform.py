"""The Inform of a session (TR-069 A.3.3.1)."""

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
    """Build the Inform for ``snapshot``, with the forced parameters and ``also``, each once, where they are readable.

    ``also``: parameters that the ACS requests for these events (InformParameter), and changed ones.
    """
    names = dict.fromkeys((*tree.model.forced_inform, *also))
    return Inform(
        device_id=device_id(tree),
        event=tuple(EventStruct(event_code=event.code, command_key=event.command_key) for event in snapshot.events),
        max_envelopes=1,
        current_time=current_time(clock),
        retry_count=snapshot.retry_count,
        parameter_list=tuple(_readable(tree, names)),
    )


def _readable(tree: Tree, names: Iterable[str]) -> Iterator[ParameterValueStruct]:
    for name in names:
        with suppress(CwmpFault):
            yield ParameterValueStruct(name, tree.shown(name))
