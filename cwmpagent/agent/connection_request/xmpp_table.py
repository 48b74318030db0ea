"""The table of XMPP connections (TR-181 Device.XMPP.Connection.{i}.): its rows as accounts."""

from __future__ import annotations

from collections.abc import Sequence

from cwmpagent.datamodel.names import Name
from cwmpagent.datamodel.tree import Tree
from cwmpagent.protocol.connection_request.xmpp_account import (
    CLIENT_PORT,
    KEEP_ALIVE,
    Account,
    Algorithm,
    Retry,
    Server,
    Stats,
)

_ALGORITHMS: tuple[Algorithm, ...] = ("DNS-SRV", "DNS", "ServerTable")


class XmppTable:
    """Reads the tree on each call; parameters that the model does not have get the default values of TR-181."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.path = tree.model.root.path + "XMPP.Connection."

    @property
    def rows(self) -> list[str]:
        """Paths of all rows."""
        return self._rows(self.path)

    def accounts(self) -> dict[str, Account]:
        """Return the accounts of enabled rows, by row path."""
        return {row: self._account(row) for row in self.rows if self.text(row + "Enable") == "true"}

    def text(self, path: str, default: str = "") -> str:
        """Text of a parameter, also of a hidden one; ``default`` where it does not exist."""
        return self._tree.text(path, default)

    def _rows(self, table: str) -> list[str]:
        if not self._tree.exists(table):
            return []
        return [f"{table}{number}." for number in self._tree.instances(table)]

    def _number(self, path: str, default: int) -> int:
        try:
            return int(self.text(path) or default)
        except ValueError:  # the model has another type there
            return default

    def _account(self, row: str) -> Account:
        keep_alive = self._number(row + "KeepAliveInterval", -1)
        algorithm = self.text(row + "ServerConnectAlgorithm")
        defaults = Retry()
        return Account(
            username=self.text(row + "Username"),
            password=self.text(row + "Password"),
            domain=self.text(row + "Domain"),
            resource=self.text(row + "Resource"),
            use_tls=self.text(row + "UseTLS") == "true",
            keep_alive=KEEP_ALIVE if keep_alive < 0 else float(keep_alive),
            algorithm=next((known for known in _ALGORITHMS if known == algorithm), "DNS-SRV"),
            servers=tuple(self._servers(row + "Server.")),
            retry=Retry(
                self._number(row + "ServerConnectAttempts", defaults.attempts),
                self._number(row + "ServerRetryInitialInterval", defaults.initial),
                self._number(row + "ServerRetryIntervalMultiplier", defaults.multiplier),
                self._number(row + "ServerRetryMaxInterval", defaults.longest),
            ),
        )

    def _servers(self, table: str) -> list[Server]:
        return [
            Server(
                self.text(row + "ServerAddress"),
                self._number(row + "Port", CLIENT_PORT) or CLIENT_PORT,
                self._number(row + "Priority", 0),
                self._number(row + "Weight", 0),
            )
            for row in self._rows(table)
            if self.text(row + "Enable") == "true" and self.text(row + "ServerAddress")
        ]


class XmppStats:
    """Provider of the stanza counters of each connection since the start of the agent.

    ``counted``: row path -> counters.
    """

    name = "XMPP statistics"
    tables: Sequence[str] = ()
    changeable: Sequence[str] = ()

    def __init__(self, root: str) -> None:
        self.paths: Sequence[str] = (root + "XMPP.Connection.{i}.Stats.",)
        self.counted: dict[str, Stats] = {}

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Return the counters of these names."""
        texts: dict[str, str] = {}
        for name in names:
            stats = self.counted.get(name.removesuffix(f"Stats.{name.last}"))
            values = {
                "ReceivedMessages": stats.received if stats else 0,
                "TransmittedMessages": stats.transmitted if stats else 0,
                "ReceivedErrorMessages": stats.received_errors if stats else 0,
                "TransmittedErrorMessages": stats.transmitted_errors if stats else 0,
            }
            if name.last in values:
                texts[name] = str(values[name.last] % 2**32)
        return texts

    def instances(self, table: Name) -> Sequence[str]:
        """Return no keys: there are no tables."""
        return ()

    def check(self, changes: object) -> None:
        """Do nothing: the counters are read-only."""

    def apply(self, changes: object) -> None:
        """Do nothing, as :meth:`check`."""

    def undo(self, former: object) -> None:
        """Do nothing, as :meth:`check`."""

    def finish(self, changes: object) -> None:
        """Do nothing, as :meth:`check`."""
