"""Base classes of the element handlers of the decoder. ``struct_elements.py`` has those of structs.

An :class:`Element` opens with new content, which its children fill. When it closes, it stores its result in the content
of its parent: at index ``slot`` of a struct, or at the end of a list where ``slot`` is negative. Texts, which are most
of a message, are leaves without own content.

An invalid value does not stop decoding. The first one is recorded as ``problem``, and a default value replaces it. So a
request can be answered with a fault, and a response can still be used.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from cwmpagent.protocol.rpc import Message
from cwmpagent.protocol.soap.envelope import local_name
from cwmpagent.values import LexicalError, Value, ValueType

UNLIMITED = 2**63
_TWICE = "occurs more than once"


class Reading(Protocol):
    """The state of the decoder that elements use.

    ``texts``: character data since the last start tag. ``problem``: the first problem of the message, None without one.
    ``lenient``: whether an absent key is read as empty; ``absent``: the keys for which this happened. ``value_types``:
    cache of the value types of attributes, valid for the present namespace prefixes.
    The outer elements set the others.
    """

    texts: list[str]
    problem: str | None
    lenient: bool
    absent: list[str]
    value_types: dict[tuple[str, ...], ValueType]
    message: Message | None
    namespace: str | None
    headers: dict[str, str]
    not_understood: list[str]

    def type_of(self, attributes: list[str]) -> tuple[str, str]:
        """Namespace and local name of the ``xsi:type`` in ``attributes``; both empty where it is absent."""

    def value_type(self, attributes: list[str]) -> ValueType | None:
        """The value type that ``attributes`` declare; None where it is absent or unknown."""


class Element:
    """An element handler; this base class ignores the element with all its content."""

    __slots__ = ("children", "leaf", "slot")

    def __init__(self, slot: int = -1) -> None:
        self.slot = slot
        self.children: dict[str, Element] = {}
        self.leaf: Leaf | None = None

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        """The handler of a child whose full name (namespace, separator, local name) is not in ``children``."""
        return self.children.get(local_name(name), IGNORED)

    def open(self) -> Any:
        """Return new content."""
        return None

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        """Store the result in the content of the parent."""

    def put(self, result: Any, into: Any) -> None:
        """Store ``result`` in the content of the parent, at ``slot`` or at the end."""
        if self.slot >= 0:
            into[self.slot] = result
        else:
            into.append(result)


IGNORED = Element()


class Leaf(Element):
    """A text element of limited length; ``convert`` applies to types other than string.

    A child element inside it is a problem of the message; :class:`SpoiltText` then takes its place.

    ``plain_most``: the largest number of characters that are stored in a struct without a further check; -1: none.
    ``stand_in``: the default for an invalid text.
    """

    __slots__ = ("convert", "most", "name", "plain_most", "stand_in")

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
        self.plain_most = self.most if slot >= 0 and convert is None else -1
        self.stand_in = stand_in

    def take(self, reading: Reading, text: str, attributes: list[str], into: Any) -> None:
        """Convert ``text`` and store it in the content of the surrounding struct or list."""
        result: Any = text
        if len(text) > self.most:
            note(reading, f"{self.name} is longer than {self.most} characters")
        elif self.convert is not None:
            try:
                result = self.convert(text)
            except LexicalError as error:
                note(reading, f"{self.name}: {error}")
                result = self.stand_in
        slot = self.slot  # not by put() and check_single(): calls count here
        if slot < 0:
            into.append(result)
            return
        if into[slot] is not None:
            note(reading, f"{self.name} {_TWICE}")
        into[slot] = result


class ValueLeaf(Leaf):
    """A Value element with its type."""

    __slots__ = ("typed_slot",)

    def __init__(self, name: str, slot: int, typed_slot: int) -> None:
        super().__init__(name, slot)
        self.plain_most = -1
        self.typed_slot = typed_slot

    def take(self, reading: Reading, text: str, attributes: list[str], into: Any) -> None:
        if into[self.slot] is not None:
            note(reading, f"{self.name} {_TWICE}")
        kind = reading.value_types.get(tuple(attributes)) or reading.value_type(attributes)
        if kind is None:
            kind = ValueType.STRING
            into[self.typed_slot] = False
        into[self.slot] = Value(kind, text)


class SpoiltText(Element):
    """A text element that has child elements, which are ignored; its text counts as empty."""

    __slots__ = ("attributes", "spoilt")

    def __init__(self, spoilt: Leaf, attributes: list[str]) -> None:
        super().__init__()
        self.spoilt = spoilt
        self.attributes = attributes

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        self.spoilt.take(reading, "", self.attributes, into)


def check_single(reading: Reading, name: str, slot: int, into: Any) -> None:
    """Record a problem if the struct ``into`` has a result at ``slot`` already."""
    if slot >= 0 and into[slot] is not None:
        note(reading, f"{name} {_TWICE}")


def note(reading: Reading, problem: str) -> None:
    """Record ``problem`` if it is the first one of the message."""
    if reading.problem is None:
        reading.problem = problem
