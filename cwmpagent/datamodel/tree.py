"""The parameters of one device: what its model says, what its configuration gives, what was changed since.

A tree keeps differences only. Paths are resolved by descending the model's definitions, and a partial path
descends to its object and lists from there, so that no device needs an index of names.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cwmpagent.datamodel.identifiers import aliased_row, own_alias
from cwmpagent.datamodel.overlay import UNCHANGED, Overlay
from cwmpagent.datamodel.schema import ROW, Model, ObjectDefinition, ParameterDefinition, is_instance_number
from cwmpagent.errors import CwmpFault
from cwmpagent.records import Attributes, Batch
from cwmpagent.values import NULL, Value

_QUIET = Attributes()
_ACTIVE = Attributes(notification=2)
_NO_FACTORY: Mapping[str, str] = {}
Live = Callable[[str], str | None]
"""Full name -> the text that the device reads, or None."""


class Node(NamedTuple):
    """What a path names: a parameter of ``definition``, or with ``parameter`` ``None`` an object, row or table."""

    definition: ObjectDefinition
    parameter: ParameterDefinition | None
    is_table: bool

    @property
    def writable(self) -> bool:
        """The Writable of GetParameterNames: settable, or AddObject or DeleteObject is allowed."""
        if self.parameter is not None:
            return self.parameter.writable
        if self.is_table:
            return self.definition.creatable
        return self.definition.table and self.definition.deletable


class Tree:
    """The data model of one device.

    ``factory``: factory values by full path, which stand before those of the model. ``overlay``: the differences to the
    factory. Both are taken as they are; :func:`~cwmpagent.datamodel.restore.open_tree` checks them first.
    ``live`` gives the text of a parameter that the device itself supplies; ``None`` stands for what the tree holds.

    Everything that takes a path raises ``CwmpFault`` 9005 for one that names nothing here. Paths name rows by their
    instance numbers; :class:`cwmpagent.datamodel.resolve.Resolver` reads the others.
    """

    __slots__ = ("_factory", "_live", "_overlay", "model")

    def __init__(
        self,
        model: Model,
        factory: Mapping[str, str] = _NO_FACTORY,
        overlay: Overlay = UNCHANGED,
        *,
        live: Live | None = None,
    ) -> None:
        self.model = model
        self._factory = factory
        self._overlay = overlay
        self._live = live

    # --- one path

    def find(self, path: str) -> Node:
        """What ``path`` names: a parameter (no dot at its end), or an object, table or row (with one)."""
        root, *names = path.split(".")
        here, absent = self.model.root, self.model.absent
        if root != here.name or not names:
            raise _unknown(path)
        last = names.pop()
        at_table, so_far = False, root + "."
        for name in names:
            if at_table:
                if not self._has_row(so_far, name):
                    raise _unknown(path)
                at_table = False
            else:
                child = here.children.get(name)
                if child is None:
                    raise _unknown(path)
                here, at_table = child, child.table
            so_far += name + "."
            if so_far in absent:
                raise _unknown(path)
        if not last:
            return Node(here, None, at_table)
        parameter = None if at_table else here.parameters.get(last)
        if parameter is None or path in absent:
            raise _unknown(path)
        return Node(here, parameter, False)

    def exists(self, path: str) -> bool:
        """Whether ``path`` names a parameter, object, table or row of this device."""
        try:
            self.find(path)
        except CwmpFault:
            return False
        return True

    def definition(self, path: str) -> ParameterDefinition:
        """The definition of the parameter ``path``."""
        parameter = self.find(path).parameter
        if parameter is None:
            raise _unknown(path)
        return parameter

    def value(self, path: str) -> Value:
        """The value of the parameter ``path``, a hidden one too: not for answers or logs, see :meth:`shown`."""
        return self.value_of(path, self.definition(path))

    def value_of(self, path: str, parameter: ParameterDefinition) -> Value:
        """The value of an existing parameter whose definition the caller has."""
        if parameter.counts:
            table = path.removesuffix(parameter.name) + parameter.counts + "."
            return Value(parameter.kind, str(len(self._rows(table))))
        text = self._live(path) if self._live else None
        if text is None:
            text = self._overlay.values.get(path)
        if text is None:
            text = self._factory.get(path)
        if text is None:
            text = self.model.values.get(path)
        if not text and (number := aliased_row(path, parameter)) is not None:
            text = own_alias(number)
        return parameter.initial if text is None else Value(parameter.kind, text)

    def shown(self, path: str) -> Value:
        """The value of the parameter ``path`` as an ACS may read it: the null value of its type where it is hidden."""
        return self._shown(path, self.definition(path))

    def attributes(self, path: str) -> Attributes:
        """The attributes of the parameter ``path``; those of the factory until somebody sets them."""
        return self._overlay.attributes.get(path) or self.factory_attributes(path)

    def factory_attributes(self, path: str) -> Attributes:
        """The attributes of the parameter ``path`` before anybody set them."""
        definition = self.definition(path)
        return self.model.attributes.get(path) or (_ACTIVE if definition.starts_active else _QUIET)

    def instances(self, table: str) -> tuple[int, ...]:
        """The instance numbers of a table, ascending."""
        if not self.find(table).is_table:
            raise _unknown(table)
        return self._rows(table)

    def last_instance(self, table: str) -> int:
        """The highest instance number that ``table`` ever had, 0 if none."""
        rows = self.model.rows.get(table, ())
        return max(self._overlay.counters.get(table, 0), *rows[-1:], *self.instances(table)[-1:], 0)

    # --- many paths

    def below(self, path: str) -> list[tuple[str, Node]]:
        """The object, table or row ``path`` (``""``: the root) and everything under it, in the order of the model."""
        path = path or self.model.root.name + "."
        found = self.find(path)
        if found.parameter is not None:
            return [(path, found)]
        everything: list[tuple[str, Node]] = []
        self._collect_names(found, path, everything)
        return everything

    def read(self, path: str) -> list[tuple[str, Value]]:
        """Names and shown values of the parameters that ``path`` covers (GetParameterValues): ``""`` is all,
        a partial path everything below it, at any depth; a table without rows gives nothing."""
        shown = self._shown
        return [(name, shown(name, parameter)) for name, parameter in self._covered(path)]

    def parameters(self, path: str) -> list[str]:
        """Full names of the parameters that ``path`` covers, as for :meth:`read`."""
        return [name for name, _ in self._covered(path)]

    def names(self, path: str, next_level: bool) -> list[tuple[str, bool]]:
        """Name and Writable of what GetParameterNames lists; 9003 for a parameter with ``next_level``."""
        if not next_level:
            return [(name, found.writable) for name, found in self.below(path)]
        root = self.model.root.name + "."
        if not path:
            return [(root, False)]
        definition, parameter, is_table = self.find(path)
        if parameter is not None:
            raise CwmpFault(9003, f"{path} is a parameter: NextLevel needs a partial path")
        if is_table:
            return [(f"{path}{number}.", definition.deletable) for number in self._rows(path)]
        listed = [(path + name, parameter.writable) for name, parameter in definition.parameters.items()] + [
            (f"{path}{name}.", child.table and child.creatable) for name, child in definition.children.items()
        ]
        return [each for each in listed if each[0] not in self.model.absent]

    def given_values(self) -> Iterator[tuple[str, str]]:
        """Path and text of every value that is not just a default; some may belong to rows deleted since."""
        yield from {**self.model.values, **self._factory, **self._overlay.values}.items()

    def attributed(self) -> list[str]:
        """The parameters that exist here and have other attributes than most: set by somebody, or by the model."""
        names = [name for template in self.model.active for name in self._expanded("", template)]
        names += [*self.model.attributes, *self._overlay.attributes]
        return [name for name in dict.fromkeys(names) if self.exists(name)]

    # --- changes

    def after(self, batch: Batch) -> Tree:
        """A tree as this one would be after ``batch``; this one stays as it is."""
        overlay = self._overlay.merged(batch, self.model.rows)
        return Tree(self.model, self._factory, overlay, live=_except_for(self._live, batch.values))

    def apply(self, batch: Batch) -> None:
        """Take over the batch of a plan that was made for this tree in its present state, once it has been saved."""
        self._overlay = self._overlay.merged(batch, self.model.rows)

    @property
    def overlay(self) -> Overlay:
        """The differences to the factory, as they are now."""
        return self._overlay

    def refusal(self, parameter: ParameterDefinition, text: str) -> str | None:
        """Why a canonical ``text`` names rows that ``parameter`` may not reference; ``None`` if it does not."""
        if parameter.reference is None:
            return None
        for item in parameter.items(text):
            path = item.removesuffix(".") + "."
            try:
                found = self.find(path)
            except CwmpFault:
                return f"must be empty or name an existing row{_of(parameter.reference)}"
            table = found.definition.path.removesuffix("{i}.")
            if not found.definition.table or found.is_table or table not in (parameter.reference or (table,)):
                return f"must name a row{_of(parameter.reference)}"
        return None

    # --- inside

    def _rows(self, table: str) -> tuple[int, ...]:
        rows = self._overlay.rows.get(table)
        return self.model.rows.get(table, ()) if rows is None else rows

    def _has_row(self, table: str, segment: str) -> bool:
        # The one place that reads an instance identifier.
        if not is_instance_number(segment):
            return False
        rows, number = self._rows(table), int(segment)
        at = bisect_left(rows, number)
        return at < len(rows) and rows[at] == number

    def _expanded(self, so_far: str, template: str) -> Iterator[str]:
        before, row, after = template.partition(ROW)
        if not row:
            yield so_far + template
            return
        for number in self._rows(so_far + before):
            yield from self._expanded(f"{so_far}{before}{number}.", after)

    def _shown(self, path: str, parameter: ParameterDefinition) -> Value:
        return Value(parameter.kind, NULL[parameter.kind]) if parameter.hidden else self.value_of(path, parameter)

    def _covered(self, path: str) -> list[tuple[str, ParameterDefinition]]:
        path = path or self.model.root.name + "."
        found = self.find(path)
        if found.parameter is not None:
            return [(path, found.parameter)]
        covered: list[tuple[str, ParameterDefinition]] = []
        self._collect(found.definition, path, found.is_table, covered)
        return covered

    def _collect(
        self, here: ObjectDefinition, path: str, is_table: bool, out: list[tuple[str, ParameterDefinition]]
    ) -> None:
        if is_table:
            for number in self._rows(path):
                self._collect(here, f"{path}{number}.", False, out)
            return
        absent = self.model.absent
        out += [(path + name, parameter) for name, parameter in here.parameters.items() if path + name not in absent]
        for name, child in here.children.items():
            if (below := f"{path}{name}.") not in absent:
                self._collect(child, below, child.table, out)

    def _collect_names(self, here: Node, path: str, out: list[tuple[str, Node]]) -> None:
        out.append((path, here))
        definition = here.definition
        if here.is_table:
            row = Node(definition, None, False)
            for number in self._rows(path):
                self._collect_names(row, f"{path}{number}.", out)
            return
        absent = self.model.absent
        out += [
            (path + name, Node(definition, parameter, False))
            for name, parameter in definition.parameters.items()
            if path + name not in absent
        ]
        for name, child in definition.children.items():
            if (below := f"{path}{name}.") not in absent:
                self._collect_names(Node(child, None, child.table), below, out)


class _Except:
    """What is read, but for what was ``written`` since; one step deep however often something is written."""

    __slots__ = ("live", "written")

    def __init__(self, live: Live, written: frozenset[str]) -> None:
        self.live = live
        self.written = written

    def __call__(self, path: str) -> str | None:
        return None if path in self.written else self.live(path)


def _except_for(live: Live | None, written: Mapping[str, str | None]) -> Live | None:
    """What is read is older than what is ``written`` now."""
    if live is None or not written:
        return live
    if isinstance(live, _Except):
        return _Except(live.live, live.written | written.keys())
    return _Except(live, frozenset(written))


def _of(tables: Sequence[str]) -> str:
    """The end of a sentence about a row that must be of one of ``tables``; of none in particular if there are none."""
    return f" of {' or '.join(tables)}" if tables else ""


def _unknown(path: str) -> CwmpFault:
    return CwmpFault(9005, f"no such parameter or object: {path[:256]}")
