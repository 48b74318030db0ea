"""Datagrams to an ACS, sent without waiting for an answer, from one socket per address family."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredLock, maybeDeferred
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from cwmpagent.transport.addresses import resolved, socket_address
from cwmpagent.transport.deadline import within

MOST_WAITING = 32
"""Maximum number of calls that wait for name resolution; further calls are dropped."""
LOOKUP_TIMEOUT = 5.0
"""Seconds that a name resolution may take."""
WARN_INTERVAL = 60.0
"""Seconds between two warnings."""


class DatagramSender:
    """Sends datagrams in the order of the calls. The host is resolved for each call.

    Raises nothing: what cannot be sent is lost, and ``warn`` is called at most once per :data:`WARN_INTERVAL`.
    ``monotonic``: monotonic clock, in seconds.
    """

    def __init__(self, reactor: Any, *, monotonic: Callable[[], float], warn: Callable[[str], object]) -> None:
        self._reactor = reactor
        self._monotonic = monotonic
        self._warn = warn
        self._warned_at: float | None = None
        self._turn = DeferredLock()
        self._waiting: set[Deferred[None]] = set()
        self._sockets: dict[bool, Any] = {}

    def send(self, host: str, port: int, datagrams: Sequence[bytes]) -> None:
        """Send ``datagrams`` to ``host``, a name or an address."""
        if not datagrams:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._lost(host, "too many datagrams wait for name resolution")
            return
        work = self._turn.run(lambda: Deferred.fromCoroutine(self._send(host, port, datagrams)))
        self._waiting.add(work)
        work.addBoth(lambda _: self._waiting.discard(work))

    async def close(self) -> None:
        """Drop what is not sent, and close the sockets; :meth:`send` opens them again."""
        for work in tuple(self._waiting):
            work.cancel()
        sockets, self._sockets = list(self._sockets.values()), {}
        for socket in sockets:
            await maybeDeferred(socket.stopListening)

    async def _send(self, host: str, port: int, datagrams: Sequence[bytes]) -> None:
        names = resolved(self._reactor.nameResolver, host)
        try:
            addresses = await within(
                LOOKUP_TIMEOUT, names, self._reactor, self._monotonic, "its name was not resolved in time"
            )
        except CancelledError:
            return
        except Exception as error:  # TooSlowError, or any error of a resolver
            self._lost(host, str(error))
            return
        reason = "its name has no address"
        for address in addresses:
            try:
                for datagram in datagrams:
                    self._socket(":" in address).write(datagram, socket_address(address, port))
            except (CannotListenError, MessageLengthError, OSError, ValueError, ArithmeticError) as error:
                reason = str(error)
            else:
                return
        self._lost(host, reason)

    def _socket(self, ipv6: bool) -> Any:
        if ipv6 not in self._sockets:
            self._sockets[ipv6] = self._reactor.listenUDP(0, _Discard(), interface="::" if ipv6 else "")
        return self._sockets[ipv6]

    def _lost(self, host: str, reason: str) -> None:
        now = self._monotonic()
        if self._warned_at is None or now - self._warned_at >= WARN_INTERVAL:
            self._warned_at = now
            self._warn(f"a lightweight notification could not be sent to {host!r}: {reason}")


class _Discard(DatagramProtocol):
    """Protocol that ignores datagrams: a notification has no answer."""
