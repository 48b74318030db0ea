"""Hypothesis strategies for messages, from the declarations of their fields."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from cwmpagent.protocol.rpc import REQUESTS, RESPONSES, Message
from cwmpagent.protocol.rpc.field_types import Array, Field, Flag, Nested, Number, Repeated, Text, Typed, fields_of
from cwmpagent.values import Value, ValueType, canonical

RPCS: tuple[type[Message], ...] = (*REQUESTS.values(), *RESPONSES.values())

XML_CHARACTERS = st.characters(
    exclude_categories=("Cs", "Cc"), include_characters="\t\n\r", exclude_characters="\ufffe\uffff"
)
TIMES = st.sampled_from(
    ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-01-31T10:00:00+01:00", "1970-01-01T14:50:29.824Z"]
)
BASE64 = st.binary(max_size=20).map(lambda data: base64.b64encode(data).decode())
BOUNDS = {
    ValueType.INT: (-(2**31), 2**31 - 1),
    ValueType.UNSIGNED_INT: (0, 2**32 - 1),
    ValueType.LONG: (-(2**63), 2**63 - 1),
    ValueType.UNSIGNED_LONG: (0, 2**64 - 1),
}


def texts(most: int | None = None) -> st.SearchStrategy[str]:
    """Generate text that XML can carry, of at most ``most`` characters."""
    return st.text(XML_CHARACTERS, max_size=min(most or 40, 40))


def canonical_texts(kind: ValueType) -> st.SearchStrategy[str]:
    """Generate text in the canonical form of its type."""
    if kind in BOUNDS:
        return st.integers(*BOUNDS[kind]).map(str)
    if kind is ValueType.DECIMAL:
        return st.integers(-(10**12), 10**12).map(lambda number: canonical(kind, f"{number}.25"))
    if kind is ValueType.BOOLEAN:
        return st.sampled_from(["true", "false"])
    if kind is ValueType.DATE_TIME:
        return TIMES
    if kind is ValueType.BASE64:
        return BASE64
    if kind is ValueType.HEX_BINARY:
        return st.binary(max_size=20).map(lambda data: data.hex().upper())
    return texts()


VALUES = st.sampled_from(ValueType).flatmap(lambda kind: canonical_texts(kind).map(lambda text: Value(kind, text)))

Overrides = Mapping[str, st.SearchStrategy[Any]]
"""Strategies by element name that replace those of the declarations."""


def instances(cls: type[Any], overrides: Overrides | None = None) -> st.SearchStrategy[Any]:
    """Generate instances of ``cls`` with fields that their declarations allow."""
    chosen = overrides or {}
    fields = {field.attribute: _values(field, chosen) for field in fields_of(cls)}
    return st.builds(cls, **fields)


def _values(field: Field, overrides: Overrides) -> st.SearchStrategy[Any]:
    strategy = overrides[field.shape.element] if field.shape.element in overrides else _declared(field, overrides)
    return st.none() | strategy if field.optional else strategy


def _declared(field: Field, overrides: Overrides) -> st.SearchStrategy[Any]:
    match field.shape:
        case Text():
            return _text(field.shape)
        case Number(kind=kind, low=low, high=high):
            lowest, highest = BOUNDS[kind]
            return st.integers(lowest if low is None else low, highest if high is None else high)
        case Flag():
            return st.booleans()
        case Typed():
            return VALUES
        case Nested():
            return instances(field.types[0], overrides)
        case Repeated():
            return _tuples(st.one_of([instances(cls, overrides) for cls in field.types]), 1, 4)
        case Array(member=member):
            items = _text(member) if member is not None else instances(field.types[0], overrides)
            return _tuples(items, field.shape.least, min(field.shape.most or 4, 4))
        case _:
            raise AssertionError(field)


def _text(shape: Text) -> st.SearchStrategy[str]:
    if shape.pattern:
        return st.from_regex(shape.pattern, fullmatch=True)
    return canonical_texts(shape.kind) if shape.kind is not ValueType.STRING else texts(shape.most)


def _tuples(items: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, min_size=least, max_size=most).map(tuple)
