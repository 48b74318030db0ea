"""Planning of the reset of parameters to their factory values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cwmpagent.datamodel.identifiers import aliased_row
from cwmpagent.datamodel.plan import Plan, differences
from cwmpagent.datamodel.tree import Tree
from cwmpagent.datamodel.unique_keys import clashing
from cwmpagent.errors import CwmpFault, ParameterFault
from cwmpagent.records import Batch


def plan_reset(tree: Tree, paths: Sequence[str]) -> Plan:
    """Plan the reset of parameters to their factory value: that of the configuration, or else that of the model.

    A partial path covers every writable parameter below it; rows and their aliases are not changed. Parameters that
    were not written are not changed and not in ``assigned``. Raises ``CwmpFault`` 9005 for an unknown path; 9003 that
    lists every parameter at fault: 9008 read-only, 9007 if the factory value refers to a deleted row or is no longer
    unique.
    """
    faults: dict[str, ParameterFault] = {}
    written: dict[str, None] = {}
    for path in paths:
        parameter = tree.find(path).parameter
        if parameter is not None and not tree.writable(path):
            faults[path] = ParameterFault(path, 9008, "is read-only")
        else:
            written |= dict.fromkeys(_written(tree, path))
    batch = Batch(values=dict.fromkeys(written))
    after = tree.after(batch)
    for name in written:
        refusal = after.refusal(tree.definition(name), after.value(name).text)
        if refusal:
            faults[name] = ParameterFault(name, 9007, f"the factory value {refusal}")
    for name, reason in clashing(after, written).items():
        faults.setdefault(name, ParameterFault(name, 9007, reason))
    if faults:
        raise CwmpFault(9003, "", tuple(faults.values()))
    return Plan(batch=batch, changed=differences(tree, after, written), assigned=frozenset(written))


def _written(tree: Tree, path: str) -> Iterator[str]:
    for name in tree.parameters(path):
        if name not in tree.overlay.values:
            continue
        definition = tree.definition(name)
        if tree.writable(name) and aliased_row(name, definition) is None:
            yield name
