"""Definitions of the parameters of a dump, inferred from its entries: type, writable, hidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from cwmpagent.datamodel.deviations import READ_AS_STRINGS
from cwmpagent.datamodel.schema import ParameterDefinition
from cwmpagent.datamodel.sources.dump.entry import COUNTER, Entry
from cwmpagent.values import NULL, LexicalError, ValueType, canonical, format_time

Report = Callable[[str, str, str], None]

_KINDS: Mapping[str, ValueType] = {name: kind for kind in ValueType for name in (kind.value, kind.xsd)}
_SECRET = re.compile(r"(?i).*(password|passphrase|secret|(wep|shared|private|encryption)_?key\d*)")
_NO_SECRET = frozenset({ValueType.BOOLEAN, ValueType.DATE_TIME})
_INTEGERS = frozenset({ValueType.INT, ValueType.UNSIGNED_INT, ValueType.LONG, ValueType.UNSIGNED_LONG})
_SURELY_MILLISECONDS = 10**10
_WHOLE = re.compile(r"([+-]?[0-9]{1,20})\.0+")


def definition_of(
    name: str,
    group: Mapping[str, Entry],
    essential: ParameterDefinition | None,
    report: Report,
    *,
    keep_type: bool = False,
) -> ParameterDefinition:
    """Definition of the parameter ``name`` at the paths of ``group``, one in each row of a table.

    ``essential``: the definition if the agent itself uses the parameter; only ``writable`` is then from the dump.
    ``report`` is called with position, text and kind of an irregularity. With ``keep_type``, the type of the dump
    applies even to a value that is not one of this type.
    """
    writable = any(entry.writable for entry in group.values())
    if essential is not None:
        says = any(entry.writable is not None for entry in group.values())
        return replace(essential, writable=writable) if says else essential
    kind = _kind(name, group, report, keep_type)
    hidden = writable and kind not in _NO_SECRET and _SECRET.fullmatch(name) is not None
    return ParameterDefinition(name=name, kind=kind, writable=writable, default=NULL[kind], hidden=hidden)


def is_unknown(entry: Entry, definition: ParameterDefinition) -> bool:
    """Whether ``entry`` is empty although that is not a value of its type: the device reported no value."""
    return not entry.text and NULL[definition.kind] != ""


def device_text(kind: ValueType, entry: Entry) -> str:
    """Text as the device wrote it, where a spreadsheet or an ACS has turned a value of ``kind`` into another form.

    That is a boolean in capitals, a whole number with a decimal point, and a dateTime in milliseconds since 1970.
    """
    text, bare = entry.text, entry.text.strip()
    if kind is ValueType.BOOLEAN and bare.lower() in ("true", "false"):
        return bare.lower()
    whole = _WHOLE.fullmatch(bare)
    if kind in _INTEGERS:
        return whole[1] if whole else text
    if kind is ValueType.DATE_TIME and (whole or _WHOLE.fullmatch(bare + ".0")):
        typed = _KINDS.get(entry.type.rpartition(":")[2])
        return _date_time(int(bare.partition(".")[0]), typed) or text
    return text


def _date_time(milliseconds: int, typed: ValueType | None) -> str:
    """dateTime of a time in ``milliseconds`` since 1970; empty if it is none.

    A number of another type, a small one without a type, and -1 are something else that a device has in this place.
    """
    small = abs(milliseconds) < _SURELY_MILLISECONDS
    if typed not in (None, ValueType.DATE_TIME) or (small and (typed is None or milliseconds < 0)):
        return ""
    try:
        seconds = format_time(milliseconds // 1000)
    except (ValueError, OverflowError):
        return ""
    fraction = milliseconds % 1000
    return f"{seconds[:-1]}.{fraction:03}Z" if fraction else seconds


def _kind(name: str, group: Mapping[str, Entry], report: Report, keep_type: bool) -> ValueType:
    path, first = next(iter(group.items()))
    types = sorted({entry.type for entry in group.values() if entry.type})
    if not types:
        return _inferred(name, [entry.text for entry in group.values() if entry.text])
    kinds = {_KINDS.get(name.rpartition(":")[2]) for name in types}
    kind = kinds.pop()
    if kind is None or kinds:
        what = " and ".join(repr(name[:40]) for name in types)
        report(first.where, f"{path} has the type {what}, which is not a CWMP type: read as a string", READ_AS_STRINGS)
        return ValueType.STRING
    for path, entry in group.items():
        try:
            if entry.text and not keep_type:
                canonical(kind, device_text(kind, entry))
        except LexicalError as error:
            report(entry.where, f"{path} is not a value of {kind}, so it is read as a string: {error}", READ_AS_STRINGS)
            return ValueType.STRING
    return kind


def _inferred(name: str, texts: Sequence[str]) -> ValueType:
    """Type of a parameter without one in the dump; a string if in doubt, because digits can be a number or a name."""
    if name.endswith(COUNTER) and all(map(str.isdecimal, texts)):
        return ValueType.UNSIGNED_INT
    if texts and all(text.strip().lower() in ("true", "false") for text in texts):
        return ValueType.BOOLEAN
    return ValueType.DATE_TIME if texts and all(map(_is_date_time, texts)) else ValueType.STRING


def _is_date_time(text: str) -> bool:
    try:
        canonical(ValueType.DATE_TIME, text)
    except LexicalError:
        return False
    return True
