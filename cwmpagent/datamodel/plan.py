"""What a change of a tree is, as it is proposed and as it is planned.

Planning (:mod:`~cwmpagent.datamodel.planning.assignments`, :mod:`~cwmpagent.datamodel.planning.objects`,
``attributes``, ``reset``) gives a validated plan, or raises every fault
at once, and changes nothing. A plan's ``batch`` is saved first, then :meth:`Tree.apply` takes it over. Plans hold
for the tree in the state they were made in; to build one upon another, plan on ``tree.after(first.batch)`` and
save both with :func:`joined`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cwmpagent.datamodel.tree import Tree
from cwmpagent.records import Batch
from cwmpagent.values import Value


class Assignment(Protocol):
    """One element of a SetParameterValues; the RPC's own struct is one, and so is :class:`ParameterAssignment`.

    A ``value`` that is plain text, or not ``typed`` (it came without ``xsi:type``), is read as the parameter's type.
    """

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> Value | str: ...
    @property
    def typed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ParameterAssignment:
    """What the device itself, a person or a test assigns: a full parameter name and its new value."""

    name: str
    value: Value | str = field(repr=False)
    typed: bool = True


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """New attributes for a parameter or everything below a partial path; ``None`` leaves one as it is."""

    name: str
    notification: int | None = None
    access_list: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A change that is allowed.

    ``changed``: path -> old and new value of every parameter, existing before and after, whose value differs;
    side effects (emptied references, row counters) are in it, ``assigned`` names what was asked for, and ``written``
    how that was written where it was by alias.
    ``added`` and ``removed``: paths of rows. Hidden values are in it as they are: nothing of a plan is for logs.
    """

    batch: Batch = field(repr=False)
    changed: Mapping[str, tuple[Value, Value]] = field(default_factory=dict, repr=False)
    assigned: frozenset[str] = frozenset()
    written: Mapping[str, str] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def joined(*plans: Plan) -> Plan:
    """One plan that does what these do one after another, each made upon what those before it leave."""
    changed: dict[str, tuple[Value, Value]] = {}
    for plan in plans:
        for path, (old, new) in plan.changed.items():
            changed[path] = (changed[path][0] if path in changed else old, new)
    return Plan(
        batch=Batch(
            values={path: text for plan in plans for path, text in plan.batch.values.items()},
            attributes={path: item for plan in plans for path, item in plan.batch.attributes.items()},
            rows={path: item for plan in plans for path, item in plan.batch.rows.items()},
            counters={path: item for plan in plans for path, item in plan.batch.counters.items()},
            notes={name: text for plan in plans for name, text in plan.batch.notes.items()},
        ),
        changed={path: pair for path, pair in changed.items() if pair[0] != pair[1]},
        assigned=frozenset().union(*(plan.assigned for plan in plans)),
        written={name: given for plan in plans for name, given in plan.written.items()},
        added=tuple(row for plan in plans for row in plan.added),
        removed=tuple(row for plan in plans for row in plan.removed),
    )


def differences(before: Tree, after: Tree, paths: Iterable[str]) -> dict[str, tuple[Value, Value]]:
    """Old and new value of those of ``paths`` whose value differs: what a plan calls changed."""
    pairs = {path: (before.value(path), after.value(path)) for path in paths if after.exists(path)}
    return {path: (old, new) for path, (old, new) in pairs.items() if old != new}
