"""The web resource of the ACS: it passes a request to :meth:`OpenSessions.post` and writes the answer."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.interfaces import ISSLTransport
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from cwmpagent.errors import TooLargeError
from cwmpagent.lab.acs.http_answer import HttpAnswer, refusal
from cwmpagent.lab.acs.http_delivery import deliver
from cwmpagent.lab.acs.open_sessions import Incoming, OpenSessions
from cwmpagent.lab.network.bounded_site import BoundedRequest, inflated
from cwmpagent.protocol.auth import DigestVerdict

_COOKIE = re.compile(r"(?:^|[;,])\s*session=\"?([0-9A-Za-z_-]{1,128})")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]{1,40})", re.IGNORECASE)


class AcsResource(Resource):
    """A resource that accepts POSTs at every path."""

    isLeaf = True
    _log = Logger()

    def __init__(self, sessions: OpenSessions) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types there
        self._sessions = sessions

    def render(self, request: BoundedRequest) -> int:
        """Answer one request."""
        if request.method != b"POST":
            answer = HttpAnswer(status=405, headers=(("Allow", "POST"),))
        elif request.too_large:
            answer = refusal(413, f"the body is larger than {self._sessions.max_body} bytes")
        else:
            return self._post(request, request.whole())
        return self._plain(request, answer)

    def _post(self, request: BoundedRequest, raw: bytes) -> int:
        authorization = request.requestHeaders.getRawHeaders(b"Authorization")
        verdict = self._sessions.check(
            authorization[0] if authorization else None,
            method="POST",
            uri=request.uri.decode("latin-1"),
            body=raw,
        )
        if verdict is not DigestVerdict.ACCEPTED:
            return self._plain(request, self._sessions.challenge(verdict))
        try:
            body = inflated(raw, request.text("Content-Encoding"), self._sessions.max_body)
        except LookupError:
            return self._plain(request, refusal(415, "Content-Encoding must be gzip or deflate"))
        except TooLargeError as error:
            return self._plain(request, refusal(413, str(error)))
        except ValueError as error:
            return self._plain(request, refusal(400, str(error)))
        charset = _CHARSET.search(request.text("Content-Type"))
        actions = request.requestHeaders.getRawHeaders(b"SOAPAction")
        incoming = Incoming(
            body=body,
            cookies=tuple(_COOKIE.findall(request.text("Cookie"))),
            charset=charset[1] if charset else None,
            content_type=request.text("Content-Type"),
            soap_action=actions[0].decode("latin-1") if actions else None,
            peer=_peer(request),
            certificate=_certificate(request),
        )
        session, answer = self._sessions.post(incoming)
        done = deliver(request, answer, self._sessions.reactor)
        if session is not None:
            done.addCallback(lambda whole: self._sessions.delivered(session, whole))
        done.addErrback(self._failed)
        return NOT_DONE_YET

    def _plain(self, request: BoundedRequest, answer: HttpAnswer) -> int:
        deliver(request, answer, self._sessions.reactor).addErrback(self._failed)
        return NOT_DONE_YET

    def _failed(self, failure: Failure) -> None:
        self._log.failure("An answer cannot be written", failure)


def _peer(request: BoundedRequest) -> str:
    address: Any = request.getClientAddress()  # type: ignore[no-untyped-call]  # Twisted has no types there
    host = getattr(address, "host", "")
    return f"{host}:{address.port}" if host else ""


def _certificate(request: BoundedRequest) -> str:
    """The subject of the client's certificate; empty if there is none."""
    channel: Any = request.channel
    if not ISSLTransport.providedBy(channel.transport):
        return ""
    certificate: Any = channel.transport.getPeerCertificate()
    if certificate is None:
        return ""
    return ", ".join(b"=".join(part).decode("utf-8", "replace") for part in certificate.get_subject().get_components())
