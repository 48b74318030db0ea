"""The kick page (TR-069 A.4.2.1, Annex D): the query of a browser as Kicked, and the answers of the page.

A web page of the ACS sends the browser to the device, with ``?command=..&arg=..&next=..``. The device passes that on to
the ACS, and sends the browser to the NextURL of the answer. Everything in the query is the text of a stranger.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, urlsplit

from cwmpagent.protocol.rpc import Kicked

LONGEST_COMMAND = 32
LONGEST_REFERER = 64
LONGEST_ARG = 256
LONGEST_URL = 1024
MOST_ARGUMENTS = 16
"""Maximum number of arguments in a query, unknown ones included."""

_WEB_URL = re.compile(r"(?i:https?)://(?:[\w.-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?(?:[/?#][!#-;=?-\[\]-~]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """The answer to a browser: the HTTP ``status``, a ``text`` for people, and for a redirect its ``location``."""

    status: int
    text: str = ""
    location: str = ""


def kick_path(request_path: str) -> str:
    """The path of the page, as random as that of the ConnectionRequestURL, which it does not reveal."""
    return "/" + sha256(f"kick {request_path}".encode()).hexdigest()[:32]


def is_web_url(text: str) -> bool:
    """Whether ``text`` is an absolute http or https URL with a host, without user information, that a header may have.

    A backslash, which browsers take for a slash, is refused, as are spaces, quotes and what is not ASCII.
    """
    return len(text) <= LONGEST_URL and _WEB_URL.fullmatch(text) is not None


def web_origin(url: str) -> str:
    """Scheme and host of ``url``, for the log: the rest may have secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def kicked_from(query: str, referer: str = "") -> Kicked:
    """The request for a ``query`` (the text after ``?``), and the Referer header of the browser.

    Raises ValueError with a sentence for the browser; it has no text of the query. A Referer that is no web address is
    left out, and of a long one the beginning is sent, as the browser decides about it, not the page that sent it.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MOST_ARGUMENTS)
    except ValueError:
        raise ValueError(f"At most {MOST_ARGUMENTS} arguments in UTF-8 are expected.") from None
    given: dict[str, str] = {}
    for name, text in pairs:
        if name in given:
            raise ValueError("An argument is given twice.")
        given[name] = text
    if not given.keys() & {"command", "arg", "next"}:
        raise ValueError("The arguments command, arg and next are missing.")
    following = given.get("next", "")
    if following and not is_web_url(following):
        raise ValueError(f"The argument next is not an http or https address of at most {LONGEST_URL} characters.")
    return Kicked(
        command=_bounded(given, "command", LONGEST_COMMAND),
        referer=referer[:LONGEST_REFERER] if is_web_url(referer) else "",
        arg=_bounded(given, "arg", LONGEST_ARG),
        next=following,
    )


def _bounded(given: dict[str, str], name: str, longest: int) -> str:
    text = given.get(name, "")
    if len(text) > longest or not text.isprintable():
        raise ValueError(f"The argument {name} has more than {longest} characters, or control characters.")
    return text
