"""Destination of a POST: a parsed ACS URL, and the destination of a redirect."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urljoin, urlsplit

from cwmpagent.errors import TransportError

_KEPT = "!$%&'()*+,-./:;=?@_~[]"  # characters that a request target keeps; others are percent-encoded


@dataclass(frozen=True, slots=True)
class Destination:
    """A parsed http or https URL.

    ``host``: ASCII (IDNA), an IPv6 address without brackets. ``target``: the request target (path and query).
    """

    secure: bool
    host: str
    port: int
    target: str

    @property
    def name(self) -> str:
        """``host:port`` for messages, an IPv6 address in brackets."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def origin(self) -> tuple[bool, str, int]:
        """Scheme, host and port: equal for all URLs of the same server."""
        return (self.secure, self.host, self.port)

    @property
    def host_header(self) -> str:
        """The value of the Host header (RFC 9110 section 7.2)."""
        usual = 443 if self.secure else 80
        return self.name if self.port != usual else self.name.rpartition(":")[0]

    @property
    def url(self) -> str:
        """The whole URL, without user name, password or fragment."""
        return f"{'https' if self.secure else 'http'}://{self.host_header}{self.target}"


def parse_destination(url: str) -> Destination:
    """Parse an absolute URL. Raises TransportError, which never contains the URL, when it cannot be posted to."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError as error:  # also UnicodeError
        raise TransportError("the ACS URL is malformed: its host or port is invalid") from error
    if parts.scheme not in ("http", "https"):
        raise TransportError("the ACS URL must begin with http:// or https://")
    if not ascii_host or any(char <= " " or char in '\x7f"<>\\^`{|}/?#@' for char in ascii_host) or port == 0:
        raise TransportError("the ACS URL has no usable host and port")
    if parts.username is not None or parts.password is not None:
        raise TransportError(f"the ACS URL of {ascii_host} must not contain a user name or password")
    secure = parts.scheme == "https"
    target = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return Destination(secure, ascii_host, port or (443 if secure else 80), target)


def redirected(source: Destination, location: bytes | None) -> Destination:
    """The destination of a Location header (RFC 9110 section 10.2.2, relative or absolute), sent by ``source``.

    Raises TransportError for a missing or invalid Location, and for a redirect from https to http.
    """
    if not location:
        raise TransportError(f"{source.name}: redirects without a Location header")
    try:
        target = parse_destination(urljoin(source.url, location.decode("utf-8", "replace").strip()))
    except (TransportError, ValueError) as error:
        raise TransportError(f"{source.name}: redirects to a Location that is not an http or https URL") from error
    if source.secure and not target.secure:
        raise TransportError(f"{source.name}: redirects from https to http, which is not followed")
    return target
