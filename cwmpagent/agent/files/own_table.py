"""A table of DeviceInfo whose rows the agent itself supplies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cwmpagent.datamodel.names import Name


class OwnTable:
    """A :class:`~cwmpagent.agent.ports.Provider` of one table, read-only except where a subclass says otherwise.

    ``table``: its full path. ``texts`` of a subclass: the values of one row by its key.
    """

    name = "table of the agent"

    def __init__(self, table: str) -> None:
        self.table = table
        self.paths: Sequence[str] = (table,)
        self.tables: Sequence[str] = (table,)
        self.changeable: Sequence[str] = ()

    def rows(self) -> Mapping[str, Mapping[str, str]]:
        """The rows: key -> last part of a parameter name -> text."""
        return {}

    def instances(self, table: Name) -> Any:
        """See :class:`~cwmpagent.agent.ports.Provider`."""
        return list(self.rows())

    def read(self, names: Sequence[Name]) -> Any:
        """See :class:`~cwmpagent.agent.ports.Provider`."""
        return chosen(names, self.rows())

    def check(self, changes: Mapping[Name, str | None]) -> Any:
        """Refuse nothing: what is not in ``changeable`` does not get here."""

    def apply(self, changes: Mapping[Name, str | None]) -> Any:
        """Do nothing, as :meth:`check`."""

    def undo(self, former: Mapping[Name, str | None]) -> Any:
        """Do nothing, as :meth:`check`."""

    def finish(self, changes: Mapping[Name, str | None]) -> Any:
        """Do nothing, as :meth:`check`."""


def chosen(names: Sequence[Name], rows: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The texts of those ``names`` that ``rows`` have."""
    return {
        name: rows[name.keys[0]][name.last] for name in names if name.keys and name.last in rows.get(name.keys[0], {})
    }
