"""Full parameter names for providers: with their template and the keys of the rows that contain them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from cwmpagent.datamodel.identifiers import ANY, alias_in, segments
from cwmpagent.datamodel.schema import is_instance_number


class Name(str):
    """Full name with its template and the keys of its rows.

    ``template``: the name with ``{i}`` for each instance number (``Device.IP.Interface.{i}.Name``). ``keys``: the
    keys of those rows, outermost first: the key from the provider of the table, or else the instance number.
    """

    __slots__ = ("keys", "template")
    template: str
    keys: tuple[str, ...]

    @property
    def last(self) -> str:
        """Name of the parameter without its path, empty for a row or table."""
        return self.rpartition(".")[2]


def named(path: str, keys: Mapping[str, str]) -> Name:
    """``path`` as a :class:`Name`; ``keys``: row path (``Device.IP.Interface.1.``) -> key, for the known keys."""
    template: list[str] = []
    row_keys: list[str] = []
    so_far = ""
    for part in path.split("."):
        so_far += part + "."
        if is_instance_number(part):
            template.append("{i}")
            row_keys.append(keys.get(so_far, part))
        else:
            template.append(part)
    name = Name(path)
    name.template = ".".join(template)
    name.keys = tuple(row_keys)
    return name


def request_template(path: str) -> str:
    """Template of a path in a request of the ACS, in which a row can also be ``*`` or ``[alias]``."""
    return ".".join(
        "{i}" if is_instance_number(part) or part == ANY or alias_in(part) is not None else part
        for part in segments(path)
    )


def objects_above(path: str) -> Iterator[str]:
    """The objects, tables and rows that contain ``path``, outermost first."""
    at = path.find(".")
    while -1 < at < len(path) - 1:
        yield path[: at + 1]
        at = path.find(".", at + 1)


def is_inside(path: str, paths: Container[str]) -> bool:
    """Whether any of ``paths`` is an object, table or row that contains ``path``; ``path`` itself does not count."""
    return any(above in paths for above in objects_above(path))
