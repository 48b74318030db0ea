"""Requests to one file server by HTTP: connection, TLS, authentication and redirects (RFC 9110)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

from twisted.internet.defer import CancelledError
from twisted.internet.error import ConnectError, DNSLookupError
from twisted.internet.error import TimeoutError as TwistedTimeout
from twisted.internet.protocol import Protocol
from twisted.web.client import Agent, HTTPConnectionPool, ResponseFailed, ResponseNeverReceived
from twisted.web.http_headers import Headers
from twisted.web.iweb import IResponse

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.transfers import failures
from cwmpagent.transport.deadline import within
from cwmpagent.transport.error_text import cause
from cwmpagent.transport.files.http.endpoints import FileServerEndpoints
from cwmpagent.transport.files.sent_file import SentFile
from cwmpagent.transport.tls.trust import TlsTrust

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class HttpExchange:
    """The requests of one transfer; each has a connection of its own.

    ``url``, ``username``, ``password``: as in the RPC; the credentials are sent to the server of ``url`` alone.
    ``connect``, ``first_byte``: seconds for the connection, and from the request to the head of the response.
    """

    def __init__(
        self,
        reactor: Any,
        trust: TlsTrust,
        url: str,
        username: str,
        password: str,
        *,
        cnonce: Callable[[], str],
        monotonic: Callable[[], float],
        connect: float,
        first_byte: float,
        upload: bool = False,
    ) -> None:
        self._reactor = reactor
        self._endpoints = FileServerEndpoints(reactor, trust, connect)
        pool = HTTPConnectionPool(reactor, persistent=False)  # type: ignore[no-untyped-call]  # no types there
        self._agent: Any = Agent.usingEndpointFactory(reactor, self._endpoints, pool)  # type: ignore[no-untyped-call]
        self._url = url
        self._origin = _origin(url)
        self._named = bool(username or password)
        self._credentials = Credentials(username, password)
        self._cnonce = cnonce
        self._authenticator = self._new_authenticator()
        self._monotonic = monotonic
        self._first_byte = first_byte
        self._upload = upload

    async def request(
        self, method: str, headers: dict[str, str], body: Callable[[], SentFile] | None = None
    ) -> IResponse:
        """The final response to a request: of the server to which redirects lead, after its challenge.

        ``body`` returns the content; it is called for each attempt. Raises TransferFailure.
        """
        redirects, challenged = 0, False
        while True:
            response = await self._once(method, headers, body)
            if response.code == 401 and not challenged and self._may_answer(response):
                challenged = True
                abandon(response)
                continue
            if response.code not in _REDIRECTS:
                return response
            location = (response.headers.getRawHeaders(b"location") or [b""])[0]
            abandon(response)
            redirects += 1
            if redirects > MOST_REDIRECTS:
                raise failures.other(f"more than {MOST_REDIRECTS} redirects", upload=self._upload, permanent=True)
            self._follow(location)
            challenged = False

    def abort(self) -> None:
        """Close all connections at once."""
        self._endpoints.abort()

    def _may_answer(self, response: IResponse) -> bool:
        headers = response.headers.getRawHeaders(b"www-authenticate") or []
        return self._named and _origin(self._url) == self._origin and self._authenticator.challenged(headers)

    def _follow(self, location: bytes) -> None:
        """Go on at ``location``. Raises TransferFailure for another scheme, or what is no URL."""
        before = urlsplit(self._url).scheme
        try:
            url = urljoin(self._url, location.decode("ascii"))
            parts = urlsplit(url)
            fits = bool(location) and parts.scheme == before and bool(parts.hostname) and "@" not in parts.netloc
            port = parts.port
        except ValueError:
            fits, port = False, None
        if not fits or port == 0:
            raise failures.other(
                "a redirect to another scheme, or to something that is no URL", upload=self._upload, permanent=True
            )
        self._url = parts._replace(fragment="").geturl()
        self._authenticator = self._new_authenticator()

    def _new_authenticator(self) -> Authenticator:
        return Authenticator(self._credentials, cnonce=self._cnonce, basic_allowed=True)

    async def _once(self, method: str, headers: dict[str, str], body: Callable[[], SentFile] | None) -> IResponse:
        sent = Headers({"Accept-Encoding": ["identity"], "User-Agent": ["cwmpagent"]})
        for name, text in headers.items():
            sent.setRawHeaders(name, [text])
        if self._named and _origin(self._url) == self._origin:
            self._authenticator.reconnected()
            authorization = self._authenticator.authorization(method, _target(self._url))
            if authorization is not None:
                sent.setRawHeaders("Authorization", [authorization])
        producer = body() if body is not None else None
        began, slow = self._monotonic(), f"the file server sends no response within {self._first_byte:g} s"
        requested = self._agent.request(method.encode(), self._url.encode("ascii"), sent, producer)
        try:
            if producer is not None:  # the whole upload comes before the response; its silence is bounded elsewhere
                response: IResponse = await requested
            else:
                response = await within(self._first_byte, requested, self._reactor, self._monotonic, slow)
        except (CancelledError, TransferFailure):
            raise
        except Exception as error:  # Twisted and OpenSSL raise many kinds
            if any(isinstance(reason.value, CancelledError) for reason in getattr(error, "reasons", ())):
                if producer is None and self._monotonic() - began >= self._first_byte:
                    raise failures.unreachable(slow) from error
                raise CancelledError from error
            raise self._unreachable(error) from error
        finally:
            if producer is not None and not producer.whole:  # the answer to it came before its end, or none
                self.abort()
                producer.close()
        return response

    def _unreachable(self, error: Exception) -> TransferFailure:
        refusal = next((check.refusal for check in self._endpoints.checks if check.refusal), "")
        if refusal:
            failure = failures.unreachable(f"the file server is not trusted: {refusal}")
            failure.permanent = True
            return failure
        if isinstance(error, DNSLookupError):
            return failures.unreachable("the name of the file server cannot be resolved")
        if isinstance(error, TwistedTimeout):
            return failures.unreachable("no connection to the file server in time")
        if isinstance(error, ConnectError):
            return failures.unreachable(f"no connection to the file server: it {cause(error)}")
        if isinstance(error, ResponseFailed | ResponseNeverReceived):
            causes = "; ".join(sorted({reason.getErrorMessage()[:200] for reason in error.reasons}))
            return failures.unreachable(f"the file server sends no valid response: {causes}")
        return failures.unreachable(str(error)[:200] or type(error).__name__)


class _Unread(Protocol):
    """Closes the connection of a body that nobody reads."""

    def connectionMade(self) -> None:
        """Close the connection."""
        transport: Any = self.transport
        transport.loseConnection()


def abandon(response: IResponse) -> None:
    """Close the connection of ``response`` without reading its body."""
    response.deliverBody(_Unread())  # type: ignore[no-untyped-call]  # no types there


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    port = parts.port if parts.port is not None else {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname, port


def _target(url: str) -> str:
    """The request target of ``url`` (RFC 9112 3.2.1)."""
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
