"""How a path says which row of a table it means: by instance number, ``[alias]``, or ``*`` (TR-069 3.6.1)."""

from __future__ import annotations

import re

from cwmpagent.datamodel.schema import ObjectDefinition, ParameterDefinition, is_instance_number
from cwmpagent.values import ValueType

ALIAS = "Alias"
"""The parameter of a row that holds its alias; a table that does not define it knows its rows by number only."""
ANY = "*"
"""Stands for every row of a table, in requests that read."""

_LONGEST = 64
_DOT = re.compile(r"\.(?![^\[]*\])")


def segments(path: str) -> list[str]:
    """The parts of a path between its dots, empty after a dot at its end; a dot within brackets is part of an alias."""
    return _DOT.split(path) if "[" in path else path.split(".")


def alias_in(segment: str) -> str | None:
    """The alias that a part of a path is (``web`` of ``[web]``); ``None`` for any other part."""
    return segment[1:-1] if segment[:1] == "[" and segment[-1:] == "]" and len(segment) > 1 else None


def alias_refusal(text: str) -> str | None:
    """Why ``text`` cannot be an alias, as a sentence that says what can; ``None`` if it can (TR-106 ``Alias``)."""
    if len(text) <= _LONGEST and text[:1].isalpha() and text.isprintable() and not {"[", "]"} & set(text):
        return None
    return f"an alias begins with a letter, has at most {_LONGEST} printable characters, and no square brackets"


def own_alias(number: int, attempt: int = 1) -> str:
    """What the device itself calls row ``number``; a higher ``attempt`` gives others, where that is another row's."""
    return f"cpe-{number}" if attempt == 1 else f"cpe-{number}-{attempt}"


def alias_parameter(definition: ObjectDefinition) -> ParameterDefinition | None:
    """The parameter that holds the alias of the rows of a table, if they have one."""
    found = definition.parameters.get(ALIAS) if definition.table else None
    return found if found is not None and found.kind is ValueType.STRING else None


def aliased_row(path: str, parameter: ParameterDefinition) -> int | None:
    """The instance number of the row whose alias ``parameter`` at ``path`` holds; ``None`` if it holds none."""
    if parameter.name != ALIAS or parameter.kind is not ValueType.STRING:
        return None
    number = path.rsplit(".", 2)[-2]
    return int(number) if is_instance_number(number) else None
