"""What a data model allows: objects and their parameters, shared by every device of that model.

Nothing here knows a device. Paths of definitions are templates (``Device.NAT.PortMapping.{i}.``); the factory
rows and values of a :class:`Model` carry real instance numbers (``Device.IP.Interface.1.``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from cwmpagent.records import Attributes
from cwmpagent.values import LexicalError, Restriction, Value, ValueType, canonical

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_FREE = Restriction()

ROW = "{i}."
"""How the path of a table's rows ends in a template."""


class Notify(Enum):
    """What a data model says about active notification of a parameter (TR-106, ``activeNotify``)."""

    NORMAL = "normal"
    CAN_DENY = "can-deny"
    FORCED = "forced"
    DEFAULT_ACTIVE = "default-active"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDefinition:
    """One parameter of an object, without its path, so that equal ones can be one.

    ``default`` is the canonical text it has in a new row and where the factory gives nothing else.
    ``reference``: ``None``, or the templates of the tables (``Device.IP.Interface.``) one of whose rows it
    names; an empty tuple allows any row. A reference is empty or names a row that exists (TR-106 "strong").
    ``counts``: name of the sibling table whose rows it counts; such a value is never stored.
    ``live``: the device supplies the value when it is read. ``hidden``: reads as the null value of its type.
    ``reserved``: allowed values that only the device itself gives it. ``listed_in``: the template of a parameter of
    the same rows, or of above them, whose items are the values that may be set (TR-106 ``enumerationRef``);
    ``unlisted``: the value that may be set besides.
    """

    name: str
    kind: ValueType
    writable: bool = False
    default: str = ""
    restriction: Restriction | None = None
    hidden: bool = False
    notify: Notify = Notify.NORMAL
    forced_inform: bool = False
    reference: tuple[str, ...] | None = None
    counts: str = ""
    live: bool = False
    reserved: tuple[str, ...] = ()
    listed_in: str = ""
    unlisted: str | None = None
    initial: Value = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "initial", Value(self.kind, self.default))

    @property
    def starts_active(self) -> bool:
        """Whether its notification is active until somebody changes that."""
        return self.notify in (Notify.FORCED, Notify.DEFAULT_ACTIVE)

    def lexical(self, text: str) -> str:
        """The canonical text of a value of this type; raises ``LexicalError`` where it is none."""
        if _NOT_IN_XML.search(text):
            raise LexicalError("control characters other than tab and line ends cannot be sent")
        return canonical(self.kind, text)

    def refusal(self, text: str) -> str | None:
        """Why a canonical ``text`` is not allowed, as a sentence that says what is; ``None`` where it is."""
        return self.restriction.refusal(self.kind, text) if self.restriction else None

    def admitted(self, text: str) -> str:
        """The canonical text of ``text``; raises ``LexicalError`` with what would be allowed."""
        text = self.lexical(text)
        refusal = self.refusal(text)
        if refusal:
            raise LexicalError(refusal)
        return text

    @property
    def words(self) -> tuple[str, ...]:
        """The enumerated values that an ACS may set; empty where it is not enumerated."""
        return tuple(word for word in (self.restriction or _FREE).enumeration if word not in self.reserved)

    def settable(self, text: str) -> bool:
        """Whether an ACS may set an allowed ``text``, nothing of which is reserved to the device."""
        return not self.reserved or not any(item in self.reserved for item in self.items(text) or ("",))

    def items(self, text: str) -> tuple[str, ...]:
        """The single values in ``text``: the items of a list, or the one value there is; none if it is empty."""
        if not text:
            return ()
        if self.restriction and self.restriction.list_of:
            return tuple(item.strip() for item in text.split(","))
        return (text,)


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """Parameters of a row (relative paths) whose values together occur once in the table.

    A ``functional`` key of a table that has an enable parameter binds enabled rows only; any other key binds all
    rows (TR-106 ``uniqueKey``). As the standard leaves open what a new row holds, a row whose key still has its
    default values is not compared where the key binds all rows.
    """

    parameters: tuple[str, ...]
    functional: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDefinition:
    """An object, or a table and its rows at once (``path`` then ends in ``{i}.``).

    ``creatable``: AddObject on the table; ``deletable``: DeleteObject on a row. ``enable``: the parameter that
    switches a row on. ``number_of_entries``: the parameter of the parent that counts the rows. ``max_rows``:
    AddObject beyond it is refused. ``parameters`` and ``children`` are by name, in the order of the model.
    """

    path: str
    creatable: bool = False
    deletable: bool = False
    unique_keys: tuple[UniqueKey, ...] = ()
    enable: str = ""
    number_of_entries: str = ""
    max_rows: int | None = None
    parameters: Mapping[str, ParameterDefinition] = field(default_factory=dict)
    children: Mapping[str, ObjectDefinition] = field(default_factory=dict, repr=False)
    table: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "table", self.path.endswith(ROW))

    @property
    def name(self) -> str:
        """The last name of the path: ``PortMapping`` of ``Device.NAT.PortMapping.{i}.``."""
        return self.path.removesuffix(ROW)[:-1].rpartition(".")[2]

    def parameter(self, relative: str) -> ParameterDefinition:
        """The parameter of it, or of an object in it (``Stats.Sent``); raises ``KeyError`` if there is none."""
        *names, last = relative.split(".")
        here = self
        for name in names:
            here = here.children[name]
        return here.parameters[last]

    def walk(self) -> Iterator[ObjectDefinition]:
        """This definition and all below it, in the order of the model."""
        yield self
        for child in self.children.values():
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """A schema with the factory state of its devices; immutable, one for any number of devices.

    ``rows``: table path -> ascending instance numbers; ``values``: parameter path -> canonical text, where it
    is not the default. ``forced_inform``: parameters of every Inform, full paths. ``active``: templates of the
    parameters that start with active notification. ``absent``: full paths of parameters, and objects (with a
    dot), that a factory row lacks although its definition has them. ``attributes``: what single parameters start
    with, by full path, where that is not the definition's. ``reports``: lines for people about what of its sources
    is not followed to the letter.
    """

    name: str
    root: ObjectDefinition = field(repr=False)
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    forced_inform: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    absent: frozenset[str] = field(default=frozenset(), repr=False)
    attributes: Mapping[str, Attributes] = field(default_factory=dict, repr=False)
    reports: tuple[str, ...] = field(default=(), repr=False)

    def definition(self, path: str) -> ObjectDefinition | ParameterDefinition | None:
        """What a template or real path stands for, whether or not its rows exist; ``None`` for an unknown one.

        Both ``Device.NAT.PortMapping.`` and ``Device.NAT.PortMapping.{i}.`` give the table's definition.
        """
        first, *names = path.split(".")
        if first != self.root.name or not names:
            return None
        last = names.pop()
        here, at_table = self.root, False
        for name in names:
            if at_table and (name == "{i}" or is_instance_number(name)):
                at_table = False
                continue
            child = None if at_table else here.children.get(name)
            if child is None:
                return None
            here, at_table = child, child.table
        if not last:
            return here
        return None if at_table else here.parameters.get(last)


def is_instance_number(segment: str) -> bool:
    """Whether a part of a path is an instance number as it must be written: decimal, from 1, no leading zero."""
    return len(segment) <= 10 and segment.isascii() and segment.isdecimal() and segment[0] != "0"
