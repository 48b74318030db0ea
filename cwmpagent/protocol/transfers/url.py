"""URLs of files in Download, Upload and ScheduleDownload (TR-069 A.3.2.8, A.4.1.5, A.4.1.8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.transfers.ftp import path_of

SCHEMES = frozenset({"ftp", "ftps", "http", "https"})
"""Schemes of file servers that are supported."""

_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f]")
_TYPE = re.compile(r";type=i$", re.IGNORECASE)
_CHECKSUM = re.compile(r"sha256=([0-9A-Fa-f]{64})")


@dataclass(frozen=True, slots=True)
class FileUrl:
    """The URL of a file without its fragment, and without the ``;type=i`` of FTP (RFC 1738 3.2.2).

    ``sha256``: the checksum from the fragment, lower case, or empty.
    """

    url: str
    scheme: str
    sha256: str = ""


def parse_file_url(text: str) -> FileUrl:
    """Check ``text`` and take the fragment off.

    Raises CwmpFault: 9013 for a scheme that is not supported, 9003 for anything else that is wrong. The texts of the
    faults do not repeat the URL, which may contain a password.
    """
    if not text:
        raise CwmpFault(9003, "the URL is empty")
    if _UNPRINTABLE.search(text):
        raise CwmpFault(9003, "the URL contains a blank or a control character")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise CwmpFault(9003, "the URL cannot be parsed") from None
    if not parts.scheme:
        raise CwmpFault(9003, "the URL has no scheme")
    if parts.scheme not in SCHEMES:
        raise CwmpFault(9013, f"the URL has a scheme that is not supported; supported: {', '.join(sorted(SCHEMES))}")
    if "@" in parts.netloc:
        raise CwmpFault(9003, "the URL contains a user name or password; Username and Password are for them")
    if not host or port == 0:
        raise CwmpFault(9003, "the URL has no host, or port 0")
    if parts.scheme in ("ftp", "ftps"):
        try:
            path_of(text)
        except ValueError as error:
            raise CwmpFault(9003, str(error)) from None
        parts = parts._replace(path=_TYPE.sub("", parts.path))
    return FileUrl(parts._replace(fragment="").geturl(), parts.scheme, _checksum(parts.fragment))


def shown_url(url: str) -> str:
    """``url`` for logs: without user name, password, query and fragment, which may be secrets."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _checksum(fragment: str) -> str:
    if not fragment.lower().startswith("sha256="):
        return ""
    found = _CHECKSUM.fullmatch(fragment)
    if found is None:
        raise CwmpFault(9003, "the fragment of the URL is not sha256= with 64 hexadecimal digits")
    return found[1].lower()
