"""The ManagementServer object of a device (TR-181 8.1), with the settings of the agent itself."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from cwmpagent.datamodel.tree import Tree
from cwmpagent.protocol.url_host import url_host


class ManagementServer:
    """Reads parameters of the object from the tree on each call, so that a new value takes effect at once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._prefix = tree.model.root.path + "ManagementServer."

    def path(self, name: str) -> str:
        """Full path of the parameter ``name``, as an interned string: all agents of a process share it."""
        return sys.intern(self._prefix + name)

    def knows(self, name: str) -> bool:
        """Whether the model has the parameter ``name``."""
        return self._tree.exists(self._prefix + name)

    def text(self, name: str, default: str = "") -> str:
        """Text of a parameter, also of a hidden one; ``default`` where the model has no such parameter."""
        return self._tree.text(self._prefix + name, default)

    @property
    def acs_host(self) -> str:
        """Host part of URL; empty where URL is invalid (the next session reports that)."""
        try:
            return url_host(urlsplit(self.text("URL")).hostname or "")
        except ValueError:
            return ""

    def flag(self, name: str, default: bool = False) -> bool:
        """Value of a boolean parameter."""
        return self.text(name, "true" if default else "false") == "true"

    def number(self, name: str, default: int) -> int:
        """A numeric parameter; ``default`` where it is absent, empty, or not a whole number in the model of a dump."""
        try:
            return int(self.text(name))
        except ValueError:
            return default
