"""The cookies of one session (RFC 6265).

Cookies are kept until the end of the session, so no clock is needed. An expiry date only decides whether the ACS
deletes a cookie; it is compared with the Date header of the same response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cwmpagent.transport.addresses import is_address
from cwmpagent.transport.http.destination import Destination

MOST_COOKIES = 50
"""Maximum number of cookies; the oldest is dropped first."""
LONGEST_COOKIE = 4096
"""Maximum length of name and value together, in bytes. Longer cookies are ignored (RFC 6265 section 6.1)."""


@dataclass(frozen=True, slots=True)
class _Scope:
    name: bytes
    domain: str
    path: str


@dataclass(frozen=True, slots=True)
class _Cookie:
    value: bytes
    host_only: bool
    secure: bool


class Cookies:
    """Cookie store: reads Set-Cookie headers and builds the Cookie header."""

    def __init__(self) -> None:
        self._kept: dict[_Scope, _Cookie] = {}

    def learn(self, source: Destination, set_cookies: Sequence[bytes], date: bytes | None = None) -> None:
        """Store the Set-Cookie headers of a response from ``source``. ``date``: its Date header. Malformed cookies are
        ignored.
        """
        for line in set_cookies:
            pair, *attributes = line.split(b";")
            name, equals, value = (part.strip() for part in pair.partition(b"="))
            if not name or not equals or len(name) + len(value) > LONGEST_COOKIE or _control(name + value):
                continue
            given = dict(reversed([_attribute(attribute) for attribute in reversed(attributes)]))
            domain = given.get("domain", "").lstrip(".").lower()
            if domain and not _matches(source.host.lower(), domain):
                continue
            path = given.get("path", "")
            scope = _Scope(
                name, domain or source.host.lower(), path if path.startswith("/") else _default_path(source.target)
            )
            if _deleted(given, date):
                self._kept.pop(scope, None)
                continue
            self._kept[scope] = _Cookie(value, not domain, "secure" in given)
            if len(self._kept) > MOST_COOKIES:
                del self._kept[next(iter(self._kept))]

    def header(self, destination: Destination) -> bytes | None:
        """The value of the Cookie header for ``destination``, None without cookies; longer paths are first."""
        path = destination.target.partition("?")[0]
        matching = [
            (scope, cookie)
            for scope, cookie in self._kept.items()
            if (destination.secure or not cookie.secure)
            and (
                scope.domain == destination.host.lower()
                or (not cookie.host_only and _matches(destination.host, scope.domain))
            )
            and _within(path, scope.path)
        ]
        matching.sort(key=lambda item: -len(item[0].path))
        return b"; ".join(scope.name + b"=" + cookie.value for scope, cookie in matching) or None


def _attribute(text: bytes) -> tuple[str, str]:
    name, _, value = text.decode("latin-1").partition("=")
    return name.strip().lower(), value.strip()


def _control(text: bytes) -> bool:
    return any(byte < 0x20 or byte == 0x7F for byte in text)


def _matches(host: str, domain: str) -> bool:
    """Whether ``host`` matches ``domain`` (RFC 6265 section 5.1.3). A one-label domain matches no
    subdomain, an IP address only itself."""
    if host.lower() == domain:
        return True
    return not is_address(host) and "." in domain and host.lower().endswith("." + domain)


def _default_path(target: str) -> str:
    """The default path (RFC 6265 section 5.1.4)."""
    return target.partition("?")[0].rpartition("/")[0] or "/"


def _within(path: str, scope: str) -> bool:
    """Whether ``path`` matches the cookie path ``scope`` (RFC 6265 section 5.1.4)."""
    return path == scope or (path.startswith(scope) and (scope.endswith("/") or path[len(scope)] == "/"))


def _deleted(given: dict[str, str], date: bytes | None) -> bool:
    """Whether the attributes delete the cookie. Max-Age has precedence over Expires (RFC 6265 section 5.3)."""
    age = given.get("max-age", "")
    if age.lstrip("-").isdecimal() and age.isascii():
        return age.startswith("-") or not age.strip("0")
    expires = _moment(given.get("expires", ""))
    now = _moment(date.decode("latin-1")) if date else None
    return expires is not None and (expires.year < 2000 if now is None else expires <= now)


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text.replace("-", " "))  # the dashes of the Netscape form
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
