"""The POSTs of one session: authentication, cookies, redirects and the repeat of a POST."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import CancelledError, Deferred
from twisted.web.http_headers import Headers

from cwmpagent.errors import AuthenticationError, MisuseError, TransportError
from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.session import Reply
from cwmpagent.transport.http.cookies import Cookies
from cwmpagent.transport.http.destination import Destination, parse_destination, redirected
from cwmpagent.transport.http.inflate import OFFERED
from cwmpagent.transport.http.persistent_connection import PersistentConnection
from cwmpagent.transport.http.request_writer import RequestHeaders
from cwmpagent.transport.http.response import REDIRECTS, UNAUTHORIZED, HttpResponse

MOST_REDIRECTS = 5
"""Maximum number of redirects followed in a row (TR-069 section 3.4.1)."""

_CHARSET = re.compile(rb"""charset\s*=\s*["']?([A-Za-z0-9][A-Za-z0-9._:+-]{0,39})""", re.IGNORECASE)


class SessionExchange:
    """The POSTs of one session, one at a time, over one connection as long as the ACS keeps it open.

    ``in_the_clear`` is called with the server's name whenever the password is sent over plain http (Basic).
    ``suspected`` is called with an address that failed; the next session should try it last.
    """

    def __init__(
        self,
        connection: PersistentConnection,
        url: str,
        credentials: Credentials,
        *,
        cnonce: Callable[[], str],
        in_the_clear: Callable[[str], object],
        suspected: Callable[[str], object],
    ) -> None:
        self._connection = connection
        self._url = url
        self._credentials = credentials
        self._cnonce = cnonce
        self._in_the_clear = in_the_clear
        self._suspected = suspected
        self._cookies = Cookies()
        self._plain = False  # whether the configured URL is http
        self._server: _Server | None = None
        self._running: Deferred[Reply] | None = None
        self._closed = False

    async def post(self, body: bytes) -> Reply:
        """POST one message, empty or an envelope, and return the response after 401 and redirects are handled.

        Raises TransportError or a subclass: one line with host, port and cause. Cancelling aborts the connection.
        """
        if self._running is not None or self._closed:
            raise MisuseError("a session posts one message at a time, and none after it is closed")
        self._running = Deferred.fromCoroutine(self._post(body))
        try:
            return await self._running
        except CancelledError:
            if self._closed:
                raise TransportError("the session was closed before the response arrived") from None
            raise
        except TransportError as error:
            if self._connection.remote is not None and not isinstance(error, AuthenticationError):
                self._suspected(self._connection.remote)
            raise
        finally:
            self._running = None
            if self._connection.failed is not None:
                self._suspected(self._connection.failed)

    async def close(self) -> None:
        """Cancel a running POST, close the connection and wait until it is closed, at most a few seconds.

        May be called more than once.
        """
        self._closed = True
        if self._running is not None:
            self._running.cancel()
        await self._connection.close()

    async def _post(self, body: bytes) -> Reply:
        redirects, may_repeat = 0, True
        while True:
            server = self._server or self._first_server()
            answer, repeated = await self._connection.post(
                server.destination, partial(self._headers, server, body), body, repeat=may_repeat
            )
            may_repeat = may_repeat and not repeated
            self._cookies.learn(server.destination, answer.all_headers(b"Set-Cookie"), answer.header(b"Date"))
            if answer.status == UNAUTHORIZED:
                self._challenged(server, answer)
                continue
            if server.credentials_sent:
                server.authenticator.informed(answer.header(b"Authentication-Info"))
            if answer.status not in REDIRECTS:
                return Reply(answer.status, answer.body, _charset(answer))
            redirects += 1
            if redirects > MOST_REDIRECTS:
                raise TransportError(f"{server.destination.name}: redirected more than {MOST_REDIRECTS} times in a row")
            self._move(server, redirected(server.destination, answer.header(b"Location")))

    def _first_server(self) -> _Server:
        destination = parse_destination(self._url)
        self._plain = not destination.secure
        self._server = self._new_server(destination)
        return self._server

    def _move(self, server: _Server, destination: Destination) -> None:
        """POST to ``destination`` from now on. Another server starts with a new authentication state."""
        if destination.origin == server.destination.origin:
            server.destination = destination
        else:
            self._server = self._new_server(destination)

    def _new_server(self, destination: Destination) -> _Server:
        allowed = destination.secure or self._plain
        return _Server(destination, Authenticator(self._credentials, cnonce=self._cnonce, basic_allowed=allowed))

    def _challenged(self, server: _Server, answer: HttpResponse) -> None:
        if not (self._credentials.username or self._credentials.password):
            raise AuthenticationError(
                f"{server.destination.name}: requests a user name and password, but none is configured"
            )
        if not server.authenticator.challenged(answer.all_headers(b"WWW-Authenticate")):
            raise AuthenticationError(f"{server.destination.name}: {server.authenticator.reason}")

    def _headers(self, server: _Server, body: bytes) -> Headers:
        destination = server.destination
        headers = RequestHeaders({b"Host": [destination.host_header.encode("ascii")]})
        if body:
            headers.setRawHeaders(b"Content-Type", [b'text/xml; charset="utf-8"'])
            headers.setRawHeaders(b"SOAPAction", [b""])
        cookie = self._cookies.header(destination)
        if cookie is not None:
            headers.setRawHeaders(b"Cookie", [cookie])
        if server.connection != self._connection.opened:
            server.connection = self._connection.opened
            server.authenticator.reconnected()
        authorization = server.authenticator.authorization("POST", destination.target, body)
        server.credentials_sent = authorization is not None
        if authorization is not None:
            headers.setRawHeaders(b"Authorization", [authorization.encode("utf-8")])
            if authorization.startswith("Basic ") and not destination.secure:
                self._in_the_clear(destination.name)
        headers.setRawHeaders(b"Accept-Encoding", [OFFERED])
        return headers


@dataclass(slots=True)
class _Server:
    """Authentication state of one server. ``credentials_sent``: whether the last request had Authorization.

    ``connection``: the number of the connection that the last request used.
    """

    destination: Destination
    authenticator: Authenticator
    credentials_sent: bool = False
    connection: int = 0


def _charset(answer: HttpResponse) -> str | None:
    named = _CHARSET.search(answer.header(b"Content-Type") or b"")
    return named[1].decode("ascii") if named else None
