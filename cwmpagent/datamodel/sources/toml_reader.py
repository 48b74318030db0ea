"""Reader of the agent's own model format in TOML, which ``docs/model-format.md`` documents."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.schema import Notify, ObjectDefinition, ParameterDefinition, UniqueKey
from cwmpagent.errors import ModelError
from cwmpagent.typed_members import TypedMembers, is_texts, is_whole
from cwmpagent.values import NULL, Bounds, Restriction, ValueType

_KINDS: Mapping[str, ValueType] = {kind.value: kind for kind in ValueType}
_NOTIFY: Mapping[str, Notify] = {notify.value: notify for notify in Notify}


def read_toml(data: bytes, name: str, builder: ModelBuilder) -> None:
    """Declare everything in ``data``, the content of the file ``name``, to ``builder``.

    Raises ``ModelError`` whose key is the file and the element (``gateway.toml: objects."Device.X.".create``).
    """
    try:
        document = _Table(tomllib.loads(data.decode("utf-8-sig")), name, ModelError, separator=": ")
    except UnicodeDecodeError:
        raise ModelError(name, "is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ModelError(name, f"is not TOML: {error}") from None
    types = dict(document.table("types").tables())
    for path, table in document.table("objects").tables():
        _read_object(path, table, types, builder)
    rows = document.table("rows")
    for path in rows:
        numbers = rows.value(path)
        if not isinstance(numbers, list) or not all(map(is_whole, numbers)):
            raise rows.error(path, "must be a list of instance numbers")
        for number in numbers:
            builder.add_row(rows.full_name(path), path, number)
    values = document.table("values")
    for path in values:
        builder.set_value(values.full_name(path), path, values.plain(path))
    document.end()


class _Table(TypedMembers):
    """A TOML table all of whose keys must be read."""

    MEMBERS = "a table"
    PLAIN = "a string, a whole number, true or false (a dateTime is written as a string)"

    def over(self, base: _Table) -> _Table:
        """This table without the keys that were read, and the keys that only ``base`` has."""
        unread = {key: self.value(key) for key in self.unread()}
        return _Table({**{key: base.value(key) for key in base}, **unread}, self.place, ModelError)

    def table(self, key: str) -> _Table:
        """The table ``key``, empty where it is absent."""
        return self.members(key, {})

    def tables(self) -> list[tuple[str, _Table]]:
        """All members, each of which must be a table."""
        return [(key, self.members(key)) for key in self]

    def end(self) -> None:
        """Raise ModelError where a key was not read, as it is unknown."""
        for key in self.unread():
            raise self.error(key, f"is unknown here; known are {', '.join(sorted(self.read()))}")


def _read_object(path: str, table: _Table, types: Mapping[str, _Table], builder: ModelBuilder) -> None:
    create = table.flag("create", False)
    keys = [UniqueKey(names, True) for names in _keys(table, "unique")]
    keys += [UniqueKey(names, False) for names in _keys(table, "always_unique")]
    definition = ObjectDefinition(
        path=path,
        creatable=create,
        deletable=table.flag("delete", create),
        unique_keys=tuple(keys),
        enable=table.text("enable", ""),
        number_of_entries=table.text("number_of_entries", ""),
        max_rows=table.whole_or_none("max_rows"),
    )
    parameters = table.table("parameters").tables()
    table.end()
    builder.add_object(table.place, definition)
    for name, content in parameters:
        builder.add_parameter(content.place, path, _parameter(name, content, types))


def _keys(table: _Table, key: str) -> list[tuple[str, ...]]:
    lists = table.value(key, [])
    if not isinstance(lists, list) or not all(map(is_texts, lists)):
        raise table.error(key, "must be a list of keys, each a list of strings: the names of its parameters")
    return [tuple(names) for names in lists]


def _parameter(name: str, table: _Table, types: Mapping[str, _Table]) -> ParameterDefinition:
    base = table.choice("type", "", [*_KINDS, *types])
    if base in types:
        table = table.over(types[base])
        base = table.choice("type", "", _KINDS)
    kind = _KINDS[base]
    restriction = _restriction(table)
    definition = ParameterDefinition(
        name=name,
        kind=kind,
        writable=table.flag("writable", False),
        default=table.plain("default", NULL[kind]),
        restriction=None if restriction == Restriction() else restriction,
        hidden=table.flag("hidden", False),
        notify=_NOTIFY[table.choice("notify", Notify.NORMAL.value, _NOTIFY)],
        forced_inform=table.flag("forced_inform", False),
        reference=_reference(table),
        live=table.flag("live", False),
    )
    table.end()
    return definition


def _restriction(table: _Table) -> Restriction:
    patterns = table.texts("patterns", ())
    for pattern in patterns:
        try:
            re.compile(pattern)
        except re.error as error:
            raise table.error("patterns", f"{pattern!r} is not a regular expression: {error}") from None
    return Restriction(
        ranges=_bounds(table, "min", "max"),
        lengths=_bounds(table, "min_length", "max_length"),
        enumeration=table.texts("enumeration", ()),
        patterns=patterns,
        list_of=table.flag("list", False),
        list_lengths=_bounds(table, "min_items", "max_items"),
        list_sizes=_bounds(table, "min_list_length", "max_list_length"),
    )


def _bounds(table: _Table, low: str, high: str) -> Bounds:
    bounds = table.whole_or_none(low), table.whole_or_none(high)
    return () if bounds == (None, None) else (bounds,)


def _reference(table: _Table) -> tuple[str, ...] | None:
    paths = table.text_or_texts("reference", ())
    if "reference" not in table:
        return None
    return () if table.value("reference") == "any" else paths
