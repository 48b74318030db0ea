"""Destination of a POST: a parsed ACS URL, and the destination of a redirect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from urllib.parse import quote, urljoin, urlsplit

from cwmpagent.errors import TransportError
from cwmpagent.protocol.url_host import encoded_host, url_host, without_zone

_KEPT = "!$%&'()*+,-./:;=?@_~[]"  # characters that a request target keeps; others are percent-encoded


@dataclass(frozen=True, slots=True)
class Destination:
    """A parsed http or https URL.

    ``host``: ASCII (IDNA), an IPv6 address without brackets, with its zone as in ``fe80::1%eth0``. ``target``: the
    request target (path and query).
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
        """The value of the Host header (RFC 9110 section 7.2), without a zone (RFC 6874 section 4)."""
        return replace(self, host=without_zone(self.host))._authority

    @property
    def url(self) -> str:
        """The whole URL, without user name, password or fragment."""
        return f"{'https' if self.secure else 'http'}://{self._authority}{self.target}"

    @property
    def _authority(self) -> str:
        usual = 443 if self.secure else 80
        name = replace(self, host=encoded_host(self.host)).name
        return name if self.port != usual else name.rpartition(":")[0]


def parse_destination(url: str) -> Destination:
    """Parse an absolute URL. Raises TransportError, which never contains the URL, when it cannot be posted to."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError as error:  # also UnicodeError
        raise TransportError("the ACS URL is malformed: its host or port is invalid") from error
    try:
        ascii_host = url_host(ascii_host)
    except ValueError as error:
        raise TransportError(f"the ACS URL {error}") from error
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

    A link-local address without a zone is on the link of ``source``: the server does not know this machine's name for
    it. Raises TransportError for a missing or invalid Location, and for a redirect from https to http.
    """
    if not location:
        raise TransportError(f"{source.name}: redirects without a Location header")
    try:
        url = urljoin(source.url, location.decode("utf-8", "replace").strip())
        target = parse_destination(_with_zone_of(source, url))
    except (TransportError, ValueError) as error:
        reason = f"{source.name}: redirects to a Location that is not usable as an http or https URL"
        raise TransportError(f"{reason} ({error})" if "IPv6" in str(error) else reason) from error
    if source.secure and not target.secure:
        raise TransportError(f"{source.name}: redirects from https to http, which is not followed")
    return target


def _with_zone_of(source: Destination, url: str) -> str:
    host = urlsplit(url).hostname or ""
    zone = source.host.partition("%")[2]
    if not zone or ":" not in host or "%" in host or not ip_address(host).is_link_local:
        return url
    return url.replace("]", f"%25{zone}]", 1)
