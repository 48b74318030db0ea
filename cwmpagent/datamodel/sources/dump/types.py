"""Definitions of the parameters of a dump, inferred from its entries: type, writable, hidden."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from cwmpagent.datamodel.schema import ParameterDefinition
from cwmpagent.datamodel.sources.dump.entry import COUNTER, Entry
from cwmpagent.values import NULL, LexicalError, ValueType, canonical

Report = Callable[[str, str], None]

_KINDS: Mapping[str, ValueType] = {name: kind for kind in ValueType for name in (kind.value, kind.xsd)}
_SECRET = re.compile(r"(?i).*(password|passphrase|secret|(wep|shared|private|encryption)_?key\d*)")
_NO_SECRET = frozenset({ValueType.BOOLEAN, ValueType.DATE_TIME})


def definition_of(
    name: str, group: Mapping[str, Entry], essential: ParameterDefinition | None, report: Report
) -> ParameterDefinition:
    """Definition of the parameter ``name`` at the paths of ``group``, one in each row of a table.

    ``essential``: the definition if the agent itself uses the parameter; only ``writable`` is then from the dump.
    ``report`` is called with position and text about an irregularity.
    """
    writable = any(entry.writable for entry in group.values())
    if essential is not None:
        return replace(essential, writable=writable)
    kind = _kind(name, group, report)
    hidden = writable and kind not in _NO_SECRET and _SECRET.fullmatch(name) is not None
    return ParameterDefinition(name=name, kind=kind, writable=writable, default=NULL[kind], hidden=hidden)


def is_unknown(entry: Entry, definition: ParameterDefinition) -> bool:
    """Whether ``entry`` is empty although that is not a value of its type: the device reported no value."""
    return not entry.text and NULL[definition.kind] != ""


def _kind(name: str, group: Mapping[str, Entry], report: Report) -> ValueType:
    path, first = next(iter(group.items()))
    types = sorted({entry.type for entry in group.values() if entry.type})
    if not types:
        return _inferred(name, [entry.text for entry in group.values() if entry.text])
    kinds = {_KINDS.get(name.rpartition(":")[2]) for name in types}
    kind = kinds.pop()
    if kind is None or kinds:
        what = " and ".join(repr(name[:40]) for name in types)
        report(first.where, f"{path} has the type {what}, which is not a CWMP type: read as a string")
        return ValueType.STRING
    for path, entry in group.items():
        try:
            if entry.text:
                canonical(kind, entry.text)
        except LexicalError as error:
            report(entry.where, f"{path} is not a value of {kind}, so it is read as a string: {error}")
            return ValueType.STRING
    return kind


def _inferred(name: str, texts: Iterable[str]) -> ValueType:
    """Type of a parameter without one in the dump; a string if in doubt, because digits can be a number or a name."""
    if name.endswith(COUNTER) and all(map(str.isdecimal, texts)):
        return ValueType.UNSIGNED_INT
    for kind in (ValueType.BOOLEAN, ValueType.DATE_TIME):
        if texts and all(_is(kind, text) for text in texts):
            return kind
    return ValueType.STRING


def _is(kind: ValueType, text: str) -> bool:
    try:
        canonical(kind, text)
    except LexicalError:
        return False
    return text not in ("0", "1")
