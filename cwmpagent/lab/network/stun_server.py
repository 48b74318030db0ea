"""The lab's STUN server (RFC 3489, TR-069 Annex G): it sends devices their mapped address and records their bindings.

It can require credentials, honour or refuse RESPONSE-ADDRESS, and spoil answers on request.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Literal

from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IDelayedCall

from cwmpagent.errors import ConfigError, MisuseError
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.stun.message import (
    Address,
    Attribute,
    MessageType,
    StunMessage,
    decode,
    encode,
    signature_holds,
)
from cwmpagent.transport.udp.port import DatagramPort

Challenge = Literal["never", "changes", "always"]
"""Requests that need MESSAGE-INTEGRITY: none, those with BINDING-CHANGE, all."""
ResponseAddress = Literal["honour", "ignore", "refuse"]
"""Treatment of RESPONSE-ADDRESS: answer to that address, answer to the sender, answer with error 420."""
SPOILT = ("silent", "late", "wrong-transaction", "wrong-signature", "garbage", "other-port")
"""Ways to spoil an answer."""
BINDINGS = 1000
LATE = 1.0
"""The delay of a late answer, in seconds."""


@dataclass(frozen=True, slots=True)
class SeenBinding:
    """A NAT binding that a device reported with CONNECTION-REQUEST-BINDING; times are wall times.

    ``username``: the last USERNAME, empty if there was none. ``changed_at``: the time of the last BINDING-CHANGE.
    ``signed``: whether that one was signed with the right password.
    """

    mapped: Address
    username: str
    seen_at: float
    changed_at: float | None = None
    signed: bool = False


class StunServer:
    """A server that listens at ``host`` and ``port`` (0: any free one) from :meth:`bind` to :meth:`close`.

    ``challenge`` needs ``credentials``. ``changed`` is called with every binding of a BINDING-CHANGE, ``on_request``
    with every request and its source. ``key``: the option that configures the server, for errors. ``wall``: the time of
    day in seconds.
    """

    def __init__(
        self,
        reactor: Any,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        challenge: Challenge = "never",
        credentials: Credentials | None = None,
        response_address: ResponseAddress = "honour",
        changed: Callable[[SeenBinding], object] = lambda binding: None,
        wall: Callable[[], float],
        key: str = "--stun",
    ) -> None:
        if challenge != "never" and credentials is None:
            raise MisuseError("a STUN server with a challenge needs credentials")
        self._reactor = reactor
        self._port = DatagramPort(reactor, port, host, key=key)
        self._other = DatagramPort(reactor, 0, host, key=key)
        self.challenge = challenge
        self.credentials = credentials
        self.response_address = response_address
        self.changed = changed
        self.on_request: Callable[[StunMessage, Address], object] = lambda message, source: None
        self._wall = wall
        self._seen: OrderedDict[Address, SeenBinding] = OrderedDict()
        self._spoil = ""
        self._left = 0
        self._late: list[IDelayedCall] = []
        self.answered = 0
        self.refused = 0

    def bind(self) -> None:
        """Listen. Raises :class:`~cwmpagent.errors.ConfigError`."""
        self._port.bind()
        self._port.attach(self)

    @property
    def address(self) -> Address:
        """The address at which the server listens."""
        host = self._port.host
        if host is None:
            raise MisuseError("the STUN server does not listen")
        return host

    @property
    def bindings(self) -> Sequence[SeenBinding]:
        """The last :data:`BINDINGS` bindings, the most recent at the end."""
        return tuple(self._seen.values())

    @property
    def spoilt(self) -> str:
        """The way in which the next answer is spoilt; empty if it is not."""
        return self._spoil

    def spoil(self, way: str, times: int = 0) -> None:
        """Spoil the next ``times`` answers (0: all) in one of the ways in :data:`SPOILT`; an empty ``way`` stops it.

        Raises MisuseError for an unknown way.
        """
        if way and way not in SPOILT:
            raise MisuseError(f"a STUN answer can be spoilt in these ways: {', '.join(SPOILT)}")
        self._spoil, self._left = way, times

    def send(self, data: bytes, to: Address) -> bool:
        """Send a datagram from the server's port, which the NATs of devices accept. False if it cannot be sent."""
        return self._port.send(data, to)

    async def close(self) -> None:
        """Stop listening and drop late answers."""
        for call in self._late:
            if call.active():
                call.cancel()
        await gatherResults([self._port.close(), self._other.close()])

    def text(self, data: bytes, source: Address) -> None:
        """Ignore a datagram that is not STUN."""

    def stun(self, data: bytes, source: Address) -> None:
        """Handle a datagram that may be a STUN message; raises nothing."""
        message = decode(data)
        if message is None or message.kind is not MessageType.REQUEST:
            return
        signed = False
        if self.credentials is not None and message.signed:
            signed = signature_holds(data, self.credentials.password) and message.username == self.credentials.username
        self.on_request(message, source)
        problem = self._problem(message, signed)
        if problem is not None:
            self.refused += 1
            self._answer(problem, source, None)
            return
        if message.connection_request_binding:
            self._remember(message, source, signed)
        to = source
        # Only to the sender's own host, so that the server cannot be used against others.
        if message.response_address is not None and self.response_address == "honour":
            to = message.response_address if message.response_address.host == source.host else source
        self.answered += 1
        answer = StunMessage(
            kind=MessageType.RESPONSE,
            transaction=message.transaction,
            mapped=source,
            source=self._shown(),
            changed=None,
        )
        password = self.credentials.password if signed and self.credentials is not None else None
        # Padded (or not) as the request, because a client may be able to check only its own variant.
        self._answer(answer, to, password, filled=password is None or signature_holds(data, password, (True,)))

    def _problem(self, message: StunMessage, signed: bool) -> StunMessage | None:
        """The error response to a request, None if the request is valid."""

        def error(code: int, reason: str, unknown: tuple[int, ...] = ()) -> StunMessage:
            transaction = message.transaction
            return StunMessage(
                kind=MessageType.ERROR, transaction=transaction, error=code, reason=reason, unknown=unknown
            )

        unknown = message.unknown
        if message.response_address is not None and self.response_address == "refuse":
            unknown = (*unknown, Attribute.RESPONSE_ADDRESS.value)
        if unknown:
            return error(420, "Unknown Attribute", unknown)
        if message.signed and self.credentials is not None and not signed:
            return error(432, "Missing Username") if message.username is None else error(431, "Integrity Check Failure")
        must_sign = self.challenge == "always" or (self.challenge == "changes" and message.binding_change)
        if must_sign and not signed:
            return error(401, "Unauthorized")
        return None

    def _remember(self, message: StunMessage, source: Address, signed: bool) -> None:
        now = self._wall()
        known = self._seen.pop(source, None) or SeenBinding(source, "", now)
        binding = replace(known, username=message.username or known.username, seen_at=now)
        if message.binding_change:
            binding = replace(binding, changed_at=now, signed=signed)
        self._seen[source] = binding
        while len(self._seen) > BINDINGS:
            self._seen.popitem(last=False)
        if message.binding_change:
            self.changed(binding)

    def _shown(self) -> Address | None:
        host = self._port.host
        return host if host is not None and host.host not in ("0.0.0.0", "::") else None

    def _answer(self, message: StunMessage, to: Address, password: str | None, *, filled: bool = True) -> None:
        way = self._next_spoilt()
        if way == "wrong-transaction":
            message = replace(message, transaction=bytes(16))
        if way == "wrong-signature":
            password = "not the password"
        data = encode(message, password=password, filled=filled)
        match way:
            case "silent":
                return
            case "garbage":
                data = b"\x01\x01" + data[::-1]
            case "late":
                self._late = [call for call in self._late if call.active()]
                self._late.append(self._reactor.callLater(LATE, self._port.send, data, to))
                return
            case "other-port":
                if self._other.host is None:
                    with suppress(ConfigError):  # no port is free: the answer is lost
                        self._other.bind()
                self._other.send(data, to)
                return
        self._port.send(data, to)

    def _next_spoilt(self) -> str:
        """Take the way in which the present answer is spoilt; empty if it is not."""
        way = self._spoil
        if self._left:
            self._left -= 1
            if not self._left:
                self._spoil = ""
        return way
