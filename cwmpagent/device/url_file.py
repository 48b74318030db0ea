"""File with the ACS URL that a DHCP client hook writes (``[acs] url_file``; the hooks are in ``etc/dhcp``)."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import urlsplit

from cwmpagent.protocol.url_host import url_host

LONGEST = 2048


class UrlFile:
    """Reader of a file with one URL on one line; the hook replaces the file atomically."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def __call__(self) -> str | None:
        """URL in the file, ``None`` if the file has not changed since the last call, or is missing or empty.

        Raises ``ValueError``, once for each version of the file, if it cannot be read or contains no ACS URL.
        """
        try:
            status = self._path.stat()
            mark = (status.st_ino, status.st_ctime_ns, status.st_size)
        except FileNotFoundError:
            self._seen = None
            return None
        except OSError as error:
            mark = (0, 0, error.errno or 0)
        if mark == self._seen:
            return None
        before, self._seen = self._seen, mark
        if mark[0] and not stat.S_ISREG(status.st_mode):  # reading a pipe would block
            raise ValueError(f"{self._path} is ignored: it is not a regular file")
        try:
            with self._path.open("rb") as file:
                data = file.read(LONGEST + 2)
        except OSError as error:
            # It may be readable at the next call, as when the process had no descriptor left: the same error is not
            # raised again, but the file is read again.
            self._seen = (0, 0, error.errno or 0)
            if before == self._seen:
                return None
            raise ValueError(f"{self._path} cannot be read: {error.strerror}") from None
        return self._url(data)

    def _url(self, data: bytes) -> str | None:
        text = data.decode("latin-1").strip()
        if not text:
            return None
        reason = acs_url_refusal(text)
        if reason:
            raise ValueError(f"{self._path} is ignored: it {reason}")
        return text


def acs_url_refusal(text: str) -> str:
    """Reason why ``text`` cannot be the URL of an ACS, empty if it can; does not quote ``text``: it may be secret."""
    if len(text) > LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        return f"must contain one line with a URL of at most {LONGEST} ASCII characters"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "must contain a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "must contain a URL with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "must not contain a user name or password"
    try:
        url_host(parts.hostname)
    except ValueError as error:
        return str(error)
    return ""
