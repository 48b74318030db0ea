"""What may stand inside an element: the reader walks these while it reads. ``compound.py`` has those of structs.

An :class:`Element` opens with fresh content, collects what its children put there, and when it closes puts its own
result into its parent's content: at ``slot`` of a struct, or at the end of a list where ``slot`` is negative. Texts,
which are most of a message, are leaves: they need no content of their own.
A wrong value does not end the reading. It is noted as the reading's first problem and a stand-in takes its place, so
that a request can be answered with a fault, and a response be taken as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from cwmpagent.protocol.rpc import Message
from cwmpagent.values import LexicalError, Value, ValueType

UNLIMITED = 2**63


class Reading(Protocol):
    """What an element needs of the reader.

    ``texts`` is the character data since the last start tag, ``problem`` the first thing that was wrong with the
    message, ``value_types`` what attributes stood for where they stand for the same now. The rest is what the outer
    elements leave.
    """

    texts: list[str]
    problem: str | None
    value_types: dict[tuple[str, ...], ValueType]
    message: Message | None
    namespace: str | None
    headers: dict[str, str]
    not_understood: list[str]

    def type_of(self, attributes: list[str]) -> tuple[str, str]:
        """Namespace and local name in the ``xsi:type`` among ``attributes``; both empty where there is none."""

    def value_type(self, attributes: list[str]) -> ValueType | None:
        """The type of a value that ``attributes`` declare; None where it is none of them."""


class Element:
    """An element whose content does not matter, with all that is inside."""

    __slots__ = ("children", "leaf", "slot")

    def __init__(self, slot: int = -1) -> None:
        self.slot = slot
        self.children: dict[str, Element] = {}
        self.leaf: Leaf | None = None

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        """The element for a child that ``children`` does not have under its full name (namespace, space, local)."""
        return self.children.get(name.rpartition(" ")[2], IGNORED)

    def open(self) -> Any:
        """Fresh content."""
        return None

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        """Put the result into the parent's content."""

    def put(self, result: Any, into: Any) -> None:
        """Store ``result`` where it belongs in the parent's content."""
        if self.slot >= 0:
            into[self.slot] = result
        else:
            into.append(result)


IGNORED = Element()


class Leaf(Element):
    """Text of limited length, converted where it is not a string; no element may be inside.

    ``is_plain`` says that the text only has to be put into a struct as it is.
    """

    __slots__ = ("convert", "is_plain", "most", "name", "stand_in")

    def __init__(
        self,
        name: str,
        slot: int = -1,
        *,
        most: int | None = None,
        convert: Callable[[str], Any] | None = None,
        stand_in: Any = "",
    ) -> None:
        super().__init__(slot)
        self.leaf = self
        self.name = name
        self.most = UNLIMITED if most is None else most
        self.convert = convert
        self.is_plain = slot >= 0 and convert is None
        self.stand_in = stand_in

    def take(self, reading: Reading, text: str, attributes: list[str], into: Any) -> None:
        """Put what ``text`` means into the content of the struct or list that the leaf is in."""
        result: Any = text
        if len(text) > self.most:
            note(reading, f"{self.name} is longer than {self.most} characters")
        elif self.convert is not None:
            try:
                result = self.convert(text)
            except LexicalError as error:
                note(reading, f"{self.name}: {error}")
                result = self.stand_in
        self.put(result, into)


class ValueLeaf(Leaf):
    """A Value with its type."""

    __slots__ = ("typed_slot",)

    def __init__(self, name: str, slot: int, typed_slot: int) -> None:
        super().__init__(name, slot)
        self.is_plain = False
        self.typed_slot = typed_slot

    def take(self, reading: Reading, text: str, attributes: list[str], into: Any) -> None:
        kind = reading.value_types.get(tuple(attributes)) or reading.value_type(attributes)
        if kind is None:
            kind = ValueType.STRING
            into[self.typed_slot] = False
        into[self.slot] = Value(kind, text)


def note(reading: Reading, problem: str) -> None:
    """Remember what is wrong with the message, if it is the first thing."""
    if reading.problem is None:
        reading.problem = problem
