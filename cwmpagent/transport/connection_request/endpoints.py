"""Server endpoints that are opened together or not at all, closed, and opened again where they were."""

from __future__ import annotations

import errno
import ipaddress
import re
from collections.abc import Iterable, Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import ServerFactory

from cwmpagent.errors import ConfigError

_REMEDIES = {
    errno.EADDRINUSE: "another program or endpoint has this port (tcp6 takes IPv4 too); choose another",
    errno.EACCES: "ports below 1024 need privileges; choose a higher one",
    errno.EADDRNOTAVAIL: "this machine has no such address; leave it out to listen on all",
}
_BACKLOG = 1024
"""Connections that may wait to be accepted: with Twisted's 50 a burst of them costs others the second of a lost SYN."""
_PARTS = re.compile(r"(?<!\\):")
_FREE_PORT = re.compile(r"(^tcp6?:|:port=)0+(?=:|$)")


class Endpoints:
    """``texts`` are Twisted's server endpoint strings; ``key`` names the configuration's key that holds them."""

    def __init__(self, reactor: Any, texts: Sequence[str], key: str) -> None:  # what they need differs by their kind
        self._reactor = reactor
        self._texts = tuple(texts)
        self._key = key
        self._ports: list[IListeningPort] = []
        self._again: list[str] = []

    @property
    def is_open(self) -> bool:
        """Whether anything listens, be it on a socket that is not TCP."""
        return bool(self._ports)

    @property
    def inherited(self) -> bool:
        """Whether there is a socket that somebody else opened for this process, which once closed does not return."""
        return any("systemd:" in text for text in self._texts)

    async def open(self, factory: ServerFactory[Any]) -> None:
        """Listen on all endpoints, or on none.

        Raises :class:`~cwmpagent.errors.ConfigError`, naming the endpoint that cannot be had, the cause and the remedy.
        """
        self._again = []
        await self._open(self._texts, factory)
        self._again = [_at(text, port) for text, port in zip(self._texts, self._ports, strict=True)]

    async def open_again(self, factory: ServerFactory[Any]) -> None:
        """Listen where :meth:`open` did, on the same port where that was a free one; raises ConfigError as it does."""
        await self._open(self._again or self._texts, factory)

    async def close(self) -> None:
        """Listen nowhere; harmless where nothing is open."""
        ports, self._ports = self._ports, []
        await _closed(ports)

    @property
    def first(self) -> tuple[str, int] | None:
        """Address and number of the first TCP port; None while there is none."""
        hosts = (port.getHost() for port in self._ports)
        return next(((at.host, at.port) for at in hosts if isinstance(at, IPv4Address | IPv6Address)), None)

    def port_for(self, address: str) -> int:
        """The number of the first TCP port that takes connections to our IP ``address``; 0 where none does."""
        ours = ip_address(address)
        for port in self._ports:
            at = port.getHost()
            if isinstance(at, IPv4Address | IPv6Address) and _takes(at.host, ours):
                return at.port
        return 0

    async def _open(self, texts: Sequence[str], factory: ServerFactory[Any]) -> None:
        opened: list[IListeningPort] = []
        for text in texts:
            try:
                endpoint = serverFromString(self._reactor, _patient(text))  # type: ignore[no-untyped-call]  # Twisted has no types
                opened.append(await endpoint.listen(factory))
            except Exception as error:  # whatever that kind of endpoint raises
                await _closed(opened)
                if isinstance(error, CancelledError):
                    raise
                raise ConfigError(self._key, f"{text}: {_cause(error)}") from error
        self._ports = opened


async def _closed(ports: Iterable[IListeningPort]) -> None:
    # All at once: being cancelled while one takes its time must not leave others open.
    await gatherResults([maybeDeferred(port.stopListening) for port in ports], consumeErrors=True)


def _patient(text: str) -> str:
    """The endpoint ``text`` with a backlog, where it is TCP and says nothing of one."""
    kind, *rest = _PARTS.split(text)
    unnamed = [each for each in rest if "=" not in each]
    if kind not in ("tcp", "tcp6") or "backlog" in text or len(unnamed) > 2 or not rest:
        return text
    return f"{text}:backlog={_BACKLOG}"


def _at(text: str, port: IListeningPort) -> str:
    """The endpoint ``text`` with the number it got, where it asked for any."""
    host = port.getHost()
    number = host.port if isinstance(host, IPv4Address | IPv6Address) else 0
    return _FREE_PORT.sub(rf"\g<1>{number}", text, count=1)


def _takes(host: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether a socket that listens at ``host`` takes connections to ``address``; all of IPv6 has IPv4 too."""
    at = ip_address(host.partition("%")[0])
    return at == address or (at.is_unspecified and at.version >= address.version)


def _cause(error: Exception) -> str:
    if not isinstance(error, CannotListenError):
        return " ".join(str(error).split()) or type(error).__name__
    inner = error.socketError
    cause = getattr(inner, "strerror", None) or str(inner)
    remedy = _REMEDIES.get(getattr(inner, "errno", 0) or 0)
    return f"{cause}: {remedy}" if remedy else cause
