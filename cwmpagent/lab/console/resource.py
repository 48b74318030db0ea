"""The console as a web resource: the checks of every request, the page and the JSON interface.

A foreign web page can make a browser send requests to loopback, under any host name (DNS rebinding). Therefore the Host
header must be a loopback name, and a POST must be ``application/json``, which needs a CORS preflight.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IReactorTime
from twisted.logger import Logger
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET, Site
from zope.interface import implementer

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.authentication import Guard
from cwmpagent.lab.console.api import LAB_FAILED, Api, ApiReply, failed
from cwmpagent.lab.console.page import CSP, page
from cwmpagent.lab.files import FileServer
from cwmpagent.lab.network.bounded_site import BoundedRequest, BoundedSite
from cwmpagent.protocol.auth import Credentials, DigestVerdict
from cwmpagent.transport.addresses import is_loopback

BODY = 1024 * 1024
PATH = 2000


class Console(Resource):
    """The page at ``/`` and the JSON interface below it.

    ``password``: if given, Digest with ``username`` is required, and a GET may have any Host header. ``hosts``: host
    names besides the loopback ones that a POST may have if there is a password. ``files``: the file server to show.
    """

    isLeaf = True
    _log = Logger()

    def __init__(
        self,
        acs: LabAcs,
        reactor: IReactorTime,
        *,
        username: str = "lab",
        password: str = "",
        hosts: Sequence[str] = (),
        files: FileServer | None = None,
        token: Callable[[], str] = lambda: secrets.token_hex(16),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types there
        self._acs = acs
        self._files = files
        self._api = Api(acs, files)
        self._reactor = reactor
        self._monotonic = monotonic
        self._protected = bool(password)
        self._hosts = frozenset(host.lower() for host in hosts) if password else frozenset[str]()
        auth: Any = "digest" if password else "none"
        self._guard = Guard(auth, Credentials(username, password), realm="cwmplab console", nonce=token, qop=("auth",))

    def site(self) -> Site:
        """The protocol factory for a listening port."""
        resource: IResource = self
        return BoundedSite(resource, max_body=BODY, reactor=self._reactor)

    def render(self, request: BoundedRequest) -> bytes | int:
        """Answer one request."""
        refused = self._refused(request)
        if refused is not None:
            return _write(request, refused)
        method = request.method.decode("latin-1")
        if method not in ("GET", "HEAD", "POST", "DELETE"):
            return _write(request, failed(405, "the method must be GET, HEAD, POST or DELETE"))
        path = [_text(part) for part in request.postpath or () if part]
        raw = [part for part in request.path.decode("latin-1").split("/") if part]
        if not path and method in ("GET", "HEAD"):
            return self._later(request, Deferred.fromCoroutine(self._page()))
        return self._later(request, self._api.answer(method, path, raw, request.whole()))

    def _refused(self, request: BoundedRequest) -> ApiReply | None:
        """The error reply to a request that fails a check, else None."""
        uri = request.uri.decode("latin-1")
        if len(uri) > PATH:
            return failed(414, f"the path is longer than {PATH} characters")
        if request.too_large:
            return failed(413, f"the body is larger than {BODY} bytes")
        authorization = request.requestHeaders.getRawHeaders(b"Authorization")
        now = self._monotonic()
        method = request.method.decode("latin-1")
        verdict = self._guard.check(
            authorization[0] if authorization else None, method=method, uri=uri, body=request.whole(), now=now
        )
        if verdict is not DigestVerdict.ACCEPTED:
            stale = verdict is DigestVerdict.STALE
            offered = tuple(("WWW-Authenticate", challenge) for challenge in self._guard.challenges(now, stale=stale))
            return failed(401, "the console requires a password", offered)
        changes = method not in ("GET", "HEAD")
        host = _host(request.text("Host"))
        if not (host == "localhost" or is_loopback(host) or host in self._hosts or (self._protected and not changes)):
            return failed(403, "the Host header must be a loopback name, such as 127.0.0.1 or localhost")
        content_type = request.text("Content-Type").partition(";")[0].strip().lower()
        if method == "POST" and content_type != "application/json":
            return failed(415, "Content-Type must be application/json")
        return None

    async def _page(self) -> ApiReply:
        try:
            return ApiReply(200, await page(self._acs, self._files), "text/html; charset=utf-8")
        except Exception:
            self._log.failure("The console failed")
            return failed(500, LAB_FAILED)

    def _later(self, request: BoundedRequest, answer: Deferred[ApiReply]) -> int:
        lost: list[object] = []
        request.notifyFinish().addErrback(lost.append)

        def ready(reply: ApiReply) -> None:
            if not lost:
                body = _write(request, reply)
                untyped: Any = request
                untyped.write(body)
                if reply.rest is None or request.method == b"HEAD":
                    untyped.finish()
                else:
                    untyped.registerProducer(_Sending(request, reply.rest), False)

        answer.addCallback(ready)
        return NOT_DONE_YET


@implementer(IPullProducer)
class _Sending:
    """Sends the rest of a large body, one piece whenever the client has taken the one before."""

    _log = Logger()

    def __init__(self, request: BoundedRequest, rest: Iterator[bytes]) -> None:
        self._request: Any = request
        self._rest = rest

    def resumeProducing(self) -> None:
        """Make and send one piece; an empty one is work that has no output yet."""
        try:
            piece = next(self._rest, None)
        except Exception:
            self._log.failure("The console failed")
            self._request.unregisterProducer()
            self._request.channel.transport.abortConnection()  # the status has been sent
            return
        if piece is None:
            self._request.unregisterProducer()
            self._request.finish()
        elif piece:
            self._request.write(piece)

    def stopProducing(self) -> None:
        """Make nothing more: the client has gone."""
        self._rest = iter(())


def _write(request: BoundedRequest, reply: ApiReply) -> bytes:
    untyped: Any = request
    untyped.setResponseCode(reply.status)
    headers = (
        ("Content-Type", reply.content_type),
        *((("Content-Length", str(len(reply.body))),) if reply.rest is None else ()),
        ("Content-Security-Policy", CSP),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
    )
    for name, value in headers:
        untyped.setHeader(name, value)
    for name, value in reply.headers:
        request.responseHeaders.addRawHeader(name, value)
    return reply.body


def _text(part: bytes) -> str:
    return part.decode("utf-8", "replace")


def _host(header: str) -> str:
    """The host name of a Host header, without the port."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]
