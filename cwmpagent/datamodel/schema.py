"""Definitions of a data model: objects and their parameters, shared by all devices of the model.

Paths of definitions are templates (``Device.NAT.PortMapping.{i}.``); the factory rows and values of a :class:`Model`
have paths with instance numbers (``Device.IP.Interface.1.``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from cwmpagent.datamodel.deviations import summary_of
from cwmpagent.records import Attributes
from cwmpagent.values import LexicalError, Restriction, Value, ValueType, can_be_sent, canonical

_UNRESTRICTED = Restriction()
_NOT_IN_NAMES = frozenset(".[]{}*")

ROW = "{i}."
"""End of the template of a row."""


class Notify(Enum):
    """Rule of a data model for active notification of a parameter (TR-106 ``activeNotify``)."""

    NORMAL = "normal"
    CAN_DENY = "can-deny"
    FORCED = "forced"
    DEFAULT_ACTIVE = "default-active"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterDefinition:
    """One parameter of an object, without its path, so that equal definitions can be shared.

    ``default``: canonical text of a new row, and of the factory state if that has no other value.
    ``reference``: ``None``, or the templates of the tables (``Device.IP.Interface.``) to a row of which it refers;
    an empty tuple allows any row. A reference is empty or names an existing row (TR-106 "strong").
    ``counts``: name of the sibling table whose rows it counts; such a value is never stored.
    ``live``: the device supplies the value when it is read. ``hidden``: reads as the null value of its type.
    ``reserved``: permitted values that only the device itself can set. ``listed_in``: template of a parameter in the
    same row or above it, whose items are the values that may be set (TR-106 ``enumerationRef``); ``unlisted``: an
    additional value that may be set. ``initial``: the default as a :class:`~cwmpagent.values.Value`.
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
        """Whether active notification is enabled by default."""
        return self.notify in (Notify.FORCED, Notify.DEFAULT_ACTIVE)

    def lexical(self, text: str) -> str:
        """Canonical text of a value of this type; raises ``LexicalError`` if ``text`` is not one."""
        if not can_be_sent(text):
            raise LexicalError("control characters other than tab and line ends cannot be sent")
        return canonical(self.kind, text)

    def refusal(self, text: str) -> str | None:
        """Reason why a canonical ``text`` is not permitted, as a sentence that states what is; ``None`` if it is."""
        return self.restriction.refusal(self.kind, text) if self.restriction else None

    def admitted(self, text: str) -> str:
        """Canonical text of a permitted ``text``; raises ``LexicalError`` that states what is permitted."""
        text = self.lexical(text)
        refusal = self.refusal(text)
        if refusal:
            raise LexicalError(refusal)
        return text

    @property
    def words(self) -> tuple[str, ...]:
        """Enumerated values that an ACS may set; empty if the parameter has no enumeration."""
        return tuple(word for word in (self.restriction or _UNRESTRICTED).enumeration if word not in self.reserved)

    def settable(self, text: str) -> bool:
        """Whether an ACS may set a permitted ``text``: it contains no value that is reserved for the device."""
        return not self.reserved or not any(item in self.reserved for item in self.items(text) or ("",))

    def items(self, text: str) -> tuple[str, ...]:
        """Single values in ``text``: the items of a list, or the one value; empty if ``text`` is empty."""
        if not text:
            return ()
        if self.restriction and self.restriction.list_of:
            return tuple(item.strip() for item in text.split(","))
        return (text,)


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """Parameters of a row (relative paths) whose combined values must be unique in the table.

    A ``functional`` key of a table with an enable parameter applies to enabled rows only; any other key applies to all
    rows (TR-106 ``uniqueKey``). Because the standard does not specify the values of a new row, a key that applies to
    all rows is not checked for a row whose key still has the default values.
    """

    parameters: tuple[str, ...]
    functional: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectDefinition:
    """Definition of an object, or of a table and its rows (``path`` then ends in ``{i}.``, and ``table`` is true).

    ``creatable``: AddObject is permitted on the table; ``deletable``: DeleteObject is permitted on a row. ``enable``:
    the parameter that enables a row. ``number_of_entries``: the parameter of the parent object that counts the rows.
    ``max_rows``: the maximum number of rows for AddObject. ``parameters`` and ``children`` are by name, in
    the order of the model.
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
        """Last name of the path: ``PortMapping`` for ``Device.NAT.PortMapping.{i}.``."""
        return self.path.removesuffix(ROW)[:-1].rpartition(".")[2]

    def parameter(self, relative: str) -> ParameterDefinition:
        """Parameter of this object or of an object in it (``Stats.Sent``); raises ``KeyError`` for an unknown name."""
        *names, last = relative.split(".")
        definition = self
        for name in names:
            definition = definition.children[name]
        return definition.parameters[last]

    def walk(self) -> Iterator[ObjectDefinition]:
        """This definition and all definitions below it, in the order of the model."""
        yield self
        for child in self.children.values():
            yield from child.walk()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Model:
    """Definitions and factory state; immutable, shared by any number of devices.

    ``rows``: table path -> ascending instance numbers. ``values``: parameter path -> canonical text, if it is not the
    default. ``forced_inform``: full paths of the parameters of every Inform. ``active``: templates of the parameters
    with active notification by default. ``absent``: full paths of parameters, and of objects (ending in a dot), that
    a factory row does not have although its definition contains them. ``attributes``: full path -> factory attributes,
    if they differ from those of the definition. ``words``: full path -> text that an ACS reads in place of the factory
    value; ``access``: full path -> Writable in place of that of the definition; both as a device had them, see
    :mod:`cwmpagent.datamodel.sources.dump.fidelity`. ``reports``: lines for the operator about deviations from the
    sources; ``deviations``: kind of deviation -> number of them.
    """

    name: str
    root: ObjectDefinition = field(repr=False)
    rows: Mapping[str, tuple[int, ...]] = field(default_factory=dict, repr=False)
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    forced_inform: tuple[str, ...] = ()
    active: tuple[str, ...] = ()
    absent: frozenset[str] = field(default=frozenset(), repr=False)
    attributes: Mapping[str, Attributes] = field(default_factory=dict, repr=False)
    words: Mapping[str, str] = field(default_factory=dict, repr=False)
    access: Mapping[str, bool] = field(default_factory=dict, repr=False)
    reports: tuple[str, ...] = field(default=(), repr=False)
    deviations: Mapping[str, int] = field(default_factory=dict, repr=False)

    @property
    def summary(self) -> str:
        """The ``reports`` in one line, each kind with its number; empty if there are none."""
        return summary_of(self.deviations)

    def definition(self, path: str) -> ObjectDefinition | ParameterDefinition | None:
        """Definition for a template or a path, whether or not its rows exist; ``None`` if it is unknown.

        Both ``Device.NAT.PortMapping.`` and ``Device.NAT.PortMapping.{i}.`` return the definition of the table.
        """
        first, *names = path.split(".")
        if first != self.root.name or not names:
            return None
        last = names.pop()
        definition, at_table = self.root, False
        for name in names:
            if at_table and (name == "{i}" or is_instance_number(name)):
                at_table = False
                continue
            child = None if at_table else definition.children.get(name)
            if child is None:
                return None
            definition, at_table = child, child.table
        if not last:
            return definition
        return None if at_table else definition.parameters.get(last)


HIGHEST_INSTANCE = 2**31 - 1
"""Highest instance number that is assigned."""


def is_instance_number(segment: str) -> bool:
    """Whether a part of a path is an instance number: ASCII digits without leading zeros.

    0 is one, too: some devices have such rows, although instance numbers start at 1 (TR-069 A.3.2.6).
    """
    return len(segment) <= 10 and is_number(segment) and (segment[0] != "0" or segment == "0")


def is_number(segment: str) -> bool:
    """Whether a part of a path consists of ASCII digits only, so that it cannot be a name."""
    return segment.isascii() and segment.isdecimal()


def is_name(segment: str) -> bool:
    """Whether a part of a path can be the name of an object or parameter of a device.

    Devices have names that the rules of TR-106 3.1 do not allow (``8021pMark``, letters with accents). All names
    are accepted that a path can contain without being mistaken for a row (``1``, ``[web]``), a wildcard or a template.
    """
    return (
        segment.isprintable()
        and segment.strip() == segment
        and not is_number(segment)
        and _NOT_IN_NAMES.isdisjoint(segment)
        and segment != ""
    )
