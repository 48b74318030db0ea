"""Resolution of ``pathRef`` and ``enumerationRef`` (TR-106 A.2.3.4): paths relative to the object of the parameter."""

from __future__ import annotations

from collections.abc import Collection

from cwmpagent.datamodel.schema import ROW
from cwmpagent.datamodel.sources.bbf.xml import XmlElement


def tables(above: str, element: XmlElement, objects: Collection[str]) -> tuple[str, ...]:
    """Tables to whose rows a parameter of the object ``above`` may refer; empty if any table is permitted.

    ``objects``: the templates of all objects of the model. A table that is not among them is returned as well,
    although it has no rows.
    """
    targets = element.get("targetParent").split()
    paths: list[str] = []
    for target in targets:
        path = _absolute(above, target, element.get("targetParentScope"))
        if path + ROW in objects:
            paths.append(path)
        elif path in objects:
            # An object that is not a table stands for all tables directly below it.
            level = path.count(".") + 2
            rows = (template for template in objects if template.startswith(path) and template.endswith(ROW))
            paths += [template.removesuffix(ROW) for template in rows if template.count(".") == level] or [path]
        else:
            paths.append(path)
    return tuple(dict.fromkeys(paths))


def listing(above: str, element: XmlElement) -> str:
    """Template of the parameter that lists the values of a parameter of the object ``above``; ``element`` is the
    ``enumerationRef``."""
    return _absolute(above, element.name("targetParam"), element.get("targetParamScope"))


def _absolute(above: str, target: str, scope: str) -> str:
    """``target`` as a path from the root; each ``#`` is one object up, a table name with its ``{i}`` being one step."""
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
