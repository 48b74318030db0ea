"""The ManagementServer object of a device (TR-181 8.1): the settings of the agent itself."""

from __future__ import annotations

import sys
from urllib.parse import urlsplit

from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.url_host import url_host


class ManagementServer:
    """Reads single parameters of the object on each call, so that a new value counts at once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._prefix = tree.model.root.path + "ManagementServer."

    def path(self, name: str) -> str:
        """The full path of the parameter ``name``; all agents of a process share the one text."""
        return sys.intern(self._prefix + name)

    def knows(self, name: str) -> bool:
        """Whether the model has the parameter ``name``."""
        return self._tree.exists(self._prefix + name)

    def text(self, name: str, default: str = "") -> str:
        """The text of a parameter, hidden ones too; ``default`` where the model has none of that name."""
        try:
            return self._tree.value(self._prefix + name).text
        except CwmpFault:
            return default

    @property
    def acs_host(self) -> str:
        """The host in URL; empty where that is none, which its session will say."""
        try:
            return url_host(urlsplit(self.text("URL")).hostname or "")
        except ValueError:
            return ""

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean parameter."""
        return self.text(name, "true" if default else "false") == "true"

    def number(self, name: str, default: int) -> int:
        """A numeric parameter; ``default`` where it is absent or empty."""
        return int(self.text(name) or default)
