"""An ``IAgent`` over one connection, for treq to stand on.

It keeps from treq what treq would act on by itself: the cookies, and the encoding of a body, which treq inflates
without a bound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IConsumer
from twisted.web._newclient import Request  # public only through an Agent, which would bring its own connections
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from cwmpagent.transport.http.inflate import OFFERED
from cwmpagent.transport.http.wire_protocol import WireProtocol


@implementer(IBodyProducer)
class WholeBody:
    """A request's body, written at once."""

    def __init__(self, content: bytes) -> None:
        self.length = len(content)
        self._content = content

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        consumer.write(self._content)
        return succeed(None)

    def pauseProducing(self) -> None:
        """It is over by then."""

    def resumeProducing(self) -> None:
        """It is over by then."""

    def stopProducing(self) -> None:
        """It is over by then."""


class _Headers(Headers):
    """Writes SOAPAction as SOAP 1.1 does; some ACSs are said to look for exactly that."""

    def getAllRawHeaders(self) -> Iterator[tuple[bytes, Sequence[bytes]]]:
        for name, values in super().getAllRawHeaders():
            yield (b"SOAPAction" if name == b"Soapaction" else name), values


@implementer(IAgent)
class PlainAgent:
    """Sends requests over ``wire`` to ``target``, whatever URL it is given: treq has no URL for an IPv6 address.

    ``withheld``: the headers of the last answer that treq shall not see.
    """

    WITHHELD = (b"Set-Cookie", b"Content-Encoding")

    def __init__(self, wire: WireProtocol, target: bytes) -> None:
        self.withheld: dict[bytes, list[bytes]] = {}
        self._wire = wire
        self._target = target

    def request(
        self, method: bytes, uri: bytes, headers: Headers | None = None, bodyProducer: IBodyProducer | None = None
    ) -> Deferred[IResponse]:
        """Write the request; it leaves when the wire is flushed."""
        outgoing = _Headers(dict((headers or Headers()).getAllRawHeaders()))
        outgoing.setRawHeaders(b"Accept-Encoding", [OFFERED])
        self._wire.ask()
        request = Request(method, self._target, outgoing, bodyProducer, True)  # type: ignore[no-untyped-call]  # Twisted
        answered: Deferred[IResponse] = self._wire.http.request(request)
        return answered.addCallback(self._withhold)

    def _withhold(self, response: IResponse) -> IResponse:
        for name in self.WITHHELD:
            self.withheld[name] = list(response.headers.getRawHeaders(name, ()))
            response.headers.removeHeader(name)
        return response
