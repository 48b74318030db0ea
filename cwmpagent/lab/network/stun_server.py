"""The lab's STUN server (RFC 3489, TR-069 Annex G): tells devices their outside address, and remembers who asked.

It can ask for credentials, knows or does not know RESPONSE-ADDRESS, and spoils answers on request.
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
"""What must be signed: nothing, what tells of a changed binding, everything."""
ResponseAddress = Literal["honour", "ignore", "refuse"]
"""What becomes of a RESPONSE-ADDRESS: the answer goes there, goes to the sender, is error 420."""
SPOILT = ("silent", "late", "wrong-transaction", "wrong-signature", "garbage", "other-port")
"""How an answer can be spoilt."""
BINDINGS = 1000
LATE = 1.0
"""Seconds that a late answer takes."""


@dataclass(frozen=True, slots=True)
class SeenBinding:
    """One mapped address that asked for its connection requests; times are wall times.

    ``username``: the USERNAME that came with it, empty where none did. ``changed_at``: the last BINDING-CHANGE.
    ``signed``: whether that was signed with the right password.
    """

    mapped: Address
    username: str
    seen_at: float
    changed_at: float | None = None
    signed: bool = False


class StunServer:
    """Listens at ``host`` and ``port`` (0: any that is free) from :meth:`bind` to :meth:`close`.

    ``challenge`` needs ``credentials``. ``changed`` is called with every binding that a device says has changed, and
    ``heard`` with every request and where it came from.
    ``key``: what a person has configured it by. ``wall`` is the time of day.
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
            raise MisuseError("a STUN server that asks for credentials must have some")
        self._reactor = reactor
        self._port = DatagramPort(reactor, port, host, key=key)
        self._other = DatagramPort(reactor, 0, host, key=key)
        self.challenge = challenge
        self.credentials = credentials
        self.response_address = response_address
        self.changed = changed
        self.heard: Callable[[StunMessage, Address], object] = lambda message, source: None
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
        """Where it listens."""
        at = self._port.host
        if at is None:
            raise MisuseError("the STUN server does not listen")
        return at

    @property
    def bindings(self) -> Sequence[SeenBinding]:
        """The bindings that were seen, those heard last at the end; at most :data:`BINDINGS`."""
        return tuple(self._seen.values())

    @property
    def spoilt(self) -> str:
        """How the next answer will be spoilt; empty: not at all."""
        return self._spoil

    def spoil(self, how: str, times: int = 0) -> None:
        """Spoil the next ``times`` answers (0: all from now on) in one of the ways :data:`SPOILT`; empty: behave.

        Raises MisuseError for another way.
        """
        if how and how not in SPOILT:
            raise MisuseError(f"a STUN answer can be spoilt in these ways: {', '.join(SPOILT)}")
        self._spoil, self._left = how, times

    def send(self, data: bytes, to: Address) -> bool:
        """Send a datagram from the very port that devices ask: their NATs let it in. False where it cannot leave."""
        return self._port.send(data, to)

    async def close(self) -> None:
        """Listen no more; answers that are late do not come."""
        for call in self._late:
            if call.active():
                call.cancel()
        await gatherResults([self._port.close(), self._other.close()])

    def text(self, data: bytes, source: Address) -> None:
        """Nobody has business here with anything but STUN."""

    def stun(self, data: bytes, source: Address) -> None:
        """A datagram came that may be a STUN message; never raises."""
        message = decode(data)
        if message is None or message.kind is not MessageType.REQUEST:
            return
        signed = False
        if self.credentials is not None and message.signed:
            signed = signature_holds(data, self.credentials.password) and message.username == self.credentials.username
        self.heard(message, source)
        problem = self._problem(message, signed)
        if problem is not None:
            self.refused += 1
            self._answer(problem, source, None)
            return
        if message.connection_request_binding:
            self._remember(message, source, signed)
        to = source
        # Only to the sender's own host: else anybody could have it send to anybody.
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
        # In the way of the request: whoever signs in one may not be able to check the other.
        self._answer(answer, to, password, filled=password is None or signature_holds(data, password, (True,)))

    def _problem(self, message: StunMessage, signed: bool) -> StunMessage | None:
        """The error that a request gets; None where it is answered."""

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
        asked = self.challenge == "always" or (self.challenge == "changes" and message.binding_change)
        if asked and not signed:
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
        at = self._port.host
        return at if at is not None and at.host not in ("0.0.0.0", "::") else None

    def _answer(self, message: StunMessage, to: Address, password: str | None, *, filled: bool = True) -> None:
        how = self._next_spoilt()
        if how == "wrong-transaction":
            message = replace(message, transaction=bytes(16))
        if how == "wrong-signature":
            password = "somebody else's"
        data = encode(message, password=password, filled=filled)
        match how:
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
                    with suppress(ConfigError):  # no port to be had: the answer is lost
                        self._other.bind()
                self._other.send(data, to)
                return
        self._port.send(data, to)

    def _next_spoilt(self) -> str:
        """How the answer of now is spoilt."""
        how = self._spoil
        if self._left:
            self._left -= 1
            if not self._left:
                self._spoil = ""
        return how
