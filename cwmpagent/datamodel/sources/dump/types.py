"""What a parameter of a dump is, as far as its rows tell: its type, whether it may be set, whether it is a secret."""

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
    """The parameter ``name`` that stands at the paths of ``group``, one in each row of a table.

    ``essential`` is what the agent relies on, where it knows the parameter: all but whether it may be written.
    """
    writable = any(entry.writable for entry in group.values())
    if essential is not None:
        return replace(essential, writable=writable)
    kind = _kind(name, group, report)
    hidden = writable and kind not in _NO_SECRET and _SECRET.fullmatch(name) is not None
    return ParameterDefinition(name=name, kind=kind, writable=writable, default=NULL[kind], hidden=hidden)


def is_unknown(entry: Entry, definition: ParameterDefinition) -> bool:
    """Whether ``entry`` is empty where no value of the type is: the device gave none."""
    return not entry.text and NULL[definition.kind] != ""


def _kind(name: str, group: Mapping[str, Entry], report: Report) -> ValueType:
    path, first = next(iter(group.items()))
    types = sorted({entry.type for entry in group.values() if entry.type})
    if not types:
        return _inferred(name, [entry.text for entry in group.values() if entry.text])
    kinds = {_KINDS.get(each.rpartition(":")[2]) for each in types}
    kind = kinds.pop()
    if kind is None or kinds:
        what = " and ".join(repr(each[:40]) for each in types)
        report(first.where, f"{path} has the type {what}, which is not one of CWMP's: taken as a string")
        return ValueType.STRING
    for path, entry in group.items():
        try:
            if entry.text:
                canonical(kind, entry.text)
        except LexicalError as error:
            report(entry.where, f"{path} is no {kind}, so it is taken as a string: {error}")
            return ValueType.STRING
    return kind


def _inferred(name: str, texts: Iterable[str]) -> ValueType:
    """The type where a dump has none: a string in doubt, as digits may be a number or a name."""
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
