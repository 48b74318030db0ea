"""One XMPP connection as the ACS has described it (TR-181 Device.XMPP.Connection.{i}.), and how it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

CLIENT_PORT = 5222
SHORTEST = 1.0
"""Seconds that bound a wait whatever a model lets the ACS write: TR-181 has no shorter ones."""
KEEP_ALIVE = 300.0
"""Seconds of KeepAliveInterval -1: what RFC 6120 section 4.6.4 has as the shortest reasonable."""

Algorithm = Literal["DNS-SRV", "DNS", "ServerTable"]
Status = Literal[
    "Disabled",
    "Connecting",
    "Enabled",
    "ServerNotPresent",
    "Error_Misconfigured",
    "Error_AuthenticationFailure",
    "Error",
]


@dataclass(frozen=True, slots=True)
class Server:
    """Where a server is: of a lower ``priority`` first, of equal ones by lot in proportion to ``weight``."""

    host: str
    port: int = CLIENT_PORT
    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Retry:
    """How often one address is tried before the next, and the bounds of the waits between two tries.

    ``attempts`` 0 leaves all of it to us: each address once, with the model's default waits. Intervals are in seconds,
    ``multiplier`` is in thousandths.
    """

    attempts: int = 16
    initial: int = 60
    multiplier: int = 2000
    longest: int = 30720

    def wait(self, number: int, random: Random) -> float:
        """Seconds before the ``number``-th repetition, from 1."""
        kind = self if self.attempts else Retry()
        try:
            most = kind.initial * (kind.multiplier / 1000) ** (number - 1)
        except OverflowError:
            most = float(kind.longest)
        return random.uniform(0, max(SHORTEST, min(most, kind.longest)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who we are to an XMPP server, and how it is reached.

    ``resource`` may be empty: the server makes one. ``keep_alive``: seconds of silence before a ping; 0: none is sent.
    ``servers`` are those of ServerTable.
    """

    username: str
    password: str = field(repr=False)
    domain: str
    resource: str = ""
    use_tls: bool = False
    keep_alive: float = KEEP_ALIVE
    algorithm: Algorithm = "DNS-SRV"
    servers: tuple[Server, ...] = ()
    retry: Retry = Retry()


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connection stands: ``jid`` is our full Jabber ID while it is Enabled; ``reason``: for people, one line."""

    status: Status
    jid: str = ""
    tls: bool = False
    reason: str = ""


@dataclass(slots=True)
class Stats:
    """Stanzas (iq, presence, message) since the account was first used (Device.XMPP.Connection.{i}.Stats.)."""

    received: int = 0
    transmitted: int = 0
    received_errors: int = 0
    transmitted_errors: int = 0


def in_order(servers: Iterable[Server], random: Random) -> list[Server]:
    """All of them, in the order to try them (RFC 2782)."""
    ordered: list[Server] = []
    left = list(servers)
    while left:
        best = min(server.priority for server in left)
        group = [server for server in left if server.priority == best]
        # A weight of 0 has a small chance, too: it would otherwise never share with others.
        weights = [max(0, server.weight) or 0.01 for server in group]
        chosen = random.choices(group, weights)[0]
        ordered.append(chosen)
        left.remove(chosen)
    return ordered
