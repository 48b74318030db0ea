"""Which tables a ``pathRef`` means (TR-106 A.2.3.4): paths relative to the object that holds the parameter."""

from __future__ import annotations

from collections.abc import Collection

from cwmpagent.datamodel.schema import ROW
from cwmpagent.datamodel.sources.bbf.xml import XmlElement


def tables(above: str, element: XmlElement, objects: Collection[str]) -> tuple[str, ...]:
    """The tables whose rows a parameter of the object ``above`` may name; none: of any table.

    ``objects``: the templates of all objects of the model. A table that is not among them is given nevertheless: it
    has no rows that could be named.
    """
    targets = element.get("targetParent").split()
    found: list[str] = []
    for target in targets:
        path = _absolute(above, target, element.get("targetParentScope"))
        if path + ROW in objects:
            found.append(path)
        elif path in objects:
            # An object that is no table stands for all the tables directly in it.
            level = path.count(".") + 2
            inner = (each for each in objects if each.startswith(path) and each.endswith(ROW))
            found += [each.removesuffix(ROW) for each in inner if each.count(".") == level] or [path]
        else:
            found.append(path)
    return tuple(dict.fromkeys(found))


def listing(above: str, element: XmlElement) -> str:
    """The template of the parameter that, as the ``enumerationRef`` in ``element`` says, lists the values of one of the
    object ``above``."""
    return _absolute(above, element.name("targetParam"), element.get("targetParamScope"))


def _absolute(above: str, target: str, scope: str) -> str:
    """``target`` as a path from the root; one ``#`` is one object up, the ``{i}`` of a table going with its name."""
    root = above.partition(".")[0] + "."
    if scope == "model" or target.startswith("."):
        return root + target.lstrip(".")
    if target.startswith(root):
        return target
    base = above
    if scope != "object":
        while target.startswith("#"):
            base = (base.removesuffix(ROW).removesuffix(".").rpartition(".")[0] or root[:-1]) + "."
            target = target[1:]
        target = target.removeprefix(".")
    return base + target
