"""The file in which a DHCP client's hook leaves the ACS's URL (``[acs] url_file``; the hooks are in ``etc/dhcp``)."""

from __future__ import annotations

import stat
from pathlib import Path
from urllib.parse import urlsplit

LONGEST = 2048


class UrlFile:
    """One URL on one line. Whoever writes the file puts another one in its place at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def __call__(self) -> str | None:
        """The URL, where the file is another one than at the last look and there is one.

        Raises ValueError, once for each such file, where what it holds is no URL of an ACS, or cannot be read.
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
        self._seen = mark
        if mark[0] and not stat.S_ISREG(status.st_mode):  # a pipe would hold us up
            raise ValueError(f"{self._path} is ignored: it is no file")
        try:
            with self._path.open("rb") as file:
                data = file.read(LONGEST + 2)
        except OSError as error:
            raise ValueError(f"{self._path} cannot be read: {error.strerror}") from None
        return self._url(data)

    def _url(self, data: bytes) -> str | None:
        text = data.decode("latin-1").strip()
        if not text:
            return None
        reason = refusal(text)
        if reason:
            raise ValueError(f"{self._path} is ignored: it {reason}")
        return text


def refusal(text: str) -> str:
    """Why ``text`` cannot be the URL of an ACS, empty where it can; nothing of it is repeated, it may hold a secret."""
    if len(text) > LONGEST or not text.isascii() or not text.isprintable() or " " in text:
        return f"must hold one line with a URL of at most {LONGEST} ASCII characters"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return "holds no URL"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return "must hold a URL with http:// or https:// and a host"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user name or password"
    return ""
