"""Parameters whose permitted values are listed by another parameter (TR-106 ``enumerationRef``)."""

from __future__ import annotations

from cwmpagent.datamodel.schema import ROW, ParameterDefinition, is_instance_number
from cwmpagent.datamodel.tree import Tree
from cwmpagent.values import list_items


def enumeration_refusal(tree: Tree, path: str, parameter: ParameterDefinition, text: str) -> str | None:
    """Reason why ``text`` is not among the values that the listing parameter of ``path`` contains; ``None`` if it is.

    Every value is permitted if the listing parameter does not exist, is empty or is hidden.
    """
    if not parameter.listed_in:
        return None
    listing = _in_rows_of(path, parameter.listed_in)
    if not tree.exists(listing):
        return None
    definition = tree.definition(listing)
    listed = () if definition.hidden else list_items(tree.value_of(listing, definition).text)
    if not listed:
        return None
    unlisted = () if parameter.unlisted is None else (parameter.unlisted,)
    allowed = dict.fromkeys((*listed, *unlisted))
    is_list = parameter.restriction is not None and parameter.restriction.list_of
    if all(item in allowed for item in (parameter.items(text) if is_list else (text,))):
        return None
    words = ", ".join(word for word in allowed if word)
    prefix = "each item: " if is_list else ""
    return f"{prefix}the value must be one of {words}{', or be empty' if '' in allowed else ''}"


def _in_rows_of(path: str, template: str) -> str:
    """Path of ``template`` in the same rows as ``path``."""
    first, *rest = template.split(ROW)
    numbers = filter(is_instance_number, path.split("."))
    return first + "".join(f"{number}.{part}" for number, part in zip(numbers, rest, strict=False))
