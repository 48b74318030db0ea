"""Changes of a tree, as proposed and as planned.

The functions of :mod:`cwmpagent.datamodel.planning` return a validated plan, or raise all faults at once; they change
nothing. The ``batch`` of a plan is saved first, then :meth:`Tree.apply` applies it. A plan is valid only for the
state of the tree in which it was made. To plan a second change, plan it on ``tree.after(first.batch)`` and save both
with :func:`joined`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cwmpagent.datamodel.tree import Tree
from cwmpagent.gradual import Gradual, at_once
from cwmpagent.records import Batch
from cwmpagent.values import Value


class Assignment(Protocol):
    """One ParameterValueStruct of a SetParameterValues; implemented by the struct of the RPC and
    :class:`ParameterAssignment`.

    A ``value`` that is plain text, or that is not ``typed`` (received without ``xsi:type``), is read as the type of
    the parameter.
    """

    @property
    def name(self) -> str: ...
    @property
    def value(self) -> Value | str: ...
    @property
    def typed(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ParameterAssignment:
    """Assignment by the device itself, an operator or a test: a full parameter name and its new value."""

    name: str
    value: Value | str = field(repr=False)
    typed: bool = True


@dataclass(frozen=True, slots=True)
class AttributeChange:
    """New attributes of a parameter, or of all parameters below a partial path; ``None`` does not change one."""

    name: str
    notification: int | None = None
    access_list: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A validated change.

    ``changed``: path -> old and new value of every parameter that exists before and after and whose value differs,
    side effects (emptied references, row counters) included. ``assigned``: the requested parameters. ``written``:
    path -> the name in the request, if that contains an alias. ``added`` and ``removed``: paths of rows.
    A plan contains the values of hidden parameters and must not be logged.
    """

    batch: Batch = field(repr=False)
    changed: Mapping[str, tuple[Value, Value]] = field(default_factory=dict, repr=False)
    assigned: frozenset[str] = frozenset()
    written: Mapping[str, str] = field(default_factory=dict)
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def joined(*plans: Plan) -> Plan:
    """One plan for a sequence of plans, each of which was made on the result of those before it."""
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
    """Old and new values of those of ``paths`` whose value differs, as for :attr:`Plan.changed`."""
    return at_once(differences_gradually(before, after, paths))


def differences_gradually(before: Tree, after: Tree, paths: Iterable[str]) -> Gradual[dict[str, tuple[Value, Value]]]:
    """The same as :func:`differences`, in small pieces."""
    changed: dict[str, tuple[Value, Value]] = {}
    for path in paths:
        yield
        if after.exists(path):
            old, new = before.value(path), after.value(path)
            if old != new:
                changed[path] = (old, new)
    return changed
