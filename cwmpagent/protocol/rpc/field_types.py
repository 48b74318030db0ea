"""How a dataclass says what its fields look like on the wire.

A field is annotated with its type and one shape: ``command_key: Annotated[str, Text("CommandKey", 32)]``. Encoding,
decoding, checking, masking and the tests all read these declarations; no RPC has code of its own. A field whose
default is None is an optional element; a field without a shape is not on the wire.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple, get_args, get_type_hints

from cwmpagent.values import ValueType


@dataclass(frozen=True, slots=True)
class FieldType:
    """One element by its name, which is unqualified (elementFormDefault of the CWMP schemas)."""

    element: str


@dataclass(frozen=True, slots=True)
class Text(FieldType):
    """Text of at most ``most`` characters; ``kind`` says which. ``secret`` and ``url`` matter to masking."""

    most: int | None = None
    pattern: str = ""
    kind: ValueType = ValueType.STRING
    secret: bool = False
    url: bool = False


@dataclass(frozen=True, slots=True)
class Number(FieldType):
    """A whole number of type ``kind``, further bounded by ``low`` and ``high``.

    ``unless`` names a boolean field of the same class: while that is false, a wrong or missing number is taken as 0.
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
    """A :class:`~cwmpagent.values.Value` with its ``xsi:type``; the class's ``typed`` says whether it had one."""


@dataclass(frozen=True, slots=True)
class Nested(FieldType):
    """The fields of another dataclass."""


@dataclass(frozen=True, slots=True)
class Array(FieldType):
    """A SOAP array with its ``arrayType``, of ``least`` to ``most`` members.

    ``member`` is their shape where they are text; else they are structs, whose element is the name of their class.
    """

    least: int = 0
    most: int | None = None
    member: Text | None = None


@dataclass(frozen=True, slots=True)
class Repeated(FieldType):
    """The same element, at least once; where several classes are possible, ``xsi:type`` says which."""


class Field(NamedTuple):
    """One field of a dataclass that is on the wire.

    ``types`` are the dataclasses it can hold (Nested, Array, Repeated). An ``optional`` one may be absent: None.
    """

    attribute: str
    shape: FieldType
    types: tuple[type[Any], ...]
    optional: bool


def fields_of(cls: type[Any]) -> tuple[Field, ...]:
    """The fields of the dataclass ``cls`` that are on the wire, in their order there."""
    declared: Any = cls
    return _fields_of(declared)


@cache
def _fields_of(cls: Any) -> tuple[Field, ...]:
    hints = get_type_hints(cls, include_extras=True)
    found = []
    for field in dataclasses.fields(cls):
        hint = hints[field.name]
        shapes = [extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, FieldType)]
        if shapes:
            types = () if isinstance(shapes[0], Typed) else tuple(_dataclasses_in(hint.__origin__))
            found.append(Field(field.name, shapes[0], types, field.default is None))
    return tuple(found)


def _dataclasses_in(hint: Any) -> list[type[Any]]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return [hint]
    return [cls for part in get_args(hint) for cls in _dataclasses_in(part)]
