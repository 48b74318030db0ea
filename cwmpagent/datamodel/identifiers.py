"""Instance identifiers in a path: instance number, ``[alias]``, or ``*`` (TR-069 3.6.1)."""

from __future__ import annotations

import re

from cwmpagent.datamodel.schema import ObjectDefinition, ParameterDefinition, is_instance_number
from cwmpagent.values import ValueType

ALIAS = "Alias"
"""Name of the parameter that holds the alias of a row; without it, a row has only its instance number."""
ANY = "*"
"""Wildcard for every row of a table, permitted in requests that read."""

_LONGEST = 64
_DOT = re.compile(r"\.(?![^\[]*\])")


def segments(path: str) -> list[str]:
    """Parts of a path between its dots, the last one empty for a partial path; a dot in brackets does not separate."""
    return _DOT.split(path) if "[" in path else path.split(".")


def alias_in(segment: str) -> str | None:
    """Alias in a part of a path (``web`` for ``[web]``); ``None`` for any other part."""
    return segment[1:-1] if segment[:1] == "[" and segment[-1:] == "]" and len(segment) > 1 else None


def alias_refusal(text: str) -> str | None:
    """Reason why ``text`` cannot be an alias (TR-106 ``Alias``), as a sentence with the rule; ``None`` if it can."""
    if len(text) <= _LONGEST and text[:1].isalpha() and text.isprintable() and not {"[", "]"} & set(text):
        return None
    return f"an alias begins with a letter, has at most {_LONGEST} printable characters, and no square brackets"


def own_alias(number: int, attempt: int = 1) -> str:
    """Alias that the device assigns to row ``number``; a higher ``attempt`` returns another one if one is in use."""
    return f"cpe-{number}" if attempt == 1 else f"cpe-{number}-{attempt}"


def alias_parameter(definition: ObjectDefinition) -> ParameterDefinition | None:
    """Parameter that holds the alias of the rows of a table, ``None`` if they have no alias."""
    parameter = definition.parameters.get(ALIAS) if definition.table else None
    return parameter if parameter is not None and parameter.kind is ValueType.STRING else None


def aliased_row(path: str, parameter: ParameterDefinition) -> int | None:
    """Instance number of the row whose alias the parameter ``path`` holds; ``None`` if it is not an alias."""
    if parameter.name != ALIAS or parameter.kind is not ValueType.STRING:
        return None
    number = path.rsplit(".", 2)[-2]
    return int(number) if is_instance_number(number) else None
