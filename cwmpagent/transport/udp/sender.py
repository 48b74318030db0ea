"""Datagrams to an ACS: sent and forgotten, from one socket for each family of addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredLock, maybeDeferred
from twisted.internet.error import CannotListenError, MessageLengthError
from twisted.internet.protocol import DatagramProtocol

from cwmpagent.errors import TooSlowError
from cwmpagent.transport.addresses import resolved
from cwmpagent.transport.deadline import within

MOST_WAITING = 32
"""Calls whose host is still being looked up; what comes beyond is dropped."""
PATIENCE = 5.0
"""Seconds that a lookup may take."""
QUIET = 60.0
"""Seconds between two warnings."""


class DatagramSender:
    """Sends datagrams in the order in which they were given; the host is looked up anew each time.

    Nobody waits for it and nothing is raised: what cannot be sent is lost, and ``warn`` is told so once a minute at
    most. ``monotonic``: seconds that are never set.
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
            self._lost(host, "too many wait for its address")
            return
        work = self._turn.run(lambda: Deferred.fromCoroutine(self._send(host, port, datagrams)))
        self._waiting.add(work)
        work.addBoth(lambda _: self._waiting.discard(work))

    async def close(self) -> None:
        """Forget what was not sent, and close the sockets; :meth:`send` opens them again."""
        for work in tuple(self._waiting):
            work.cancel()
        sockets, self._sockets = list(self._sockets.values()), {}
        for each in sockets:
            await maybeDeferred(each.stopListening)

    async def _send(self, host: str, port: int, datagrams: Sequence[bytes]) -> None:
        names = resolved(self._reactor.nameResolver, host)
        try:
            addresses = await within(PATIENCE, names, self._reactor, self._monotonic, "its name server is too slow")
        except CancelledError:
            return
        except TooSlowError as error:
            self._lost(host, str(error))
            return
        except Exception as error:  # a resolver may be anybody's
            self._lost(host, str(error))
            return
        reason = "its name has no address"
        for address in addresses:
            try:
                for datagram in datagrams:
                    self._socket(":" in address).write(datagram, (address, port))
            except (CannotListenError, MessageLengthError, OSError, ValueError, ArithmeticError) as error:
                reason = str(error)
            else:
                return
        self._lost(host, reason)

    def _socket(self, ipv6: bool) -> Any:
        if ipv6 not in self._sockets:
            self._sockets[ipv6] = self._reactor.listenUDP(0, _Deaf(), interface="::" if ipv6 else "")
        return self._sockets[ipv6]

    def _lost(self, host: str, reason: str) -> None:
        now = self._monotonic()
        if self._warned_at is None or now - self._warned_at >= QUIET:
            self._warned_at = now
            self._warn(f"a lightweight notification could not be sent to {host!r}: {reason}")


class _Deaf(DatagramProtocol):
    """Nobody answers a notification."""
