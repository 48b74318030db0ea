"""Declarations of the XML elements of dataclass fields.

A field is annotated with its type and one shape: ``command_key: Annotated[str, Text("CommandKey", 32)]``. Encoding,
decoding, checks, masking and tests use these declarations; no RPC has its own code. A field whose default is None is an
optional element. A field without a shape is not sent.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

from cwmpagent.values import ValueType


@dataclass(frozen=True, slots=True)
class FieldType:
    """An element with its name, which is unqualified (elementFormDefault of the CWMP schemas)."""

    element: str


@dataclass(frozen=True, slots=True)
class Text(FieldType):
    """Text of type ``kind`` with at most ``most`` characters. ``secret`` and ``url`` control masking.

    ``often_absent``: a mandatory key that ACSs leave out; a lenient reader reads its absence as empty.
    """

    most: int | None = None
    pattern: str = ""
    kind: ValueType = ValueType.STRING
    secret: bool = False
    url: bool = False
    often_absent: bool = False


@dataclass(frozen=True, slots=True)
class Number(FieldType):
    """A whole number of type ``kind``, limited to ``low`` and ``high``.

    ``unless``: name of a boolean field of the same class. While that is false, an invalid or missing number is 0.
    """

    kind: ValueType = ValueType.UNSIGNED_INT
    low: int | None = None
    high: int | None = None
    unless: str = ""


@dataclass(frozen=True, slots=True)
class Flag(FieldType):
    """A boolean."""


@dataclass(frozen=True, slots=True)
class Typed(FieldType):
    """A :class:`~cwmpagent.values.Value` with its ``xsi:type``; ``typed`` of the class is whether it had one."""


@dataclass(frozen=True, slots=True)
class Nested(FieldType):
    """An element with the fields of another dataclass."""


@dataclass(frozen=True, slots=True)
class Array(FieldType):
    """A SOAP array with ``arrayType`` and ``least`` to ``most`` members.

    ``member``: the shape of text members. None: the members are structs, and their element is the name of their class.
    """

    least: int = 0
    most: int | None = None
    member: Text | None = None


@dataclass(frozen=True, slots=True)
class Repeated(FieldType):
    """A repeated element, at least one; ``xsi:type`` selects the class where several are possible."""


class Field(NamedTuple):
    """A field of a dataclass with a shape.

    ``types``: the dataclasses that it can hold (Nested, Array, Repeated). ``optional``: it may be absent (None).
    """

    attribute: str
    shape: FieldType
    types: tuple[type[Any], ...]
    optional: bool


def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """The fields of the dataclass ``cls`` that have a shape, in the order of their elements."""
    declared: Any = cls
    return _fields_of(declared)


@cache
def _fields_of(cls: Any) -> tuple[Field, ...]:
    hints = get_type_hints(cls, include_extras=True)
    fields = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        shapes = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, FieldType)]
        if shapes:
            types = () if isinstance(shapes[0], Typed) else tuple(_dataclasses_in(hint.__origin__))
            fields.append(Field(field.name, shapes[0], types, field.default is None))
    return tuple(fields)


def _dataclasses_in(hint: Any) -> list[type[Any]]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return [hint]
    return [cls for part in get_args(hint) for cls in _dataclasses_in(part)]
