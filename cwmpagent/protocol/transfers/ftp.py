"""FTP without input or output: paths of URLs, commands, replies, and the failures that replies mean (RFC 959, 2428)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers import failures

_CONTROL = re.compile(rb"[\x00-\x1f\x7f\xff]")  # 0xff begins a Telnet command (RFC 854)
_TYPE = re.compile(r";type=(.*)", re.IGNORECASE | re.DOTALL)
_PASSIVE = re.compile(r"(?<![0-9,])(?:\d{1,3},){4}(\d{1,3}),(\d{1,3})(?![0-9,])", re.ASCII)
_EXTENDED = re.compile(r"\(([!-/:-~])\1\1(\d{1,5})\1\)", re.ASCII)
_SIZE = re.compile(r"(\d{1,18})", re.ASCII)
_TIME = re.compile(r"(\d{14})(?:\.\d{1,9})?", re.ASCII)
_UNREACHABLE = frozenset({120, 421, 425, 426, 431, 434, 522, 533, 534, 535, 536})
"""Replies about the connections and their security (RFC 959 4.2, RFC 4217, and 522 of servers in practice)."""
_DENIED = frozenset({332, 430, 530, 532})


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its ``code``, 100 to 599, and the ``text`` of its last line."""

    code: int
    text: str = ""


def path_of(url: str) -> bytes:
    """The path of a file below the directory of the login (RFC 1738 3.2.2); one that begins with ``/`` is absolute.

    Raises ValueError with a sentence for a URL that names no file, or whose path cannot be sent.
    """
    parts = urlsplit(url)
    if parts.query:
        raise ValueError("the URL of a file by FTP has no query")
    text = parts.path.removeprefix("/")
    found = _TYPE.search(text)
    if found is not None:
        if found[1].lower() != "i":
            raise ValueError("files are transferred by FTP with type i only")
        text = text[: found.start()]
    path = unquote_to_bytes(text)
    if not path or path.endswith(b"/"):
        raise ValueError("the URL names no file")
    if _CONTROL.search(path):
        raise ValueError("the path of the URL contains a control character")
    return path


def argument(text: str, what: str) -> bytes:
    """``text`` as the argument of a command (RFC 2640). Raises ValueError naming ``what`` for a control character."""
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"the {what} cannot be encoded in UTF-8") from None
    if _CONTROL.search(data):
        raise ValueError(f"the {what} contains a control character")
    return data


def passive_port(reply: Reply) -> int:
    """The port in an answer to PASV; the address beside it is not used. 0 where there is none (RFC 959 4.1.2)."""
    found = _PASSIVE.search(reply.text) if reply.code == 227 else None
    high, low = (int(found[1]), int(found[2])) if found is not None else (0, 0)
    return (high << 8) + low if high < 256 and low < 256 else 0


def extended_port(reply: Reply) -> int:
    """The port in an answer to EPSV; 0 where there is none (RFC 2428 3)."""
    found = _EXTENDED.search(reply.text) if reply.code == 229 else None
    port = int(found[2]) if found is not None else 0
    return port if port < 1 << 16 else 0


def size_in(reply: Reply) -> int | None:
    """The octets in an answer to SIZE (RFC 3659 4); None where there are none."""
    found = _SIZE.fullmatch(reply.text.strip()) if reply.code == 213 else None
    return int(found[1]) if found is not None else None


def validator(size: Reply, time: Reply) -> str:
    """Validator of a download: the size and the time of the file. Empty where the server does not tell both.

    ``size`` and ``time``: the answers to SIZE and MDTM (RFC 3659 3 and 4).
    """
    octets = size_in(size)
    found = time.code == 213 and _TIME.fullmatch(time.text.strip())
    return f"{octets} octets of {found[0]}" if octets is not None and found else ""


def refused(reply: Reply) -> TransferFailure:
    """The failure for a reply that is no success; it does not repeat the server's text."""
    code = reply.code
    shown = f"(FTP {code})"
    permanent = code >= 500
    if code in _UNREACHABLE:
        failure = failures.unreachable(f"the file server offers no usable connection {shown}")
        failure.permanent = permanent
        return failure
    if code in _DENIED:
        return _denied(reply)
    if code >= 400:
        return TransferFailure(9016, f"the file server refuses the request {shown}", permanent=permanent)
    return failures.unreachable(f"the file server sends no valid response: a reply out of order {shown}")


def refused_login(reply: Reply) -> TransferFailure:
    """The failure for an answer to USER or PASS that is no success: 9012, unless it is about the connection."""
    if reply.code >= 500 and reply.code not in _UNREACHABLE:
        return _denied(reply)
    return refused(reply)


def ended(reply: Reply, *, upload: bool = False) -> TransferFailure:
    """The failure for the reply that ends a transfer which had begun, and is no success."""
    if 400 <= reply.code < 500:
        return broken(f"the file server broke off the transfer (FTP {reply.code})", upload=upload)
    return refused(reply)


def broken(reason: str, *, upload: bool = False) -> TransferFailure:
    """The transfer ended before the whole file was there: 9017, and 9011 for an upload."""
    return failures.other(reason, upload=True) if upload else failures.broken_off(reason)


def _denied(reply: Reply) -> TransferFailure:
    return TransferFailure(9012, f"the file server refuses access (FTP {reply.code})", permanent=True)
