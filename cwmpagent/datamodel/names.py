"""Full names as a device maker's code wants them: with their template, and the keys of the rows they lie in."""

from __future__ import annotations

from collections.abc import Mapping

from cwmpagent.datamodel.identifiers import ANY, alias_in, segments
from cwmpagent.datamodel.schema import is_instance_number


class Name(str):
    """A full name that also says what it is a name of.

    ``template`` has ``{i}`` in the place of each instance number (``Device.IP.Interface.{i}.Name``), ``keys`` are the
    keys of those rows, outermost first: what the provider of their table calls them, or else the instance number.
    """

    __slots__ = ("keys", "template")
    template: str
    keys: tuple[str, ...]

    @property
    def last(self) -> str:
        """The parameter's own name, the part after the last dot; empty for a row or table."""
        return self.rpartition(".")[2]


def named(path: str, keys: Mapping[str, str]) -> Name:
    """``path`` as a :class:`Name`; ``keys`` gives what is known by row path (``Device.IP.Interface.1.``)."""
    template: list[str] = []
    found: list[str] = []
    so_far = ""
    for part in path.split("."):
        so_far += part + "."
        if part.isdecimal() and is_instance_number(part):
            template.append("{i}")
            found.append(keys.get(so_far, part))
        else:
            template.append(part)
    name = Name(path)
    name.template = ".".join(template)
    name.keys = tuple(found)
    return name


def asked_template(path: str) -> str:
    """The template of a path that an ACS asks for, where a row may also be ``*`` or ``[alias]``."""
    return ".".join(
        "{i}" if is_instance_number(part or " ") or part == ANY or alias_in(part) is not None else part
        for part in segments(path)
    )
