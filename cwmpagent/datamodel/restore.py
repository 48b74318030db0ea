"""Opening the tree of one device: checks factory values and restores the saved state as far as the model allows.

The state may have been saved with another version of the model. Every entry is checked, and an invalid entry is not
an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from cwmpagent.datamodel.address_parameters import address_refusal
from cwmpagent.datamodel.identifiers import ALIAS, alias_refusal, aliased_row
from cwmpagent.datamodel.overlay import Overlay, split_row
from cwmpagent.datamodel.schema import HIGHEST_INSTANCE, Model, ParameterDefinition
from cwmpagent.datamodel.tree import Live, Tree
from cwmpagent.datamodel.unique_keys import clashing
from cwmpagent.errors import CwmpFault, ModelError
from cwmpagent.records import Batch, Saved
from cwmpagent.values import LexicalError


class Ignored(NamedTuple):
    """Saved entry that the present model does not allow, with the reason; does not contain its value."""

    path: str
    reason: str


def open_tree(
    model: Model,
    saved: Saved | None = None,
    factory: Mapping[str, str] = MappingProxyType({}),
    *,
    live: Live | None = None,
) -> tuple[Tree, tuple[Ignored, ...]]:
    """Open the tree of a device; returns it with the saved entries that its model does not allow.

    ``factory``: factory values by full path; raises ``ModelError``, with the path as key, for an invalid path or
    value. ``live``: as for :class:`~cwmpagent.datamodel.tree.Tree`.
    """
    if factory:
        bare = Tree(model, live=live)
        factory = _checked_factory(bare, factory)
        _check_aliases(Tree(model, factory, live=live), factory)
    tree = Tree(model, factory, live=live)
    if saved is None:
        return tree, ()
    overlay, ignored = _restored(tree, saved)
    return Tree(model, factory, overlay, live=live), ignored


def _checked_factory(tree: Tree, factory: Mapping[str, str]) -> dict[str, str]:
    """``factory`` as canonical texts; raises ``ModelError``, with the path as key, for the first invalid entry."""
    checked: dict[str, str] = {}
    for path, text in factory.items():
        try:
            parameter = tree.definition(path)
        except CwmpFault:
            reason = "has no such parameter, or it is inside a row that the factory state does not contain"
            raise ModelError(path, f"the model {tree.model.name} {reason}") from None
        if parameter.counts:
            raise ModelError(path, f"counts the rows of {parameter.counts} and cannot be configured")
        try:
            checked[path] = parameter.admitted(text)
        except LexicalError as error:
            raise ModelError(path, str(error)) from None
        refusal = _refusal(tree, path, parameter, checked[path])
        if refusal:
            raise ModelError(path, refusal)
    return checked


def _check_aliases(tree: Tree, paths: Iterable[str]) -> None:
    """Raise ``ModelError``, with the path as key, for an alias among the ``paths`` that another row also has."""
    for path, reason in clashing(tree, _aliases(paths)).items():
        raise ModelError(path, reason)


def _restored(tree: Tree, saved: Saved) -> tuple[Overlay, tuple[Ignored, ...]]:
    """Differences from the factory state in ``saved``, and the entries that are ignored."""
    ignored: list[Ignored] = []

    def fits(path: str, reason: str | None) -> bool:
        if reason is not None:
            ignored.append(Ignored(path, reason))
        return reason is None

    # A row is checked against the rows that contain it, so outer rows are restored first.
    for _, level in groupby(sorted(saved.rows, key=_depth), key=_depth):
        tree = tree.after(Batch(rows={row: saved.rows[row] for row in level if fits(row, _row_refusal(tree, row))}))
    tree = tree.after(
        Batch(
            attributes={path: item for path, item in saved.attributes.items() if fits(path, _name_refusal(tree, path))},
            counters={
                table: last
                for table, last in saved.counters.items()
                if fits(table, _table_refusal(tree, table) or _number_refusal(last))
            },
            values={path: text for path, text in saved.values.items() if fits(path, _value_refusal(tree, path, text))},
        )
    )
    # Versions without alias-based addressing could save equal aliases: the one with the greatest path is dropped.
    while clashes := clashing(tree, _aliases(saved.values.keys() & tree.overlay.values.keys())):
        path = max(clashes)
        ignored.append(Ignored(path, clashes[path]))
        tree = tree.after(Batch(values={path: None}))
    return tree.overlay, tuple(ignored)


def _aliases(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if path.endswith(f".{ALIAS}")]


def _alias_refusal(path: str, parameter: ParameterDefinition, text: str) -> str | None:
    return alias_refusal(text) if aliased_row(path, parameter) is not None else None


def _depth(path: str) -> int:
    return path.count(".")


def _row_refusal(tree: Tree, row: str) -> str | None:
    try:
        table, number = split_row(row)
    except ValueError:
        return "is not a row"
    return _table_refusal(tree, table) or _number_refusal(number)


def _number_refusal(number: int) -> str | None:
    return f"has an instance number above {HIGHEST_INSTANCE}" if number > HIGHEST_INSTANCE else None


def _table_refusal(tree: Tree, table: str) -> str | None:
    return None if tree.exists(table) and tree.find(table).is_table else "the model has no such table here"


def _name_refusal(tree: Tree, path: str) -> str | None:
    return None if tree.exists(path) and tree.find(path).parameter else "the model has no such parameter here"


def _value_refusal(tree: Tree, path: str, text: str) -> str | None:
    refusal = _name_refusal(tree, path)
    if refusal:
        return refusal
    parameter = tree.definition(path)
    if parameter.counts:
        return f"counts the rows of {parameter.counts} and is not saved"
    try:
        if parameter.admitted(text) != text:
            return "is not in its canonical form"
    except LexicalError as error:
        return str(error)
    return _refusal(tree, path, parameter, text)


def _refusal(tree: Tree, path: str, parameter: ParameterDefinition, text: str) -> str | None:
    refusal = _alias_refusal(path, parameter, text) or tree.refusal(parameter, text)
    return refusal or address_refusal(tree, path, text)
