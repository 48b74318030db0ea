"""Opening the tree of one device: factory values are checked, and the saved state is taken as far as its model allows.

Other versions of a model may have written the state, so nothing in it is trusted and nothing in it is fatal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from cwmpagent.datamodel.identifiers import ALIAS, alias_refusal, aliased_row
from cwmpagent.datamodel.overlay import Overlay, split_row
from cwmpagent.datamodel.schema import Model, ParameterDefinition
from cwmpagent.datamodel.tree import Live, Tree
from cwmpagent.datamodel.unique_keys import clashing
from cwmpagent.errors import CwmpFault, ModelError
from cwmpagent.records import Batch, Saved
from cwmpagent.values import LexicalError


class Ignored(NamedTuple):
    """Something saved that the present model does not allow, and why; no value is in it."""

    path: str
    reason: str


def open_tree(
    model: Model,
    saved: Saved | None = None,
    factory: Mapping[str, str] = MappingProxyType({}),
    *,
    live: Live | None = None,
) -> tuple[Tree, tuple[Ignored, ...]]:
    """The tree of a device, and the saved entries that its model does not allow (another model may have been before).

    ``factory``: factory values by full path; raises ``ModelError``, with the path as key, for a wrong path or value.
    ``live``: as for :class:`~cwmpagent.datamodel.tree.Tree`.
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
    """``factory`` in canonical form; raises ``ModelError`` with the path as key for the first wrong one."""
    checked: dict[str, str] = {}
    for path, text in factory.items():
        try:
            parameter = tree.definition(path)
        except CwmpFault:
            reason = (
                f"the model {tree.model.name} has no such parameter, or it lies in a row that the factory does not have"
            )
            raise ModelError(path, reason) from None
        if parameter.counts:
            raise ModelError(path, f"counts the rows of {parameter.counts} and cannot be given")
        try:
            checked[path] = parameter.admitted(text)
        except LexicalError as error:
            raise ModelError(path, str(error)) from None
        refusal = _alias_refusal(path, parameter, checked[path]) or tree.refusal(parameter, checked[path])
        if refusal:
            raise ModelError(path, refusal)
    return checked


def _check_aliases(tree: Tree, given: Iterable[str]) -> None:
    """Raises ``ModelError``, with the path as key, for an alias among ``given`` paths that another row has too."""
    for path, reason in clashing(tree, _aliases(given)).items():
        raise ModelError(path, reason)


def _restored(tree: Tree, saved: Saved) -> tuple[Overlay, tuple[Ignored, ...]]:
    """The differences to the factory in ``saved``, and what of it is left out."""
    ignored: list[Ignored] = []

    def fits(path: str, reason: str | None) -> bool:
        if reason is not None:
            ignored.append(Ignored(path, reason))
        return reason is None

    # A row is checked against the rows that hold it, so the outermost come first.
    for _, level in groupby(sorted(saved.rows, key=_depth), key=_depth):
        tree = tree.after(Batch(rows={row: saved.rows[row] for row in level if fits(row, _row_refusal(tree, row))}))
    tree = tree.after(
        Batch(
            attributes={path: item for path, item in saved.attributes.items() if fits(path, _name_refusal(tree, path))},
            counters={
                table: last for table, last in saved.counters.items() if fits(table, _table_refusal(tree, table))
            },
            values={path: text for path, text in saved.values.items() if fits(path, _value_refusal(tree, path, text))},
        )
    )
    # No alias was unique by itself before there was addressing by alias: the last one given gives way.
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
        table, _ = split_row(row)
    except ValueError:
        return "is no row"
    return _table_refusal(tree, table)


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
    return _alias_refusal(path, parameter, text) or tree.refusal(parameter, text)
