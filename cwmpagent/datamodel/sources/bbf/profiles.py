"""Profiles of the Broadband Forum models: the objects and parameters of a device that supports them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from cwmpagent.datamodel.sources.bbf.xml import XmlElement
from cwmpagent.errors import ModelError

KEY = "device.profiles"

Selection = dict[str, set[str]]
"""Path of an object -> names of its selected parameters."""


class Profiles:
    """Profiles of the file ``name``; ``report`` is called with element and text about a questionable selection."""

    def __init__(self, name: str, report: Callable[[str, str], None]) -> None:
        self._name = name
        self._report = report
        self._known: dict[str, XmlElement] = {}

    def add(self, where: str, element: XmlElement) -> None:
        """Declare a ``profile``."""
        name = element.name()
        if not name:
            raise ModelError(where, "is a profile without a name")
        if name in self._known:
            raise ModelError(where, f"the profile {name} is already declared in line {self._known[name].line}")
        self._known[name] = element

    def selection(self, names: Sequence[str]) -> Selection:
        """Objects and parameters of the profiles ``names``, and of the profiles that these are based on or extend.

        Raises ``ModelError`` for an unknown profile.
        """
        selected: Selection = {}
        done: set[str] = set()
        for name in names:
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known, n=3, cutoff=0.5)
                hint = f"did you mean {' or '.join(near)}?" if near else f"it has {len(self._known)} profiles"
                raise ModelError(KEY, f"{name!r} is not a profile of {self._name}; {hint}")
            if self._known[name].get("status") == "deleted":
                self._report(f"profile {name}", "is selected although it is deleted from the standard")
            self._select(name, selected, done)
        return selected

    def _select(self, name: str, selected: Selection, done: set[str]) -> None:
        if name in done:
            return
        done.add(name)
        element = self._known[name]
        for above in (element.get("base") + " " + element.get("extends")).split():
            if above not in self._known:
                where = f"{self._name}: profile {name} (line {element.line})"
                raise ModelError(where, f"is based on {above}, which is not in this file")
            self._select(above, selected, done)
        for child in element.current():
            if child.tag == "object":
                parameters = (item.name("ref") for item in child.current() if item.tag == "parameter")
                selected.setdefault(child.name("ref"), set()).update(parameters)
            elif child.tag == "parameter":
                above, dot, last = child.name("ref").rpartition(".")
                selected.setdefault(above + dot, set()).add(last)
