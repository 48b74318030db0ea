"""Server endpoints: opened all or none, closed, and opened again on the same ports."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address as IPv4
from ipaddress import IPv6Address as IPv6
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory

from cwmpagent.errors import ConfigError
from cwmpagent.transport.descriptors import DESCRIPTORS_OF_A_PORT, check_descriptors

_REMEDIES = {
    errno.EADDRINUSE: "another program or endpoint uses this port (tcp6 includes IPv4); choose another",
    errno.EACCES: "ports below 1024 need privileges; choose a higher one",
    errno.EADDRNOTAVAIL: "this machine has no such address; leave it out to listen on all",
}
_BACKLOG = 1024
"""Connections that may wait to be accepted. With Twisted's 50 a burst causes lost SYNs, a second's delay each."""
_PARTS = re.compile(r"(?<!\\):")
_FREE_PORT = re.compile(r"(^tcp6?:|:port=)0+(?=:|$)")


class Endpoints:
    """A list of endpoints. ``texts``: Twisted's server endpoint strings; ``key``: their configuration key."""

    def __init__(
        self,
        reactor: Any,  # its interfaces depend on the kind of endpoint
        texts: Sequence[str],
        key: str,
    ) -> None:
        self._reactor = reactor
        self._texts = tuple(texts)
        self._key = key
        self._ports: list[IListeningPort] = []
        self._again: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether any endpoint is open, TCP or other."""
        return bool(self._ports)

    @property
    def inherited(self) -> bool:
        """Whether a socket is inherited (systemd). Once closed it cannot be opened again."""
        return any("systemd:" in text for text in self._texts)

    async def open(self, factory: ServerFactory[Any]) -> None:
        """Listen on all endpoints, or on none.

        Raises :class:`~cwmpagent.errors.ConfigError` with the endpoint that cannot be opened, the cause and the remedy.
        """
        self._again = []
        await self._open(self._texts, factory)
        self._again = [_with_port(text, port) for text, port in zip(self._texts, self._ports, strict=True)]

    async def open_again(self, factory: ServerFactory[Any]) -> None:
        """Listen on the endpoints of :meth:`open`, with the same port where it was 0. Raises ConfigError."""
        await self._open(self._again or self._texts, factory)

    async def close(self) -> None:
        """Close all endpoints. Does nothing where none is open."""
        ports, self._ports = self._ports, []
        await _closed(ports)

    @property
    def first(self) -> tuple[str, int] | None:
        """Address and number of the first TCP port, None while no TCP port is open."""
        hosts = (port.getHost() for port in self._ports)
        return next(((at.host, at.port) for at in hosts if isinstance(at, IPv4Address | IPv6Address)), None)

    def port_for(self, address: str) -> int:
        """The number of the first TCP port that accepts connections to the local IP ``address``; 0 without one."""
        local = ip_address(address)
        for port in self._ports:
            at = port.getHost()
            if isinstance(at, IPv4Address | IPv6Address) and _accepts(at.host, local):
                return at.port
        return 0

    async def _open(self, texts: Sequence[str], factory: ServerFactory[Any]) -> None:
        opened: list[IListeningPort] = []
        for text in texts:
            try:
                check_descriptors(DESCRIPTORS_OF_A_PORT)
                endpoint = serverFromString(self._reactor, _with_backlog(text))  # type: ignore[no-untyped-call]  # untyped in Twisted
                opened.append(await endpoint.listen(factory))
            except Exception as error:  # of any kind of endpoint
                await _closed(opened)
                if isinstance(error, CancelledError):
                    raise
                raise ConfigError(self._key, f"{text}: {_cause(error)}") from error
        self._ports = opened


async def _closed(ports: Iterable[IListeningPort]) -> None:
    # In parallel: a cancellation while one port closes must not leave others open.
    await gatherResults([maybeDeferred(port.stopListening) for port in ports], consumeErrors=True)


def _with_backlog(text: str) -> str:
    """The endpoint ``text`` with :data:`_BACKLOG`, where it is TCP without a backlog of its own."""
    kind, *rest = _PARTS.split(text)
    unnamed = [part for part in rest if "=" not in part]
    if kind not in ("tcp", "tcp6") or "backlog" in text or len(unnamed) > 2 or not rest:
        return text
    return f"{text}:backlog={_BACKLOG}"


def _with_port(text: str, port: IListeningPort) -> str:
    """The endpoint ``text`` with the port number of ``port``, where it has port 0."""
    host = port.getHost()
    number = host.port if isinstance(host, IPv4Address | IPv6Address) else 0
    return _FREE_PORT.sub(rf"\g<1>{number}", text, count=1)


def _accepts(host: str, address: IPv4 | IPv6) -> bool:
    """Whether a socket at ``host`` accepts connections to ``address``. The IPv6 wildcard address includes IPv4."""
    at = ip_address(host.partition("%")[0])
    return at == address or (at.is_unspecified and at.version >= address.version)


def _cause(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if not isinstance(error, CannotListenError):
        return " ".join(str(error).split()) or type(error).__name__
    inner = error.socketError
    cause = getattr(inner, "strerror", None) or str(inner)
    remedy = _REMEDIES.get(getattr(inner, "errno", 0) or 0)
    return f"{cause}: {remedy}" if remedy else cause
