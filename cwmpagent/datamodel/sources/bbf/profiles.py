"""Profiles of the Broadband Forum's models: which objects and parameters a device has that claims some of them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence

from cwmpagent.datamodel.sources.bbf.xml import XmlElement
from cwmpagent.errors import ModelError

KEY = "device.profiles"

Selection = dict[str, set[str]]
"""Path of an object -> names of its parameters."""


class Profiles:
    """The profiles of one file, which is called ``name``. ``report`` is told what is odd about those selected."""

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
            raise ModelError(where, f"the profile {name} is declared already in line {self._known[name].line}")
        self._known[name] = element

    def selection(self, names: Sequence[str]) -> Selection:
        """What these profiles ask for, with all that they are based on or extend."""
        selected: Selection = {}
        done: set[str] = set()
        for name in names:
            if name not in self._known:
                near = difflib.get_close_matches(name, self._known, n=3, cutoff=0.5)
                hint = f"did you mean {' or '.join(near)}?" if near else f"it has {len(self._known)} profiles"
                raise ModelError(KEY, f"{name!r} is no profile of {self._name}; {hint}")
            if self._known[name].get("status") == "deleted":
                self._report(f"profile {name}", "is deleted from the standard, and selected nevertheless")
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
                raise ModelError(where, f"builds on {above}, which is not in this file")
            self._select(above, selected, done)
        for child in element.current():
            if child.tag == "object":
                wanted = (each.name("ref") for each in child.current() if each.tag == "parameter")
                selected.setdefault(child.name("ref"), set()).update(wanted)
            elif child.tag == "parameter":
                above, dot, last = child.name("ref").rpartition(".")
                selected.setdefault(above + dot, set()).add(last)
