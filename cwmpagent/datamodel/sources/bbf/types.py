"""Data types of the Broadband Forum models: reads type, restriction and default from the ``syntax`` of a parameter.

A named type is a built-in type with facets (ranges, sizes, enumerations, patterns), or another named type with
additional facets; these replace the facets of the same kind of the base type (TR-106 A.2.3.7).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from cwmpagent.datamodel.sources.bbf.xml import XmlElement
from cwmpagent.datamodel.sources.bbf.xsd_patterns import PatternError, example, translated
from cwmpagent.errors import ModelError
from cwmpagent.values import Bounds, Restriction, ValueType

_KINDS: Mapping[str, ValueType] = MappingProxyType({kind.value: kind for kind in ValueType})
_FACETS = frozenset({"size", "range", "enumeration", "pattern", "pathRef", "enumerationRef"})
_UNCHECKED: Mapping[str, str] = MappingProxyType(
    {
        "decimalRange": "a range of decimals is not checked",
        "instanceRef": "the existence of the row with its instance number is not checked",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """Content of a ``syntax`` element. ``examples``: texts that match its patterns; ``default``: ``None`` if absent.

    ``path_ref``: the element with the rows to which it refers. ``enumeration_ref``: the element with the parameter that
    lists its values. ``notes``: sentences about constraints that are not checked.
    """

    kind: ValueType
    restriction: Restriction | None
    reserved: tuple[str, ...]
    hidden: bool
    default: str | None
    examples: tuple[str, ...]
    path_ref: XmlElement | None
    enumeration_ref: XmlElement | None
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Type:
    kind: ValueType
    facets: dict[str, list[XmlElement]] = field(default_factory=dict)
    list: XmlElement | None = None

    def narrowed(self, by: XmlElement) -> _Type:
        """This type with the facets in ``by``, which replace those of the same kind."""
        own: dict[str, list[XmlElement]] = {}
        for child in by.current():
            if child.tag in _FACETS or child.tag in _UNCHECKED:
                own.setdefault(child.tag, []).append(child)
        return _Type(self.kind, {**self.facets, **own}, by.first("list") or self.list)


class DataTypes:
    """Named types of one file."""

    def __init__(self) -> None:
        self._named: dict[str, XmlElement] = {}
        self._patterns: dict[str, tuple[str, str | None]] = {}

    def add(self, where: str, element: XmlElement) -> None:
        """Declare a ``dataType``."""
        name = element.get("name")
        if not name:
            raise ModelError(where, "is a data type without a name")
        if name in self._named:
            raise ModelError(where, f"the data type {name} is already declared in line {self._named[name].line}")
        self._named[name] = element

    def syntax(self, where: str, element: XmlElement) -> Syntax:
        """Read a ``syntax`` element; raises ``ModelError`` with the key ``where``."""
        found = self._type(where, element, ())
        default = element.first("default")
        outer = element.first("list")
        nested = outer is not None and found.list is not outer
        notes = [text for tag, text in _UNCHECKED.items() if tag in found.facets]
        restriction = self._restriction(where, found, outer, notes)
        words = found.facets.get("enumeration", [])
        return Syntax(
            kind=ValueType.STRING if found.list or outer else found.kind,
            restriction=None if restriction == Restriction() else restriction,
            reserved=() if nested else tuple(each.get("value") for each in words if each.get("access") == "readOnly"),
            hidden=any(element.flag(name) for name in ("hidden", "secured", "command")),
            default=None if default is None else default.get("value"),
            examples=tuple(self._examples(found)),
            path_ref=next(iter(found.facets.get("pathRef", [])), None),
            enumeration_ref=next(iter(found.facets.get("enumerationRef", [])), None),
            notes=tuple(notes),
        )

    def _type(self, where: str, element: XmlElement, above: tuple[str, ...]) -> _Type:
        """Type in ``element``, which is a ``syntax`` or a ``dataType``."""
        base = element.get("base") if element.tag == "dataType" else ""
        inner = next((child for child in element.current() if child.tag in _KINDS or child.tag == "dataType"), None)
        if inner is not None and inner.tag in _KINDS:
            found = _Type(_KINDS[inner.tag]).narrowed(inner)
            found.list = element.first("list")
            return found
        if inner is not None:
            return self._type_named(where, inner.get("ref") or inner.get("base"), above).narrowed(inner)
        if base:
            return self._type_named(where, base, above).narrowed(element)
        kinds = ", ".join(_KINDS)
        raise ModelError(where, f"must contain a known type: {kinds}, or dataType")

    def _type_named(self, where: str, name: str, above: tuple[str, ...]) -> _Type:
        if name not in self._named:
            raise ModelError(where, f"the data type {name} is not declared in this file")
        if name in above:
            raise ModelError(where, f"the data type {name} is based on itself")
        return self._type(where, self._named[name], (*above, name))

    def _restriction(self, where: str, found: _Type, outer: XmlElement | None, notes: list[str]) -> Restriction:
        if outer is not None and found.list is not None and found.list is not outer:
            notes.append("it is a list of lists: only the length of the whole text is checked")
            return Restriction(lengths=_bounds(where, list(outer.all("size")), "minLength", "maxLength"))
        facets = found.facets
        the_list = outer or found.list
        return Restriction(
            ranges=_bounds(where, facets.get("range", []), "minInclusive", "maxInclusive"),
            step=_step(where, facets.get("range", []), notes),
            lengths=_bounds(where, facets.get("size", []), "minLength", "maxLength"),
            enumeration=tuple(each.get("value") for each in facets.get("enumeration", [])),
            patterns=self._translated(facets.get("pattern", []), notes),
            list_of=the_list is not None,
            item=found.kind if the_list is not None and found.kind is not ValueType.STRING else None,
            list_lengths=_bounds(where, [the_list] if the_list else [], "minItems", "maxItems"),
            list_sizes=_bounds(where, list(the_list.all("size")) if the_list else [], "minLength", "maxLength"),
        )

    def _translated(self, patterns: list[XmlElement], notes: list[str]) -> tuple[str, ...]:
        try:
            return tuple(self._pattern(each.get("value"))[0] for each in patterns)
        except PatternError as error:
            notes.append(f"no pattern is checked, because one of them {error}")
            return ()

    def _examples(self, found: _Type) -> list[str]:
        examples = []
        for each in found.facets.get("pattern", []):
            try:
                shown = self._pattern(each.get("value"))[1]
            except PatternError:
                return []
            if shown is not None:
                examples.append(shown)
        return examples

    def _pattern(self, pattern: str) -> tuple[str, str | None]:
        if pattern not in self._patterns:
            self._patterns[pattern] = translated(pattern), example(pattern)
        return self._patterns[pattern]


def _step(where: str, ranges: list[XmlElement], notes: list[str]) -> int:
    steps = {_number(where, each, "step") or 1 for each in ranges}
    if len(steps) > 1 or (steps and min(steps) < 1):
        notes.append("the steps of its ranges are not checked")
        return 1
    return next(iter(steps), 1)


def _bounds(where: str, elements: list[XmlElement], low: str, high: str) -> Bounds:
    """Bounds in ``elements``; empty if one of them has no bounds."""
    bounds = tuple((_number(where, each, low), _number(where, each, high)) for each in elements)
    return () if (None, None) in bounds else bounds


def _number(where: str, element: XmlElement, name: str) -> int | None:
    text = element.get(name)
    if not text or text == "unbounded":
        return None
    try:
        return int(text)
    except ValueError:
        raise ModelError(where, f"{name} of its {element.tag} must be a whole number, not {text[:40]!r}") from None
