"""Persistent connection of a session to its ACS: opened on demand, reused while it is open, then replaced."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.http_headers import Headers

from cwmpagent.errors import MisuseError, TransportError
from cwmpagent.transport.http.connector import Connector
from cwmpagent.transport.http.destination import Destination
from cwmpagent.transport.http.response import HttpResponse, post
from cwmpagent.transport.http.wire_protocol import WireProtocol


class PersistentConnection:
    """At most one open connection.

    ``avoid``: an address that failed in the previous session; it is tried last. ``remote``: the address of the latest
    connection, None before the first. ``failed``: an address that could not be reached in this session. ``opened``: how
    many connections were opened.
    """

    def __init__(self, connector: Connector, avoid: str | None) -> None:
        self.remote: str | None = None
        self.failed: str | None = None
        self.opened = 0
        self._connector = connector
        self._avoid = avoid
        self._wire: WireProtocol | None = None
        self._to: Destination | None = None
        self._chosen: tuple[str, str] | None = None  # a host, and its address that this session keeps

    async def post(
        self, destination: Destination, headers: Callable[[], Headers], body: bytes, *, repeat: bool
    ) -> tuple[HttpResponse, bool]:
        """POST ``body``. Returns the response, and whether the POST was repeated.

        The POST is repeated once, if ``repeat`` is true, when a reused connection ends before the first byte of the
        response: the ACS may close an idle connection at the moment it is used. ``headers`` is called for each attempt.
        Raises TransportError.
        """
        repeated = False
        used = self._wire
        if used is not None and used.usable and self._to is not None and self._to.origin == destination.origin:
            try:
                return await self._post(used, destination, headers(), body), repeated
            except TransportError:
                if not (repeat and used.ended_before_response):
                    raise
                repeated = True
        fresh = await self._connect(destination)
        return await self._post(fresh, destination, headers(), body), repeated

    async def close(self) -> None:
        """Close the connection and wait until it is closed."""
        wire = self._wire
        if wire is not None:
            wire.close()
            await wire.gone()
            self._wire = None

    async def _post(self, wire: WireProtocol, destination: Destination, headers: Headers, body: bytes) -> HttpResponse:
        return await post(wire, destination, headers, body, self._connector.limits.answer_bytes)

    async def _connect(self, destination: Destination) -> WireProtocol:
        await self.close()  # at most one connection at a time
        if self._chosen is not None and self._chosen[0] == destination.host:
            addresses = [self._chosen[1]]
        else:
            addresses = await self._connector.addresses(destination, self._avoid)
        for address in addresses:
            try:
                wire = await self._connector.connect(destination, address)
            except TransportError:
                self.failed = address
                if address == addresses[-1]:
                    raise
                continue
            self._wire, self._to, self._chosen = wire, destination, (destination.host, address)
            self.remote = address
            self.opened += 1
            return wire
        raise MisuseError("the connector returned no address")
