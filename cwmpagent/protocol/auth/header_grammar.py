"""A tolerant parser of HTTP authentication headers (RFC 9110 section 11).

Input of the peer never raises an error: unreadable parts are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

# An unquoted value ends at the next comma or space. This is wider than a token, because some servers omit quotes.
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
"""The value of a header; prefer bytes as received, which may not be UTF-8."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge, or one set of credentials. ``scheme`` is in lower case.

    ``parameters``: unquoted values by lower-case name; the first of several with one name counts. ``token``: the
    token68 value of schemes such as Basic.
    """

    scheme: str
    parameters: Mapping[str, str]
    token: str = ""


def parse_challenges(headers: Iterable[Header]) -> list[Challenge]:
    """The challenges of the WWW-Authenticate headers of a response, in order (RFC 9110 section 11.6.1)."""
    headers = [headers] if isinstance(headers, str | bytes) else headers
    return [challenge for header in headers for challenge in _challenges(_text(header))]


def parse_credentials(header: Header | None) -> Challenge | None:
    """The content of an Authorization header (RFC 9110 section 11.6.2); None where it is absent or unreadable."""
    return next(_challenges(_text(header)), None) if header is not None else None


def parse_parameters(header: Header) -> dict[str, str]:
    """The parameters of a header that has nothing else, such as Authentication-Info (RFC 7615)."""
    parameters: dict[str, str] = {}
    text, at = _text(header), 0
    while at < len(text):
        at = _end(_GAP, text, at)
        match = _PARAMETER.match(text, at)
        if match:
            _keep(parameters, match)
        at = match.end() if match else max(at + 1, _end(_JUNK, text, at))
    return parameters


def quoted(text: str) -> str:
    """``text`` as a quoted-string (RFC 9110 section 5.6.4); it must not have control characters."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def sendable(text: str) -> bool:
    """Whether ``text`` can be sent in a header: it is valid UTF-8 without control characters other than tab."""
    return not any((char < " " and char != "\t") or char == "\x7f" or "\ud800" <= char <= "\udfff" for char in text)


def _challenges(text: str) -> Iterator[Challenge]:
    challenges: list[Challenge] = []
    open_scheme: dict[str, str] = {}
    at = 0
    while at < len(text):
        at = _end(_GAP, text, at)
        if match := _PARAMETER.match(text, at):
            # A parameter without a scheme before it is dropped.
            _keep(open_scheme, match)
        elif match := _SCHEME.match(text, at):
            scheme, token = match[1].lower(), ""
            parameters: dict[str, str] = {}
            follows = match.end() < len(text) and text[match.end()] != ","
            if follows and not _PARAMETER.match(text, match.end()) and (lone := _TOKEN68.match(text, match.end())):
                token, match = lone[1], lone
            if follows or not challenges:
                # A bare word after a comma ends no challenge: `qop=auth,auth-int, nonce="..."` is one challenge.
                open_scheme = parameters
            challenges.append(Challenge(scheme, parameters, token))
        at = match.end() if match else max(at + 1, _end(_JUNK, text, at))
    yield from challenges


def _keep(parameters: dict[str, str], match: re.Match[str]) -> None:
    value = match[3] if match[2] is None else _ESCAPE.sub(r"\1", match[2])
    parameters.setdefault(match[1].lower(), value)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _text(header: Header) -> str:
    return header.decode("utf-8", "surrogateescape") if isinstance(header, bytes) else header
