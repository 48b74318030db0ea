"""The grammar of HTTP authentication headers (RFC 9110 section 11), read liberally.

What comes from the peer is never an error here: what cannot be read is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

# A bare value runs to the next comma or space: more than a token, since real servers forget their quotes.
_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"([^"\\\x00-\x08\x0a-\x1f\x7f]*(?:\\[^\x00-\x08\x0a-\x1f\x7f][^"\\\x00-\x08\x0a-\x1f\x7f]*)*)"'
_GAP = re.compile(r"[\s,]*")
_PARAMETER = re.compile(
    rf"({_TOKEN})[ \t]*=[ \t]*(?:{_QUOTED}|([^\s,\"=\x00-\x1f\x7f][^\s,\"\x00-\x1f\x7f]*))[ \t]*(?=,|$)"
)
_SCHEME = re.compile(rf"({_TOKEN})(?:[ \t]+(?=[^\s,])|[ \t]*(?=,|$))")
_TOKEN68 = re.compile(r"([A-Za-z0-9\-._~+/]+=*)[ \t]*(?=,|$)")
_JUNK = re.compile(r"[^,]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

Header = str | bytes
"""A header's value; bytes as received are the better choice, since they need not be UTF-8."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge, or one set of credentials: the scheme in lower case and what follows it.

    ``parameters``: by lower-case name, unquoted; the first of several of one name counts. ``token``: the lone value
    of schemes such as Basic.
    """

    scheme: str
    parameters: Mapping[str, str]
    token: str = ""


def parse_challenges(headers: Iterable[Header]) -> list[Challenge]:
    """Every challenge of a response's WWW-Authenticate headers, in order (RFC 9110 section 11.6.1)."""
    headers = [headers] if isinstance(headers, str | bytes) else headers
    return [challenge for header in headers for challenge in _challenges(_text(header))]


def parse_credentials(header: Header | None) -> Challenge | None:
    """The content of an Authorization header (RFC 9110 section 11.6.2), None where there is none to be read."""
    return next(_challenges(_text(header)), None) if header is not None else None


def parse_parameters(header: Header) -> dict[str, str]:
    """A header that is a bare list of parameters, as Authentication-Info is (RFC 7615)."""
    found: dict[str, str] = {}
    text, at = _text(header), 0
    while at < len(text):
        at = _end(_GAP, text, at)
        match = _PARAMETER.match(text, at)
        if match:
            _keep(found, match)
        at = match.end() if match else max(at + 1, _end(_JUNK, text, at))
    return found


def quoted(text: str) -> str:
    """``text`` as a quoted-string (RFC 9110 section 5.6.4); the caller keeps control characters out."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sendable(text: str) -> bool:
    """Whether ``text`` can stand in a header of ours: UTF-8 without control characters other than tab."""
    return not any((char < " " and char != "\t") or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in text)


def _challenges(text: str) -> Iterator[Challenge]:
    found: list[Challenge] = []
    open_scheme: dict[str, str] = {}
    at = 0
    while at < len(text):
        at = _end(_GAP, text, at)
        if match := _PARAMETER.match(text, at):
            # One without a scheme before it belongs to nothing.
            _keep(open_scheme, match)
        elif match := _SCHEME.match(text, at):
            scheme, token = match[1].lower(), ""
            parameters: dict[str, str] = {}
            follows = match.end() < len(text) and text[match.end()] != ","
            if follows and not _PARAMETER.match(text, match.end()) and (lone := _TOKEN68.match(text, match.end())):
                token, match = lone[1], lone
            if follows or not found:
                # A bare word behind a comma closes nothing: `qop=auth,auth-int, nonce="..."` is still one challenge.
                open_scheme = parameters
            found.append(Challenge(scheme, parameters, token))
        at = match.end() if match else max(at + 1, _end(_JUNK, text, at))
    yield from found


def _keep(parameters: dict[str, str], match: re.Match[str]) -> None:
    value = match[3] if match[2] is None else _ESCAPE.sub(r"\1", match[2])
    parameters.setdefault(match[1].lower(), value)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _text(header: Header) -> str:
    return header.decode("utf-8", "surrogateescape") if isinstance(header, bytes) else header
