"""Pages for browsers on the port of the listener: without authentication, and with answers that may come late."""

# mypy: allow-untyped-calls
# Twisted's HTTP server is untyped.

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cwmpagent.errors import MisuseError, internal_error
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.kick import PageAnswer
from cwmpagent.transport.connection_request.bounded_http import BoundedHttpRequest

_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
)


class Page(Protocol):
    """A page at a path of the listener."""

    def enabled(self) -> bool:
        """Whether there is a page now. It opens no port: only an enabled agent does."""

    def asked(self, source: str, query: str, referer: str) -> Deferred[PageAnswer]:
        """Process the GET of a browser at the address ``source``; the answer may come late.

        It is cancelled when the browser has gone. ``query``: the text after ``?``, percent-encoded.
        """

    def refused(self, source: str, reason: Refusal, detail: str = "") -> None:
        """Record a request that is refused; ``detail``: text of the client."""


class Pages:
    """The pages of one listener, by path. ``warn`` is called with the line of an internal error."""

    def __init__(self, warn: Callable[[str], object]) -> None:
        self._warn = warn
        self._pages: dict[bytes, Page] = {}

    def add(self, path: str, page: Page) -> None:
        """Serve ``page`` at ``path``, plain or percent-encoded. Raises MisuseError where that is in use."""
        key = unquote_to_bytes(path)
        if not path.startswith("/") or key in self._pages:
            raise MisuseError(f"the path is invalid or in use: {path!a}")
        self._pages[key] = page

    def remove(self, path: str) -> None:
        """Stop serving the page at ``path``; answers that are awaited are still given."""
        self._pages.pop(unquote_to_bytes(path), None)

    def find(self, key: bytes) -> Page | None:
        """The page at the percent-decoded path ``key``."""
        return self._pages.get(key)

    def answer(self, request: BoundedHttpRequest, page: Page, query: str) -> None:
        """Answer ``request``, now or later."""
        if not page.enabled():
            page.refused(request.source, Refusal.DISABLED)
            request.reply(404, {})
        elif request.method != b"GET":
            page.refused(request.source, Refusal.WRONG_METHOD, request.method.decode("latin-1"))
            request.reply(405, {"Allow": ["GET"]})
        else:
            referer = (request.requestHeaders.getRawHeaders(b"Referer") or [b""])[0].decode("latin-1")
            answered = page.asked(request.source, query, referer)
            request.notifyFinish().addErrback(lambda _: answered.cancel())
            answered.addErrback(self._failed)
            answered.addCallback(lambda answer: _reply(request, answer) if answer is not None else None)

    def _failed(self, failure: Failure) -> PageAnswer | None:
        """The answer after an error; None where the browser has gone."""
        if failure.check(CancelledError) is not None:
            return None
        self._warn(internal_error(failure.getTraceback()))
        return PageAnswer(500, "The device failed.")


def _reply(request: BoundedHttpRequest, answer: PageAnswer) -> None:
    headers = {name: [value] for name, value in _HEADERS}
    if answer.location:
        headers["Location"] = [answer.location]
    if answer.text:
        headers["Content-Type"] = ["text/plain; charset=utf-8"]
    request.reply(answer.status, headers, body=f"{answer.text}\n".encode() if answer.text else b"")
