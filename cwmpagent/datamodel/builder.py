"""Puts together a :class:`Model` from what sources declare, in any order, and checks that it holds together.

Every declaration says where it stands (file and element), and that is the key of the ``ModelError`` about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import ROW, Model, Notify, ObjectDefinition, ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.datamodel.unique_keys import clashing
from cwmpagent.errors import ModelError
from cwmpagent.records import Attributes
from cwmpagent.values import LexicalError

LONGEST_PATH = 256
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_TEMPLATE = re.compile(rf"{_NAME.pattern}\.({_NAME.pattern}\.({{i}}\.)?)*")
_INSTANCE = re.compile(r"(?<=\.)[0-9]+(?=\.)")


def template_of(path: str) -> str:
    """The template of a real path: ``Device.IP.Interface.{i}.Name`` of ``Device.IP.Interface.1.Name``."""
    return _INSTANCE.sub("{i}", path)


@dataclass(slots=True)
class _Draft:
    where: str
    definition: ObjectDefinition
    parameters: dict[str, tuple[str, ParameterDefinition]] = field(default_factory=dict)
    children: list[str] = field(default_factory=list)
    lenient: bool = False


class _Offer(NamedTuple):
    where: str
    definition: ObjectDefinition | ParameterDefinition
    notes: tuple[str, ...]


class _Given(NamedTuple):
    where: str
    text: str
    observed: bool


class ModelBuilder:
    """Collects declarations of one or several sources. Later values replace earlier ones; nothing else may be
    declared twice, so a source that adds to others asks :meth:`declared` first."""

    def __init__(self) -> None:
        self._drafts: dict[str, _Draft] = {}
        self._offers: dict[str, _Offer] = {}
        self._rows: dict[str, tuple[str, set[int]]] = {}
        self._values: dict[str, _Given] = {}
        self._absent: set[str] = set()
        self._referable: set[str] = set()
        self._attributes: dict[str, tuple[str, Attributes]] = {}
        self._always_told: list[str] = []
        self._reports: list[str] = []
        self._interned: dict[ParameterDefinition, ParameterDefinition] = {}

    @property
    def root(self) -> str:
        """The path of the root object that is declared (``Device.``), empty where there is none yet."""
        return next((path for path in self._drafts if not _parent(path)), "")

    def declared(self, template: str) -> ObjectDefinition | ParameterDefinition | None:
        """What is declared for a template (see :func:`template_of`), by this or an earlier source.

        An object's path ends in a dot; ``Device.IP.Interface.`` is not declared by ``Device.IP.Interface.{i}.``.
        The definition of an object is without its parameters and children.
        """
        above, _, name = template.rpartition(".")
        draft = self._drafts.get(above + ".")
        if draft is None or not name:
            return draft.definition if draft else None
        return draft.parameters[name][1] if name in draft.parameters else None

    def report(self, where: str, text: str) -> None:
        """Note what of a source is not followed to the letter; the model's ``reports`` tell it to people."""
        self._reports.append(f"{where}: {text}")

    def offer(
        self, where: str, template: str, definition: ObjectDefinition | ParameterDefinition, notes: Iterable[str] = ()
    ) -> None:
        """Leave a definition of what the device need not have to later sources, which may :meth:`take` it; ``notes``
        are reported if one does. An object is offered before what is in it."""
        self._offers[template] = _Offer(where, definition, tuple(notes))

    def take(self, template: str) -> list[str]:
        """Declare what is offered for ``template``, with the objects around it; gives the templates of all that."""
        if template not in self._offers:
            return []
        above = _parent(template) if template.endswith(".") else template.rpartition(".")[0] + "."
        taken = self.take(above)
        where, definition, notes = self._offers.pop(template)
        if isinstance(definition, ObjectDefinition):
            self.add_object(where, definition, lenient=True)
        else:
            self.add_parameter(where, above, definition)
        for text in notes:
            self.report(where, text)
        return [*taken, template]

    def add_object(self, where: str, definition: ObjectDefinition, *, lenient: bool = False) -> None:
        """Declare an object or table, without its parameters and children. Where ``lenient``, a key, enable or counter
        whose parameters are not declared in the end does not bind it; else :meth:`build` fails."""
        path = definition.path
        if not _TEMPLATE.fullmatch(path):
            raise ModelError(where, "an object's path is names, each followed by a dot, with {i}. for a table's rows")
        if len(path) > LONGEST_PATH:
            raise ModelError(where, f"a path has at most {LONGEST_PATH} characters")
        if path in self._drafts:
            raise ModelError(where, f"is declared already in {self._drafts[path].where}")
        self._drafts[path] = _Draft(where, definition, lenient=lenient)

    def add_parameter(self, where: str, path: str, parameter: ParameterDefinition) -> None:
        """Declare a parameter of the object ``path``, which is declared before."""
        if not _NAME.fullmatch(parameter.name):
            raise ModelError(where, "a parameter's name is a letter, then letters, digits, - and _")
        if len(path + parameter.name) > LONGEST_PATH:
            raise ModelError(where, f"a path has at most {LONGEST_PATH} characters")
        try:
            default = parameter.admitted(parameter.default)
        except LexicalError as error:
            raise ModelError(where, f"the default {parameter.default!r} is not allowed: {error}") from None
        if parameter.name in self._drafts[path].parameters:
            raise ModelError(where, "is declared twice")
        self._drafts[path].parameters[parameter.name] = where, replace(parameter, default=default)

    def add_row(self, where: str, table: str, number: int) -> None:
        """Give the factory state the row ``number`` of ``table`` (a real path)."""
        self._rows.setdefault(table, (where, set()))[1].add(number)

    def set_value(self, where: str, path: str, text: str, *, observed: bool = False) -> None:
        """Give the parameter ``path`` a factory value.

        A wrong one makes :meth:`build` fail. One that was ``observed`` on a real device and that the model does not
        allow (its type or restriction, a reference to nowhere) is left out, so that the default stays; one that breaks
        a unique key is kept, as it takes several rows to break it. Both are reported. Where it counts rows, the
        rows are counted anew.
        """
        self._values[path] = _Given(where, text, observed)

    def allow_reference(self, table: str) -> None:
        """References to ``table`` are no mistake: where the device has no such table, they can only be empty."""
        self._referable.add(table)

    def leave_out(self, path: str) -> None:
        """Give the factory row that holds ``path`` no such parameter or object (with a dot), unlike other rows."""
        self._absent.add(path)

    def set_attributes(self, where: str, path: str, attributes: Attributes) -> None:
        """Let the parameter ``path`` start with ``attributes``; reported where its definition forbids that."""
        self._attributes[path] = where, attributes

    def force_inform(self, path: str) -> None:
        """Have the parameter ``path``, one that lies in a row, in every Inform while it exists."""
        self._always_told.append(path)

    def build(self, name: str) -> Model:
        """The model; raises ``ModelError`` for the first thing in it that does not fit the rest."""
        root = self._linked()
        self._check_references()
        model = self._with_rows(Model(name=name, root=self._built(root), absent=frozenset(self._absent)))
        model = replace(model, values=self._observed(Tree(model)))
        tree = self._tree(model)
        self._check_keys(tree)
        everything = [(each.path, parameter) for each in model.root.walk() for parameter in each.parameters.values()]
        return replace(
            model,
            values=dict(tree.given_values()),
            forced_inform=(
                *(path + each.name for path, each in everything if each.forced_inform and ROW not in path),
                *self._always_told,
            ),
            active=tuple(path + each.name for path, each in everything if each.starts_active),
            attributes=self._allowed_attributes(tree),
            reports=tuple(self._reports),
        )

    def _linked(self) -> str:
        """Hangs every draft below its parent; gives the path of the root."""
        roots: list[str] = []
        for path, draft in self._drafts.items():
            parent = _parent(path)
            if not parent:
                roots.append(path)
            elif parent not in self._drafts:
                raise ModelError(draft.where, f"its parent {parent} is not declared")
            else:
                self._drafts[parent].children.append(path)
        if len(roots) != 1:
            raise ModelError("root", f"there must be one root object such as Device., not {' and '.join(roots) or 0}")
        for path, draft in self._drafts.items():
            if draft.lenient:
                draft.definition = self._bound(path, draft.definition)
            self._check(path, draft)
        return roots[0]

    def _bound(self, path: str, definition: ObjectDefinition) -> ObjectDefinition:
        """The definition without keys, enable and counter whose parameters are not declared."""

        def there(above: str, relative: str) -> bool:
            return isinstance(self.declared(above + relative), ParameterDefinition)

        enable, counter = definition.enable, definition.number_of_entries
        return replace(
            definition,
            unique_keys=tuple(k for k in definition.unique_keys if all(there(path, name) for name in k.parameters)),
            enable=enable if enable and there(path, enable) else "",
            number_of_entries=counter if counter and there(_parent(path), counter) else "",
        )

    def _check(self, path: str, draft: _Draft) -> None:
        definition, where = draft.definition, draft.where
        if not path.endswith(ROW):
            if definition != ObjectDefinition(path=path):
                raise ModelError(where, "only a table (its path ends in {i}.) can have rows, keys and an enable")
        elif definition.number_of_entries:
            parent = self._drafts[_parent(path)].parameters
            at, counter = parent.get(definition.number_of_entries, ("", None))
            if counter is None:
                raise ModelError(where, f"{definition.number_of_entries} is no parameter of {_parent(path)}")
            parent[counter.name] = at, replace(counter, counts=definition.name)
        for relative in {definition.enable, *(name for key in definition.unique_keys for name in key.parameters)} - {
            ""
        }:
            inner, dot, last = (path + relative).rpartition(".")
            if (inner + dot) not in self._drafts or last not in self._drafts[inner + dot].parameters:
                raise ModelError(where, f"{relative} is no parameter of it")
        siblings = {self._drafts[child].definition.name for child in draft.children}
        for name in siblings & draft.parameters.keys():
            raise ModelError(where, f"{name} cannot be both a parameter and an object")
        if len(siblings) < len(draft.children):
            raise ModelError(where, "has a child that is both an object and a table")

    def _check_references(self) -> None:
        for draft in self._drafts.values():
            for where, parameter in draft.parameters.values():
                for table in parameter.reference or ():
                    if table + ROW not in self._drafts and table not in self._referable:
                        raise ModelError(where, f"refers to {table}, which is no table of the model")

    def _built(self, path: str) -> ObjectDefinition:
        draft = self._drafts[path]
        children = [self._built(child) for child in draft.children]
        return replace(
            draft.definition,
            parameters={
                name: self._interned.setdefault(parameter, parameter)
                for name, (_, parameter) in draft.parameters.items()
            },
            children={child.name: child for child in children},
        )

    def _with_rows(self, model: Model) -> Model:
        rows: dict[str, tuple[int, ...]] = {}
        for table, (where, numbers) in sorted(self._rows.items(), key=lambda item: item[0].count(".")):
            so_far = Tree(replace(model, rows=rows))
            if not so_far.exists(table) or not so_far.find(table).is_table:
                raise ModelError(where, f"{table} is no table of the model, or lies in a row that is not given")
            if min(numbers) < 1:
                raise ModelError(where, "instance numbers start at 1")
            rows[table] = tuple(sorted(numbers))
        return replace(model, rows=rows)

    def _observed(self, tree: Tree) -> dict[str, str]:
        """The observed values that can be kept; what is odd about them is reported."""
        kept: dict[str, str] = {}
        for path, (where, text, observed) in self._values.items():
            if not observed:
                continue
            if not tree.exists(path):
                self.report(where, f"{path} is left out: the model has no such parameter, or no such row")
                continue
            parameter = tree.definition(path)
            if parameter.counts:
                if text != tree.value(path).text:
                    self.report(where, f"{path} says {text[:20]!r}, but there are {tree.value(path).text} rows")
                continue
            try:
                text = parameter.admitted(text)
                refusal = tree.refusal(parameter, text)
            except LexicalError as error:
                refusal = str(error)
            if refusal:
                self.report(where, f"the value of {path} is left out: {refusal}")
            else:
                kept[path] = text
        return kept

    def _check_keys(self, tree: Tree) -> None:
        broken: dict[str, list[str]] = {}
        for path, reason in clashing(tree, tree.model.values.keys() | self._strict().keys()).items():
            if not self._values[path].observed:
                raise ModelError(self._values[path].where, reason)
            broken.setdefault(reason, []).append(path)
        for reason, paths in broken.items():
            self.report(self._values[paths[0]].where, f"{reason}: {len(paths)} values are kept though they are not")

    def _allowed_attributes(self, tree: Tree) -> dict[str, Attributes]:
        allowed: dict[str, Attributes] = {}
        for path, (where, attributes) in self._attributes.items():
            notify = tree.definition(path).notify if tree.exists(path) else Notify.NORMAL
            if notify is (Notify.CAN_DENY if attributes.notification == 2 else Notify.FORCED):
                self.report(where, f"has notification {attributes.notification}, which the model does not allow")
            elif tree.exists(path) and attributes != tree.factory_attributes(path):
                allowed[path] = attributes
        return allowed

    def _strict(self) -> dict[str, str]:
        return {path: each.text for path, each in self._values.items() if not each.observed}

    def _tree(self, model: Model) -> Tree:
        try:
            return open_tree(model, factory=self._strict())[0]
        except ModelError as error:
            raise ModelError(self._values[error.key].where, error.reason) from None


def _parent(path: str) -> str:
    """The template of the object that holds the object or table ``path``; empty for a root."""
    above = path.removesuffix(ROW).removesuffix(".").rpartition(".")[0]
    return above + "." if above else ""
