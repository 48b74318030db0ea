"""Parameters of one device: those of its model, with the values of its configuration and all later changes.

A tree stores only the differences. A path is resolved by descending the definitions of the model, and a partial path
is listed from its object, so that a device needs no index of its names.
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

_NOT_NOTIFIED = Attributes()
_ACTIVELY_NOTIFIED = Attributes(notification=2)
_NO_FACTORY: Mapping[str, str] = {}
Live = Callable[[str], str | None]
"""Function from the full name of a parameter to the text read from the device, or ``None``."""


class Node(NamedTuple):
    """Target of a path: a parameter of ``definition``, or an object, row or table if ``parameter`` is ``None``."""

    definition: ObjectDefinition
    parameter: ParameterDefinition | None
    is_table: bool

    @property
    def writable(self) -> bool:
        """Writable by the definition; a device may differ in it, see :meth:`Tree.writable`."""
        if self.parameter is not None:
            return self.parameter.writable
        if self.is_table:
            return self.definition.creatable
        return self.definition.table and self.definition.deletable


class Tree:
    """Data model of one device.

    ``factory``: factory values by full path, which override those of the model. ``overlay``: the differences from the
    factory state. Neither is checked here; :func:`~cwmpagent.datamodel.restore.open_tree` checks them first.
    ``live``: returns the text of a parameter that the device itself supplies; for ``None`` the stored value applies.

    Every method with a path raises ``CwmpFault`` 9005 if the path does not exist. Paths contain instance numbers;
    :class:`cwmpagent.datamodel.resolve.Resolver` resolves aliases and wildcards.
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
        """Target of ``path``: a parameter (no dot at the end), or an object, table or row (ending in a dot)."""
        root, *names = path.split(".")
        definition, absent = self.model.root, self.model.absent
        if root != definition.name or not names:
            raise unknown_path(path)
        last = names.pop()
        at_table, so_far = False, root + "."
        for name in names:
            if at_table:
                if not self._has_row(so_far, name):
                    raise unknown_path(path)
                at_table = False
            else:
                child = definition.children.get(name)
                if child is None:
                    raise unknown_path(path)
                definition, at_table = child, child.table
            so_far += name + "."
            if so_far in absent:
                raise unknown_path(path)
        if not last:
            return Node(definition, None, at_table)
        parameter = None if at_table else definition.parameters.get(last)
        if parameter is None or path in absent:
            raise unknown_path(path)
        return Node(definition, parameter, False)

    def exists(self, path: str) -> bool:
        """Whether ``path`` names a parameter, object, table or row of this device."""
        try:
            self.find(path)
        except CwmpFault:
            return False
        return True

    def definition(self, path: str) -> ParameterDefinition:
        """Definition of the parameter ``path``."""
        parameter = self.find(path).parameter
        if parameter is None:
            raise unknown_path(path)
        return parameter

    def value(self, path: str) -> Value:
        """Value of the parameter ``path``, even if hidden; for answers and logs use :meth:`shown`."""
        return self.value_of(path, self.definition(path))

    def text(self, path: str, default: str = "") -> str:
        """Text of the parameter ``path``, even if hidden; ``default`` where it does not exist."""
        try:
            return self.value(path).text
        except CwmpFault:
            return default

    def value_of(self, path: str, parameter: ParameterDefinition) -> Value:
        """Value of an existing parameter whose definition is known."""
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
        """Value of the parameter ``path`` as an ACS reads it: the null value of its type if the parameter is hidden.

        An unchanged value can be a text that the model does not allow (:class:`Model`, ``words``).
        """
        return self.shown_of(path, self.definition(path))

    def shown_of(self, path: str, parameter: ParameterDefinition) -> Value:
        """Value as :meth:`shown` returns it, of an existing parameter whose definition is known."""
        if path in self.model.words and self._has_factory_value(path):
            return Value(parameter.kind, self.model.words[path])
        return Value(parameter.kind, NULL[parameter.kind]) if parameter.hidden else self.value_of(path, parameter)

    def writable(self, path: str) -> bool:
        """Writable of ``path`` (GetParameterNames): settable, or AddObject or DeleteObject is permitted."""
        return self._writable(path, self.find(path).writable)

    def attributes(self, path: str) -> Attributes:
        """Attributes of the parameter ``path``: those that were set, or else those of the factory state."""
        return self._overlay.attributes.get(path) or self.factory_attributes(path)

    def attributes_of(self, path: str, parameter: ParameterDefinition) -> Attributes:
        """Attributes of an existing parameter whose definition is known."""
        return self._overlay.attributes.get(path) or self.factory_attributes_of(path, parameter)

    def factory_attributes(self, path: str) -> Attributes:
        """Factory attributes of the parameter ``path``."""
        return self.factory_attributes_of(path, self.definition(path))

    def factory_attributes_of(self, path: str, parameter: ParameterDefinition) -> Attributes:
        """Factory attributes of an existing parameter whose definition is known."""
        return self.model.attributes.get(path) or (_ACTIVELY_NOTIFIED if parameter.starts_active else _NOT_NOTIFIED)

    def instances(self, table: str) -> tuple[int, ...]:
        """Instance numbers of a table, ascending."""
        if not self.find(table).is_table:
            raise unknown_path(table)
        return self._rows(table)

    def last_instance(self, table: str) -> int:
        """Highest instance number ever assigned in ``table``, 0 if none."""
        rows = self.model.rows.get(table, ())
        return max(self._overlay.counters.get(table, 0), *rows[-1:], *self.instances(table)[-1:], 0)

    # --- many paths

    def below(self, path: str) -> list[tuple[str, Node]]:
        """The object, table or row ``path`` (``""``: the root) and everything below it, in the order of the model."""
        return [entry for piece in self._below(path) for entry in piece]

    def parameters(self, path: str) -> list[str]:
        """Full names of the parameters that ``path`` covers, as for :meth:`read`."""
        return [name for piece in self.covered(path) for name, _ in piece]

    def covered(
        self, path: str, skips: Callable[[str], bool] | None = None
    ) -> Iterator[Sequence[tuple[str, ParameterDefinition]]]:
        """The parameters that ``path`` covers, as for :meth:`read`, one piece for each object.

        ``skips(path)``: whether to leave out the object or table ``path`` below the first one, with all below it.
        """
        path = path or self.model.root.path
        node = self.find(path)
        if node.parameter is not None:
            return iter([[(path, node.parameter)]])
        return self._collect(node.definition, path, node.is_table, skips)

    def names(self, path: str, next_level: bool) -> list[tuple[str, bool]]:
        """Names and Writable for GetParameterNames; raises ``CwmpFault`` 9003 for a parameter with ``next_level``."""
        return [entry for piece in self.named(path, next_level) for entry in piece]

    def named(self, path: str, next_level: bool) -> Iterator[Sequence[tuple[str, bool]]]:
        """Names and Writable as :meth:`names` returns them, in pieces: one for each object, or all of the level."""
        if next_level:
            return iter([self._next_level(path)])
        access = self.model.access
        return ([(name, access.get(name, node.writable)) for name, node in piece] for piece in self._below(path))

    def _next_level(self, path: str) -> list[tuple[str, bool]]:
        root = self.model.root.name + "."
        if not path:
            return [(root, self.writable(root))]
        definition, parameter, is_table = self.find(path)
        if parameter is not None:
            raise CwmpFault(9003, f"{path} is a parameter: NextLevel needs a partial path")
        if is_table:
            rows = [f"{path}{number}." for number in self._rows(path)]
            return [(row, self._writable(row, definition.deletable)) for row in rows]
        listed = [(path + name, parameter.writable) for name, parameter in definition.parameters.items()] + [
            (f"{path}{name}.", child.table and child.creatable) for name, child in definition.children.items()
        ]
        absent = self.model.absent
        return [(name, self._writable(name, writable)) for name, writable in listed if name not in absent]

    def given_values(self) -> Iterator[tuple[str, str]]:
        """Path and text of every value that is not a default; rows of some of them may have been deleted."""
        yield from {**self.model.values, **self._factory, **self._overlay.values}.items()

    def attributed(self) -> list[str]:
        """Existing parameters whose attributes were set, or are set by the model."""
        names = [name for template in self.model.active for name in self._expanded("", template)]
        names += [*self.model.attributes, *self._overlay.attributes]
        return [name for name in dict.fromkeys(names) if self.exists(name)]

    # --- changes

    def after(self, batch: Batch) -> Tree:
        """Copy of this tree with ``batch`` applied; this tree is not changed."""
        overlay = self._overlay.merged(batch, self.model.rows)
        return Tree(self.model, self._factory, overlay, live=_live_except(self._live, batch.values))

    def apply(self, batch: Batch) -> None:
        """Apply the saved batch of a plan that was made for the present state of this tree."""
        self._overlay = self._overlay.merged(batch, self.model.rows)

    def snapshot(self, live: Live | None) -> Tree:
        """Copy of this tree with its present state, which later changes do not affect, and the values of ``live``."""
        return Tree(self.model, self._factory, self._overlay, live=live)

    @property
    def overlay(self) -> Overlay:
        """Present differences from the factory state."""
        return self._overlay

    def refusal(self, parameter: ParameterDefinition, text: str) -> str | None:
        """Reason why a canonical ``text`` is not a valid reference for ``parameter``; ``None`` if it is valid."""
        if parameter.reference is None:
            return None
        for item in parameter.items(text):
            path = item.removesuffix(".") + "."
            try:
                node = self.find(path)
            except CwmpFault:
                return f"must be empty or name an existing row{_of(parameter.reference)}"
            table = node.definition.path.removesuffix("{i}.")
            if not node.definition.table or node.is_table or table not in (parameter.reference or (table,)):
                return f"must name a row{_of(parameter.reference)}"
        return None

    # --- inside

    def _rows(self, table: str) -> tuple[int, ...]:
        rows = self._overlay.rows.get(table)
        return self.model.rows.get(table, ()) if rows is None else rows

    def _has_row(self, table: str, segment: str) -> bool:
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

    def _has_factory_value(self, path: str) -> bool:
        """Whether the value of the parameter ``path`` is that of the model."""
        if path in self._overlay.values or path in self._factory:
            return False
        return self._live is None or self._live(path) is None

    def _writable(self, path: str, writable: bool) -> bool:
        """Writable of ``path``, which is ``writable`` by its definition."""
        return self.model.access.get(path, writable)

    def _collect(
        self, definition: ObjectDefinition, path: str, is_table: bool, skips: Callable[[str], bool] | None
    ) -> Iterator[Sequence[tuple[str, ParameterDefinition]]]:
        if is_table:
            for number in self._rows(path):
                row = f"{path}{number}."
                if skips is None or not skips(row):
                    yield from self._collect(definition, row, False, skips)
            return
        absent = self.model.absent
        yield [
            (path + name, parameter) for name, parameter in definition.parameters.items() if path + name not in absent
        ]
        for name, child in definition.children.items():
            below = f"{path}{name}."
            if below not in absent and (skips is None or not skips(below)):
                yield from self._collect(child, below, child.table, skips)

    def _below(self, path: str) -> Iterator[Sequence[tuple[str, Node]]]:
        """:meth:`below`, one piece for each object."""
        path = path or self.model.root.path
        node = self.find(path)
        return iter([[(path, node)]]) if node.parameter is not None else self._collect_names(node, path)

    def _collect_names(self, node: Node, path: str) -> Iterator[Sequence[tuple[str, Node]]]:
        definition = node.definition
        if node.is_table:
            yield [(path, node)]
            row = Node(definition, None, False)
            for number in self._rows(path):
                yield from self._collect_names(row, f"{path}{number}.")
            return
        absent = self.model.absent
        yield [
            (path, node),
            *(
                (path + name, Node(definition, parameter, False))
                for name, parameter in definition.parameters.items()
                if path + name not in absent
            ),
        ]
        for name, child in definition.children.items():
            if (below := f"{path}{name}.") not in absent:
                yield from self._collect_names(Node(child, None, child.table), below)


class _LiveExcept:
    """``live`` except for the ``written`` paths; never nested, however many batches are applied."""

    __slots__ = ("live", "written")

    def __init__(self, live: Live, written: frozenset[str]) -> None:
        self.live = live
        self.written = written

    def __call__(self, path: str) -> str | None:
        return None if path in self.written else self.live(path)


def _live_except(live: Live | None, written: Mapping[str, str | None]) -> Live | None:
    """``live`` without the ``written`` paths, because a value read from the device is older than a written one."""
    if live is None or not written:
        return live
    if isinstance(live, _LiveExcept):
        return _LiveExcept(live.live, live.written | written.keys())
    return _LiveExcept(live, frozenset(written))


def _of(tables: Sequence[str]) -> str:
    """End of a sentence that names the permitted ``tables`` of a row; empty if any table is permitted."""
    return f" of {' or '.join(tables)}" if tables else ""


def unknown_path(path: str) -> CwmpFault:
    """The fault 9005 for a ``path`` that does not exist."""
    return CwmpFault(9005, f"no such parameter or object: {path[:256]}")
