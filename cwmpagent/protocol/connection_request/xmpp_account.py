"""Settings, status and statistics of one XMPP connection (TR-181 Device.XMPP.Connection.{i}.)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Literal

CLIENT_PORT = 5222
SHORTEST = 1.0
"""Shortest upper bound of a wait in seconds, whatever the data model allows: TR-181 allows no shorter one."""
KEEP_ALIVE = 300.0
"""Seconds for KeepAliveInterval -1: the shortest reasonable interval by RFC 6120 section 4.6.4."""

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
    """Address of a server. Lower ``priority`` is tried first; equal ones at random in proportion to ``weight``."""

    host: str
    port: int = CLIENT_PORT
    priority: int = 0
    weight: int = 0


@dataclass(frozen=True, slots=True)
class Retry:
    """Number of attempts at one address before the next one, and the bounds of the waits between them.

    ``attempts`` 0 selects the default: each address once, with the default waits of the data model. Intervals are in
    seconds, ``multiplier`` is in thousandths.
    """

    attempts: int = 16
    initial: int = 60
    multiplier: int = 2000
    longest: int = 30720

    def wait(self, number: int, random: Random) -> float:
        """A random wait in seconds before retry ``number``, which counts from 1."""
        policy = self if self.attempts else Retry()
        try:
            most = policy.initial * (policy.multiplier / 1000) ** (number - 1)
        except OverflowError:
            most = float(policy.longest)
        return random.uniform(0, max(SHORTEST, min(most, policy.longest)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Account at an XMPP server, and the way to reach that server.

    ``resource``: empty lets the server assign one. ``keep_alive``: seconds without traffic before a ping; 0: no ping.
    ``servers``: the rows of ServerTable.
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
    """State of a connection. ``jid``: full Jabber ID while the status is Enabled. ``reason``: one line for people."""

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
    """Return ``servers`` in the order in which to try them (RFC 2782)."""
    ordered: list[Server] = []
    left = list(servers)
    while left:
        best = min(server.priority for server in left)
        group = [server for server in left if server.priority == best]
        # RFC 2782: a weight of 0 has a very small chance, not none.
        weights = [max(0, server.weight) or 0.01 for server in group]
        chosen = random.choices(group, weights)[0]
        ordered.append(chosen)
        left.remove(chosen)
    return ordered
