"""Handlers of elements with child elements, built from the shapes of the dataclasses."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from cwmpagent.protocol.rpc.field_types import Array, Field, Flag, Nested, Number, Repeated, Text, Typed, fields_of
from cwmpagent.protocol.soap.elements import (
    IGNORED,
    UNLIMITED,
    Element,
    Leaf,
    Reading,
    ValueLeaf,
    check_single,
    note,
)
from cwmpagent.protocol.soap.envelope import local_name
from cwmpagent.values import LexicalError, Value, ValueType, canonical

_FLAGS: Mapping[str, bool] = MappingProxyType({"0": False, "1": True, "false": False, "true": True})


class ListElement(Element):
    """A SOAP array; every child is a member, with any element name (SOAP 1.1 section 5.4.2)."""

    __slots__ = ("least", "member", "most", "name")

    def __init__(self, name: str, slot: int, shape: Array, element: str, member: Element) -> None:
        super().__init__(slot)
        self.name = name
        self.least = shape.least
        self.most = UNLIMITED if shape.most is None else shape.most
        self.member = member
        self.children = {element: member}

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        return self.member

    def open(self) -> Any:
        return []

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        check_single(reading, self.name, self.slot, into)
        if len(content) < self.least:
            note(reading, f"{self.name} is empty")
        elif len(content) > self.most:
            note(reading, f"{self.name} has more than {self.most} members")
        self.put(tuple(content), into)


class StructElement(Element):
    """A struct with the fields of a dataclass in any order; unknown children are ignored.

    ``repeated``: the element may occur several times. ``choices``: the children whose ``xsi:type`` selects one of
    several structs.
    """

    __slots__ = (
        "choices",
        "cls",
        "conditions",
        "fresh",
        "is_positional",
        "is_repeated",
        "is_special",
        "lists",
        "name",
        "needed",
        "slots",
    )

    def __init__(self, cls: type[Any], name: str, slot: int = -1, *, repeated: bool = False) -> None:
        super().__init__(slot)
        self.cls = cls
        self.name = name
        self.is_repeated = repeated
        declared = dataclasses.fields(cls)
        self.slots = {field.name: index for index, field in enumerate(declared)}
        self.is_positional = not any(field.kw_only for field in declared)
        on_wire = fields_of(cls)
        names = {field.attribute for field in on_wire}
        self.fresh = [None if field.name in names else field.default for field in declared]
        self.choices = {
            field.shape.element: {
                cls.__name__: StructElement(cls, field.shape.element, self.slots[field.attribute], repeated=True)
                for cls in field.types
            }
            for field in on_wire
            if isinstance(field.shape, Repeated) and len(field.types) > 1
        }
        self.children = {
            field.shape.element: self._element(field) for field in on_wire if field.shape.element not in self.choices
        }
        self.needed = tuple((self.slots[field.attribute], field) for field in on_wire if not field.optional)
        self.lists = tuple(self.slots[field.attribute] for field in on_wire if isinstance(field.shape, Repeated))
        self.conditions = tuple(
            (self.slots[field.attribute], self.slots[field.shape.unless], field.shape)
            for field in on_wire
            if isinstance(field.shape, Number) and field.shape.unless
        )
        self.is_special = bool(self.conditions or self.lists)

    def _element(self, field: Field) -> Element:
        slot, shape, name = self.slots[field.attribute], field.shape, field.shape.element
        match shape:
            case Text():
                return Leaf(name, slot, most=shape.most, convert=_text_converter(shape))
            case Number():
                convert = None if shape.unless else _number_converter(shape)
                return Leaf(name, slot, convert=convert, stand_in=stand_in(field))
            case Flag():
                return Leaf(name, slot, convert=_flag, stand_in=False)
            case Typed():
                return ValueLeaf(name, slot, self.slots["typed"])
            case Nested():
                return StructElement(field.types[0], name, slot)
            case Repeated():
                return StructElement(field.types[0], name, slot, repeated=True)
            case Array(member=None):
                struct = StructElement(field.types[0], field.types[0].__name__)
                return ListElement(name, slot, shape, struct.name, struct)
            case Array(member=Text() as text):
                member = Leaf(text.element, most=text.most, convert=_text_converter(text))
                return ListElement(name, slot, shape, text.element, member)
            case _:
                raise TypeError(f"unsupported shape: {shape}")

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        local = local_name(name)
        choice = self.choices.get(local)
        if choice is None:
            return self.children.get(local, IGNORED)
        chosen = choice.get(reading.type_of(attributes)[1])
        if chosen is None:
            note(reading, f"the xsi:type of {local} must be one of {', '.join(choice)}")
        return chosen or IGNORED

    def open(self) -> Any:
        return self.fresh.copy()

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        if self.is_special:
            for slot, flag, shape in self.conditions:
                content[slot] = _conditional(reading, content[slot], content[flag], shape)
            for slot in self.lists:
                content[slot] = content[slot] and tuple(content[slot])
        for value in content:
            if value is None:
                self._complete(reading, content)
                break
        result = self.cls(*content) if self.is_positional else self.cls(**dict(zip(self.slots, content, strict=True)))
        if self.slot < 0:
            into.append(result)
        elif not self.is_repeated:
            check_single(reading, self.name, self.slot, into)
            into[self.slot] = result
        elif into[self.slot] is None:
            into[self.slot] = [result]
        else:
            into[self.slot].append(result)

    def _complete(self, reading: Reading, content: Any) -> None:
        for slot, field in self.needed:
            if content[slot] is None:
                if reading.lenient and isinstance(field.shape, Text) and field.shape.often_absent:
                    reading.absent.append(field.shape.element)
                else:
                    note(reading, f"{field.shape.element} is missing in {self.name}")
                content[slot] = stand_in(field)


class GenericElement(Element):
    """A message that the standard does not define; ``make`` creates it from its name and arguments."""

    __slots__ = ("make", "name")

    def __init__(self, name: str, make: Callable[[str, tuple[tuple[str, str], ...]], Any]) -> None:
        super().__init__()
        self.name = name
        self.make = make

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        return _ArgumentElement(local_name(name))

    def open(self) -> Any:
        return []

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        self.put(self.make(self.name, tuple(content)), into)


class _ArgumentElement(Element):
    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        self.put((self.name, "".join(reading.texts)), into)


def stand_in(field: Field) -> Any:
    """The default for a missing or invalid field: the empty value of its type."""
    match field.shape:
        case Text():
            return ""
        case Number():
            return 0
        case Flag():
            return False
        case Typed():
            return Value(ValueType.STRING, "")
        case Nested():
            cls = field.types[0]
            return cls(**{inner.attribute: stand_in(inner) for inner in fields_of(cls) if not inner.optional})
        case _:
            return ()


def _flag(text: str) -> bool:
    flag = _FLAGS.get(text)
    return canonical(ValueType.BOOLEAN, text) == "true" if flag is None else flag


def _text_converter(shape: Text) -> Callable[[str], str] | None:
    if shape.kind is not ValueType.STRING:
        return lambda text: canonical(shape.kind, text)
    if not shape.pattern:
        return None
    pattern = re.compile(shape.pattern)

    def matching(text: str) -> str:
        if not pattern.fullmatch(text):
            raise LexicalError(f"must match {shape.pattern}")
        return text

    return matching


def _number_converter(shape: Number) -> Callable[[str], int]:
    low = -UNLIMITED if shape.low is None else shape.low
    high = UNLIMITED if shape.high is None else shape.high

    def number(text: str) -> int:
        result = int(canonical(shape.kind, text))
        if not low <= result <= high:
            raise LexicalError(f"must be at least {low}" if shape.high is None else f"must be from {low} to {high}")
        return result

    return number


def _conditional(reading: Reading, text: str | None, flag: bool | None, shape: Number) -> int | None:
    """Convert a number that counts only where ``flag`` is true, else 0; None where it is missing."""
    try:
        return _number_converter(shape)(text or "")
    except LexicalError as error:
        if flag and text is None:
            return None
        if flag:
            note(reading, f"{shape.element}: {error}")
        return 0
