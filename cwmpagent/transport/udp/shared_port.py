"""One UDP port for several agents of a process: each datagram goes to the agents that it is for.

A ConnectionRequest by UDP names no agent: it is for those whose ConnectionRequestUsername it has, and with whose
credentials it is signed (TR-069 Annex G.2.2.3). An answer of a STUN server is for the agent that sent the request: the
transaction IDs of an agent begin with octets of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain, count, islice
from typing import Protocol

from twisted.internet.defer import Deferred, succeed

from cwmpagent.protocol.auth import octets
from cwmpagent.protocol.connection_request.udp import parse
from cwmpagent.protocol.stun.message import Address
from cwmpagent.transport.udp.port import DatagramPort, DatagramTarget

MOST_WITH_A_USERNAME = 1000
"""Maximum number of agents with the same ConnectionRequestUsername that a datagram is offered to."""
_PREFIX = slice(4, 8)  # place in a datagram of the first octets of a transaction ID


class RequestTarget(DatagramTarget, Protocol):
    """An agent at a shared port."""

    def takes(self, data: bytes, source: Address) -> bool:
        """Process a datagram that may be a ConnectionRequest for this agent.

        Returns False, and reports nothing, where it is not signed with the credentials of this agent.
        """


class SharedPort:
    """The agents at a UDP port. The port may be opened and closed while agents are attached.

    ``random_octets`` returns as many octets as its argument says, which nobody can predict.
    """

    def __init__(self, random_octets: Callable[[int], bytes]) -> None:
        self._random_octets = random_octets
        self._port: DatagramPort | None = None
        self._usernames: dict[RequestTarget, bytes] = {}
        self._targets: dict[bytes, dict[RequestTarget, None]] = {}
        self._senders: dict[bytes, RequestTarget] = {}
        self._active: set[bytes] = set()  # prefixes of the agents that have sent something
        self._numbers = count()

    def open(self, port: DatagramPort) -> None:
        """Receive the datagrams of ``port``, which listens."""
        self._port = port
        port.attach(self)

    def close(self) -> Deferred[None]:
        """Close the port. Fires when its socket is closed."""
        port, self._port = self._port, None
        return port.close() if port is not None else succeed(None)

    @property
    def host(self) -> Address | None:
        """Local address and port; None while it is closed."""
        return self._port.host if self._port is not None else None

    def share(self) -> PortShare:
        """The port as one agent uses it."""
        return PortShare(self, next(self._numbers).to_bytes(_PREFIX.stop - _PREFIX.start, "big"))

    def send(self, data: bytes, to: Address, prefix: bytes) -> bool:
        """Send one datagram for the agent with ``prefix``. Returns False where it could not be sent."""
        sent = self._port is not None and self._port.send(data, to)
        if sent:
            self._active.add(prefix)
        return sent

    def new_id(self, prefix: bytes) -> bytes:
        """A STUN transaction ID with ``prefix``: 16 octets, the others random."""
        return prefix + self._random_octets(16 - len(prefix))

    def only_sender(self, prefix: bytes) -> bool:
        """Whether no agent but the one with ``prefix`` has sent anything."""
        return self._active <= {prefix}

    def attach(self, target: RequestTarget, username: str, prefix: bytes) -> None:
        """Pass requests with ``username``, and answers to transaction IDs with ``prefix``, to ``target``."""
        self._withdraw(target)
        self._senders[prefix] = target
        name = self._usernames[target] = octets(username)
        self._targets.setdefault(name, {})[target] = None

    def detach(self, target: RequestTarget, prefix: bytes) -> None:
        """Pass no further datagrams to ``target``."""
        self._withdraw(target)
        self._senders.pop(prefix, None)
        self._active.discard(prefix)
        self._usernames.pop(target, None)

    def _withdraw(self, target: RequestTarget) -> None:
        name = self._usernames.get(target)
        if name is not None:
            same = self._targets[name]
            del same[target]
            if not same:
                del self._targets[name]

    # DatagramTarget

    def stun(self, data: bytes, source: Address) -> None:
        """Process a datagram that may be a STUN message."""
        target = self._senders.get(data[_PREFIX])
        if target is not None:
            target.stun(data, source)

    def text(self, data: bytes, source: Address) -> None:
        """Process a datagram that may be a ConnectionRequest.

        What no agent takes is reported by the first one with its username, else by the first one at the port.
        """
        named: list[RequestTarget] = []
        if len(self._usernames) > 1:
            request = parse(data)
            same = self._targets.get(request.username, {}) if request is not None else {}
            named = list(islice(same, MOST_WITH_A_USERNAME))
            if [each for each in named if each.takes(data, source)]:
                return
        target = next((each for each in chain(named, self._usernames) if each in self._usernames), None)
        if target is not None:
            target.text(data, source)


class PortShare:
    """A shared port as one agent uses it. ``prefix``: the first octets of the agent's STUN transaction IDs."""

    def __init__(self, port: SharedPort, prefix: bytes) -> None:
        self._port = port
        self._prefix = prefix
        self._target: RequestTarget | None = None

    @property
    def host(self) -> Address | None:
        """Local address and port; None while the port is closed."""
        return self._port.host

    def attach(self, target: RequestTarget, username: str) -> None:
        """Pass datagrams to ``target``: requests with ``username``, and what no agent takes if it is to report that."""
        self._target = target
        self._port.attach(target, username, self._prefix)

    def detach(self) -> None:
        """Drop all further datagrams for this agent."""
        target, self._target = self._target, None
        if target is not None:
            self._port.detach(target, self._prefix)

    def send(self, data: bytes, to: Address) -> bool:
        """Send one datagram. Returns False where it could not be sent; the caller treats it as lost."""
        return self._port.send(data, to, self._prefix)

    def alone(self) -> bool:
        """Whether no other agent sends from the port: only then is it silent when this one is."""
        return self._port.only_sender(self._prefix)

    def new_id(self) -> bytes:
        """A new STUN transaction ID: 16 octets, of which all but the first four are random."""
        return self._port.new_id(self._prefix)
