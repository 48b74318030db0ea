"""One connection at a time from a session to its ACS: opened when needed, kept while it lives, then replaced."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.http_headers import Headers

from cwmpagent.errors import MisuseError, TransportError
from cwmpagent.transport.http.connector import Connector
from cwmpagent.transport.http.destination import Destination
from cwmpagent.transport.http.response import HttpResponse, post
from cwmpagent.transport.http.wire_protocol import WireProtocol


class PersistentConnection:
    """``avoid``: an address that failed last time. ``remote``: that of the latest connection; None before the first.

    ``failed``: an address that could not be reached now.
    """

    def __init__(self, connector: Connector, avoid: str | None) -> None:
        self.remote: str | None = None
        self.failed: str | None = None
        self._connector = connector
        self._avoid = avoid
        self._wire: WireProtocol | None = None
        self._to: Destination | None = None
        self._chosen: tuple[str, str] | None = None  # a host, and the address of it that this session keeps to

    async def ask(
        self, there: Destination, headers: Callable[[], Headers], body: bytes, *, repeat: bool
    ) -> tuple[HttpResponse, bool]:
        """POST ``body`` and give the answer, and whether it had to be sent twice. ``headers`` are made anew for each
        attempt.

        It is sent again, if ``repeat`` allows, when a connection that was used before ends without a byte of answer.
        That is no fault of the ACS: it may close an idle connection at the very moment it is used. Raises
        TransportError.
        """
        repeated = False
        used = self._wire
        if used is not None and used.usable and self._to is not None and self._to.origin == there.origin:
            try:
                return await self._ask(used, there, headers(), body), repeated
            except TransportError:
                if not (repeat and used.died_idle):
                    raise
                repeated = True
        fresh = await self._connect(there)
        return await self._ask(fresh, there, headers(), body), repeated

    async def close(self) -> None:
        """End the connection and wait until it is gone."""
        wire = self._wire
        if wire is not None:
            wire.close()
            await wire.gone()
            self._wire = None

    async def _ask(self, wire: WireProtocol, there: Destination, headers: Headers, body: bytes) -> HttpResponse:
        return await post(wire, there, headers, body, self._connector.limits.answer_bytes)

    async def _connect(self, there: Destination) -> WireProtocol:
        await self.close()  # there are never two of them
        if self._chosen is not None and self._chosen[0] == there.host:
            addresses = [self._chosen[1]]
        else:
            addresses = await self._connector.addresses(there, self._avoid)
        for address in addresses:
            try:
                wire = await self._connector.connect(there, address)
            except TransportError:
                self.failed = address
                if address == addresses[-1]:
                    raise
                continue
            self._wire, self._to, self._chosen = wire, there, (there.host, address)
            self.remote = address
            return wire
        raise MisuseError("a host has at least one address here")
