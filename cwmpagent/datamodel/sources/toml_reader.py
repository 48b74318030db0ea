"""Reader of the agent's own model format in TOML, which ``docs/model-format.md`` documents."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any, TypeVar

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.schema import Notify, ObjectDefinition, ParameterDefinition, UniqueKey
from cwmpagent.errors import ModelError
from cwmpagent.values import NULL, Bounds, Restriction, ValueType

_T = TypeVar("_T")
_KINDS: Mapping[str, ValueType] = {kind.value: kind for kind in ValueType}
_NOTIFY: Mapping[str, Notify] = {notify.value: notify for notify in Notify}


def read_toml(data: bytes, name: str, builder: ModelBuilder) -> None:
    """Declare everything in ``data``, the content of the file ``name``, to ``builder``.

    Raises ``ModelError`` whose key is the file and the element (``gateway.toml: objects."Device.X.".create``).
    """
    try:
        document = _Table(tomllib.loads(data.decode("utf-8")), name, ": ")
    except UnicodeDecodeError:
        raise ModelError(name, "is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ModelError(name, f"is not TOML: {error}") from None
    types = dict(document.table("types").tables())
    for path, table in document.table("objects").tables():
        _read_object(path, table, types, builder)
    for path, numbers in document.table("rows").items(list, "a list of instance numbers"):
        where = f'{name}: rows."{path}"'
        for number in numbers:
            if type(number) is not int:
                raise ModelError(where, "must be a list of instance numbers")
            builder.add_row(where, path, number)
    for path, value in document.table("values").items(object, "a value"):
        where = f'{name}: values."{path}"'
        builder.set_value(where, path, _text(value, where))
    document.end()


class _Table:
    """TOML table that is read key by key; :meth:`end` refuses keys that were not read."""

    def __init__(self, content: Mapping[str, Any], where: str, separator: str = ".") -> None:
        self.where = where
        self._separator = separator
        self._left = dict(content)
        self._known: set[str] = set()

    def at(self, key: str) -> str:
        """Position of ``key`` of this table for an error text."""
        shown = key if key.replace("_", "a").isalnum() else f'"{key}"'
        return f"{self.where}{self._separator}{shown}"

    def over(self, base: _Table) -> _Table:
        """This table with the additional keys of ``base``."""
        return _Table({**base._left, **self._left}, self.where)

    def take(self, key: str, kind: type[_T], expected: str) -> _T | None:
        """Remove and return the value of ``key``, ``None`` if absent; ``expected`` is the type for an error text."""
        self._known.add(key)
        value = self._left.pop(key, None)
        if value is None:
            return None
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise ModelError(self.at(key), f"must be {expected}")
        return value

    def flag(self, key: str) -> bool:
        """Remove and return the boolean ``key``, false if absent."""
        return self.take(key, bool, "true or false") or False

    def text(self, key: str) -> str:
        """Remove and return the string ``key``, empty if absent."""
        return self.take(key, str, "a string") or ""

    def number(self, key: str) -> int | None:
        """Remove and return the whole number ``key``, ``None`` if absent."""
        return self.take(key, int, "a whole number")

    def texts(self, key: str) -> tuple[str, ...]:
        """Remove and return the list of strings ``key``, empty if absent."""
        return _texts(self.take(key, list, "a list of strings") or [], self.at(key))

    def table(self, key: str) -> _Table:
        """Remove and return the table ``key``, empty if absent."""
        return _Table(self.take(key, dict, "a table") or {}, self.at(key))

    def tables(self) -> list[tuple[str, _Table]]:
        """Remove and return all remaining keys, each a table."""
        return [(key, self.table(key)) for key in list(self._left)]

    def items(self, kind: type[_T], expected: str) -> list[tuple[str, _T]]:
        """Remove and return all remaining keys, each of ``kind``."""
        entries = [(key, self.take(key, kind, expected)) for key in list(self._left)]
        return [(key, value) for key, value in entries if value is not None]

    def end(self) -> None:
        """Raise ``ModelError`` for a remaining key, because it is unknown."""
        for key in self._left:
            raise ModelError(self.at(key), f"is unknown here; known are {', '.join(sorted(self._known))}")


def _read_object(path: str, table: _Table, types: Mapping[str, _Table], builder: ModelBuilder) -> None:
    create = table.flag("create")
    delete = table.take("delete", bool, "true or false")
    keys = [UniqueKey(names, True) for names in _keys(table, "unique")]
    keys += [UniqueKey(names, False) for names in _keys(table, "always_unique")]
    definition = ObjectDefinition(
        path=path,
        creatable=create,
        deletable=create if delete is None else delete,
        unique_keys=tuple(keys),
        enable=table.text("enable"),
        number_of_entries=table.text("number_of_entries"),
        max_rows=table.number("max_rows"),
    )
    parameters = table.table("parameters").tables()
    table.end()
    builder.add_object(table.where, definition)
    for name, content in parameters:
        builder.add_parameter(content.where, path, _parameter(name, content, types))


def _keys(table: _Table, key: str) -> list[tuple[str, ...]]:
    lists = table.take(key, list, "a list of keys, each a list of parameter names") or []
    return [_texts(names, table.at(key)) for names in lists]


def _parameter(name: str, table: _Table, types: Mapping[str, _Table]) -> ParameterDefinition:
    base = table.text("type")
    if base in types:
        table = table.over(types[base])
        base = table.text("type")
    if base not in _KINDS:
        raise ModelError(table.at("type"), f"must be one of {', '.join([*_KINDS, *types])}")
    kind = _KINDS[base]
    notify = table.text("notify") or Notify.NORMAL.value
    if notify not in _NOTIFY:
        raise ModelError(table.at("notify"), f"must be one of {', '.join(_NOTIFY)}")
    default = table.take("default", object, "a value")
    restriction = _restriction(table)
    definition = ParameterDefinition(
        name=name,
        kind=kind,
        writable=table.flag("writable"),
        default=NULL[kind] if default is None else _text(default, table.at("default")),
        restriction=None if restriction == Restriction() else restriction,
        hidden=table.flag("hidden"),
        notify=_NOTIFY[notify],
        forced_inform=table.flag("forced_inform"),
        reference=_reference(table),
        live=table.flag("live"),
    )
    table.end()
    return definition


def _restriction(table: _Table) -> Restriction:
    patterns = table.texts("patterns")
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ModelError(table.at("patterns"), f"{pattern!r} is not a regular expression: {error}") from None
    return Restriction(
        ranges=_bounds(table, "min", "max"),
        lengths=_bounds(table, "min_length", "max_length"),
        enumeration=table.texts("enumeration"),
        patterns=patterns,
        list_of=table.flag("list"),
        list_lengths=_bounds(table, "min_items", "max_items"),
        list_sizes=_bounds(table, "min_list_length", "max_list_length"),
    )


def _bounds(table: _Table, low: str, high: str) -> Bounds:
    bounds = table.number(low), table.number(high)
    return () if bounds == (None, None) else (bounds,)


def _reference(table: _Table) -> tuple[str, ...] | None:
    given = table.take("reference", object, "a table's path")
    if given is None:
        return None
    if given == "any":
        return ()
    return _texts([given] if isinstance(given, str) else given, table.at("reference"))


def _texts(value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ModelError(where, "must be a list of strings")
    return tuple(value)


def _text(value: object, where: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | str):
        return str(value)
    raise ModelError(where, "must be a string, a whole number, true or false (a dateTime is written as a string)")
