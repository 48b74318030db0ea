"""Builds a :class:`Model` from the declarations of its sources, in any order, and checks their consistency.

Every declaration carries its position (file and element) as ``where``; this is the key of a ``ModelError`` about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from cwmpagent.datamodel.deviations import (
    BAD_ATTRIBUTES,
    BAD_VALUES,
    LEFT_OUT,
    NOT_UNIQUE,
    OF_STANDARD,
    WRONG_COUNTS,
    Deviations,
)
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import ROW, Model, Notify, ObjectDefinition, ParameterDefinition, is_name
from cwmpagent.datamodel.tree import Tree
from cwmpagent.datamodel.unique_keys import clashing
from cwmpagent.errors import ModelError
from cwmpagent.records import Attributes
from cwmpagent.values import LexicalError, can_be_sent

LONGEST_PATH = 256
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_INSTANCE = re.compile(r"(?<=\.)[0-9]+(?=\.)")


def template_of(path: str) -> str:
    """Template of a path with instance numbers: ``Device.IP.Interface.{i}.Name`` for ``Device.IP.Interface.1.Name``."""
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


class _GivenValue(NamedTuple):
    where: str
    text: str
    observed: bool


class ModelBuilder:
    """Collector of the declarations of one or several sources.

    A later value of a parameter replaces an earlier one. Nothing else may be declared twice; a source that adds to
    earlier sources therefore checks :meth:`declared` first.
    """

    def __init__(self) -> None:
        self._drafts: dict[str, _Draft] = {}
        self._offers: dict[str, _Offer] = {}
        self._rows: dict[str, tuple[str, set[int]]] = {}
        self._values: dict[str, _GivenValue] = {}
        self._absent: set[str] = set()
        self._referable: set[str] = set()
        self._attributes: dict[str, tuple[str, Attributes]] = {}
        self._forced_inform: list[str] = []
        self._words: dict[str, str] = {}
        self._access: dict[str, bool] = {}
        self._deviations = Deviations()
        self._interned: dict[ParameterDefinition, ParameterDefinition] = {}

    @property
    def root(self) -> str:
        """Path of the declared root object (``Device.``), empty if none is declared yet."""
        return next((path for path in self._drafts if not parent_of(path)), "")

    def declared(self, template: str) -> ObjectDefinition | ParameterDefinition | None:
        """Definition declared for a template (see :func:`template_of`) by this or an earlier source, or ``None``.

        The path of an object ends in a dot; ``Device.IP.Interface.`` is not declared by ``Device.IP.Interface.{i}.``.
        The definition of an object does not contain its parameters and children.
        """
        above, _, name = template.rpartition(".")
        draft = self._drafts.get(above + ".")
        if draft is None or not name:
            return draft.definition if draft else None
        return draft.parameters[name][1] if name in draft.parameters else None

    def report(self, where: str, text: str, kind: str) -> None:
        """Add a line about a deviation from a source to the ``reports`` of the model.

        ``kind``: a phrase in the plural, under which the summary counts all deviations of this kind.
        """
        self._deviations.add(where, text, kind)

    def offer(
        self, where: str, template: str, definition: ObjectDefinition | ParameterDefinition, notes: Iterable[str] = ()
    ) -> None:
        """Offer an optional definition, which a later source may declare with :meth:`take`.

        ``notes`` are reported if it is taken. An object is offered before its parameters and children.
        """
        self._offers[template] = _Offer(where, definition, tuple(notes))

    def take(self, template: str) -> list[str]:
        """Declare the offered definition of ``template`` and the objects that contain it; returns their templates."""
        if template not in self._offers:
            return []
        above = parent_of(template) if template.endswith(".") else template.rpartition(".")[0] + "."
        taken = self.take(above)
        where, definition, notes = self._offers.pop(template)
        if isinstance(definition, ObjectDefinition):
            self.add_object(where, definition, lenient=True)
        else:
            self.add_parameter(where, above, definition)
        for text in notes:
            self.report(where, text, OF_STANDARD)
        return [*taken, template]

    def add_object(
        self, where: str, definition: ObjectDefinition, *, lenient: bool = False, observed: bool = False
    ) -> None:
        """Declare an object or table, without its parameters and children.

        With ``lenient``, :meth:`build` ignores a unique key, enable parameter or row counter whose parameters are not
        declared; without it, :meth:`build` fails. With ``observed``, a real device has an object of this name, so it
        may be any :func:`~cwmpagent.datamodel.schema.is_name`; otherwise it must follow the rules of TR-106.
        """
        path = definition.path
        if not _is_template(path) or not (observed or _NAME.fullmatch(definition.name)):
            raise ModelError(where, "an object's path must be names, each followed by a dot, with {i}. for table rows")
        if len(path) > LONGEST_PATH:
            raise ModelError(where, f"a path has at most {LONGEST_PATH} characters")
        if path in self._drafts:
            raise ModelError(where, f"is already declared in {self._drafts[path].where}")
        self._drafts[path] = _Draft(where, definition, lenient=lenient)

    def add_parameter(self, where: str, path: str, parameter: ParameterDefinition, *, observed: bool = False) -> None:
        """Declare a parameter of the object ``path``, which must already be declared; ``observed``: as for objects."""
        if not (is_name(parameter.name) if observed else _NAME.fullmatch(parameter.name)):
            raise ModelError(where, "a parameter's name must be a letter or _, then letters, digits, - and _")
        if len(path + parameter.name) > LONGEST_PATH:
            raise ModelError(where, f"a path has at most {LONGEST_PATH} characters")
        try:
            default = parameter.admitted(parameter.default)
        except LexicalError as error:
            raise ModelError(where, f"the default {parameter.default!r} is not allowed: {error}") from None
        if parameter.name in self._drafts[path].parameters:
            raise ModelError(where, "is declared twice")
        self._drafts[path].parameters[parameter.name] = where, replace(parameter, default=default)

    def add_row(self, where: str, table: str, number: int, *, observed: bool = False) -> None:
        """Add the row ``number`` of ``table`` (a path with instance numbers) to the factory state.

        With ``observed``, a real device has this row, so its number may be 0.
        """
        if number < (0 if observed else 1):
            raise ModelError(where, "instance numbers start at 1")
        self._rows.setdefault(table, (where, set()))[1].add(number)

    def set_value(self, where: str, path: str, text: str, *, observed: bool = False) -> None:
        """Set the factory value of the parameter ``path``.

        An invalid value makes :meth:`build` fail. With ``observed`` the value was read from a real device: if the
        model does not allow it (type, restriction, reference to a missing row), it is left out and the default
        applies; if it violates a unique key, it is kept. Both cases are reported. An observed value of a row counter
        is ignored, because rows are counted.
        """
        self._values[path] = _GivenValue(where, text, observed)

    def set_words(self, path: str, text: str) -> None:
        """Let an ACS read ``text`` as the factory value of the parameter ``path``, even if the model does not allow it.

        It has no other effect: the agent itself uses the value of :meth:`set_value`. A value that a later source sets
        without ``observed`` replaces it, too.
        """
        self._words[path] = text

    def set_access(self, path: str, writable: bool) -> None:
        """Let ``path``, a parameter, table, row or object, have this Writable instead of that of its definition."""
        self._access[path] = writable

    def allow_reference(self, table: str) -> None:
        """Permit references to ``table`` even if the model does not contain it; such a reference can only be empty."""
        self._referable.add(table)

    def leave_out(self, path: str) -> None:
        """Exclude the parameter or object (ending in a dot) ``path`` from the factory row that contains it."""
        self._absent.add(path)

    def set_attributes(self, where: str, path: str, attributes: Attributes) -> None:
        """Set the factory attributes of the parameter ``path``; reported if its definition does not permit them."""
        self._attributes[path] = where, attributes

    def force_inform(self, path: str) -> None:
        """Include the parameter ``path``, which is inside a row, in every Inform while it exists."""
        self._forced_inform.append(path)

    def build(self, name: str) -> Model:
        """Check the declarations and return the model; raises ``ModelError`` for the first inconsistency."""
        root = self._link()
        self._check_references()
        model = self._with_rows(Model(name=name, root=self._object(root), absent=frozenset(self._absent)))
        model = replace(model, values=self._admitted_observations(Tree(model)))
        tree = self._tree(model)
        self._check_keys(tree)
        everything = [(item.path, parameter) for item in model.root.walk() for parameter in item.parameters.values()]
        return replace(
            model,
            values=dict(tree.given_values()),
            forced_inform=(
                *(path + item.name for path, item in everything if item.forced_inform and ROW not in path),
                *self._forced_inform,
            ),
            active=tuple(path + item.name for path, item in everything if item.starts_active),
            attributes=self._allowed_attributes(tree),
            words=self._words_that_differ(tree),
            access={
                path: writable
                for path, writable in self._access.items()
                if tree.exists(path) and tree.find(path).writable != writable
            },
            reports=tuple(self._deviations.lines),
            deviations=dict(self._deviations.counts),
        )

    def _link(self) -> str:
        """Attach every draft to its parent; returns the path of the root."""
        roots: list[str] = []
        for path, draft in self._drafts.items():
            parent = parent_of(path)
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
                draft.definition = self._without_undeclared(path, draft.definition)
            self._check(path, draft)
        return roots[0]

    def _without_undeclared(self, path: str, definition: ObjectDefinition) -> ObjectDefinition:
        """``definition`` without the unique keys, enable and row counter whose parameters are not declared."""

        def is_declared(above: str, relative: str) -> bool:
            return isinstance(self.declared(above + relative), ParameterDefinition)

        enable, counter = definition.enable, definition.number_of_entries
        return replace(
            definition,
            unique_keys=tuple(
                key for key in definition.unique_keys if all(is_declared(path, name) for name in key.parameters)
            ),
            enable=enable if enable and is_declared(path, enable) else "",
            number_of_entries=counter if counter and is_declared(parent_of(path), counter) else "",
        )

    def _check(self, path: str, draft: _Draft) -> None:
        definition, where = draft.definition, draft.where
        if not path.endswith(ROW):
            if definition != ObjectDefinition(path=path):
                raise ModelError(where, "only a table (its path ends in {i}.) can have rows, unique keys and an enable")
        elif definition.number_of_entries:
            parent = self._drafts[parent_of(path)].parameters
            counter_where, counter = parent.get(definition.number_of_entries, ("", None))
            if counter is None:
                raise ModelError(where, f"{definition.number_of_entries} is not a parameter of {parent_of(path)}")
            parent[counter.name] = counter_where, replace(counter, counts=definition.name)
        names = {name for key in definition.unique_keys for name in key.parameters}
        for relative in {definition.enable, *names} - {""}:
            inner, dot, last = (path + relative).rpartition(".")
            if (inner + dot) not in self._drafts or last not in self._drafts[inner + dot].parameters:
                raise ModelError(where, f"{relative} is not a parameter of it")
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
                        raise ModelError(where, f"refers to {table}, which is not a table of the model")

    def _object(self, path: str) -> ObjectDefinition:
        draft = self._drafts[path]
        children = [self._object(child) for child in draft.children]
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
            tree = Tree(replace(model, rows=rows))
            if not tree.exists(table) or not tree.find(table).is_table:
                raise ModelError(where, f"{table} is not a table of the model, or is inside a row that is not declared")
            rows[table] = tuple(sorted(numbers))
        return replace(model, rows=rows)

    def _admitted_observations(self, tree: Tree) -> dict[str, str]:
        """Observed values that the model allows; all others are reported."""
        kept: dict[str, str] = {}
        for path, (where, text, observed) in self._values.items():
            if not observed:
                continue
            if not tree.exists(path):
                self.report(where, f"{path} is left out: the model has no such parameter or row", LEFT_OUT)
                continue
            parameter = tree.definition(path)
            if parameter.counts:
                if text != tree.value(path).text:
                    rows = tree.value(path).text
                    self.report(where, f"{path} is {text[:20]!r}, but there are {rows} rows", WRONG_COUNTS)
                continue
            try:
                text = parameter.admitted(text)
                refusal = tree.refusal(parameter, text)
            except LexicalError as error:
                refusal = str(error)
            if refusal:
                words = self._words.get(path)
                shown = words is not None and _may_be_shown(parameter, words)
                outcome = "is shown as it is, but not used" if shown else "is left out"
                self.report(where, f"the value of {path} {outcome}: {refusal}", BAD_VALUES)
            else:
                kept[path] = text
        return kept

    def _check_keys(self, tree: Tree) -> None:
        broken: dict[str, list[str]] = {}
        for path, reason in clashing(tree, tree.model.values.keys() | self._strict_values().keys()).items():
            if not self._values[path].observed:
                raise ModelError(self._values[path].where, reason)
            broken.setdefault(reason, []).append(path)
        for reason, paths in broken.items():
            text = f"{reason}: {len(paths)} values that are not unique are kept"
            self.report(self._values[paths[0]].where, text, NOT_UNIQUE)

    def _allowed_attributes(self, tree: Tree) -> dict[str, Attributes]:
        allowed: dict[str, Attributes] = {}
        for path, (where, attributes) in self._attributes.items():
            notify = tree.definition(path).notify if tree.exists(path) else Notify.NORMAL
            if notify is (Notify.CAN_DENY if attributes.notification == 2 else Notify.FORCED):
                text = f"has notification {attributes.notification}, which the model does not allow"
                self.report(where, text, BAD_ATTRIBUTES)
            elif tree.exists(path) and attributes != tree.factory_attributes(path):
                allowed[path] = attributes
        return allowed

    def _words_that_differ(self, tree: Tree) -> dict[str, str]:
        """Words of existing parameters, if an ACS would read another text; no secret is ever among them."""
        words: dict[str, str] = {}
        for path, text in self._words.items():
            given = self._values.get(path)
            if not tree.exists(path) or (given is not None and not given.observed):
                continue
            parameter = tree.definition(path)
            if not parameter.counts and _may_be_shown(parameter, text) and tree.shown(path).text != text:
                words[path] = text
        return words

    def _strict_values(self) -> dict[str, str]:
        return {path: value.text for path, value in self._values.items() if not value.observed}

    def _tree(self, model: Model) -> Tree:
        try:
            return open_tree(model, factory=self._strict_values())[0]
        except ModelError as error:
            raise ModelError(self._values[error.key].where, error.reason) from None


def _may_be_shown(parameter: ParameterDefinition, words: str) -> bool:
    """Whether an answer may have the ``words`` of a dump: XML can contain them, and they are no secret."""
    return can_be_sent(words) and not (parameter.hidden and words)


def parent_of(path: str) -> str:
    """Template of the object that contains the object or table ``path``; empty for a root."""
    above = path.removesuffix(ROW).removesuffix(".").rpartition(".")[0]
    return above + "." if above else ""


def _is_template(path: str) -> bool:
    """Whether ``path`` is made of names, each followed by a dot, with ``{i}.`` for rows of the table before it."""
    *parts, end = path.split(".")
    return bool(parts and not end) and all(
        is_name(part) or (part == "{i}" and at > 1 and parts[at - 1] != part) for at, part in enumerate(parts)
    )
