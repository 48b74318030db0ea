"""A scripted CPE for the lab's tests, over a connection in memory or over a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransportWithDisconnection

from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.rpc import DeviceIdStruct, EventStruct, Inform, Message, ParameterValueStruct
from cwmpagent.protocol.soap import CWMP_1_2, Envelope, decode, encode
from cwmpagent.values import Value, ValueType

DEVICE = "00D09E-Gateway-SN0001"


def string(name: str, text: str) -> ParameterValueStruct:
    return ParameterValueStruct(name, Value(ValueType.STRING, text))


def inform(
    *events: str,
    serial: str = "SN0001",
    product_class: str = "Gateway",
    parameters: Mapping[str, str] | None = None,
    retries: int = 0,
) -> Inform:
    told = {"Device.DeviceInfo.SoftwareVersion": "1.0"} if parameters is None else parameters
    return Inform(
        device_id=DeviceIdStruct("Acme", "00D09E", product_class, serial),
        event=tuple(EventStruct(code) for code in events or ("1 BOOT",)),
        max_envelopes=1,
        current_time="2026-01-31T10:00:00Z",
        retry_count=retries,
        parameter_list=tuple(string(name, text) for name, text in told.items()),
    )


@dataclass
class Answer:
    """One HTTP answer, with its envelope if it has one."""

    status: int = 0
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: bytes = b""
    http: str = ""

    @property
    def envelope(self) -> Envelope:
        return decode(self.body)

    @property
    def message(self) -> Message | None:
        return self.envelope.body if self.body else None

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), [""])[0]


def request(
    body: bytes,
    *,
    path: str = "/",
    cookie: str = "",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Encode a correct HTTP request of a CPE; a header with the value "-" is omitted."""
    lines = {"Host": "localhost", "Content-Length": str(len(body))}
    if body:
        lines |= {"Content-Type": 'text/xml; charset="utf-8"', "SOAPAction": ""}
    if cookie:
        lines["Cookie"] = cookie
    for name, value in (headers or {}).items():
        if value == "-":
            lines.pop(name, None)
        else:
            lines[name] = value
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def parsed(data: bytes) -> Answer:
    """Parse the answer in ``data``; a chunked body is joined."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.decode("latin-1").split("\r\n")
    http, status = first.split(" ")[:2]
    headers: dict[str, list[str]] = {}
    for line in rest:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    if headers.get("transfer-encoding") == ["chunked"]:
        body = _dechunked(body)
    return Answer(int(status), headers, body, http)


def _dechunked(data: bytes) -> bytes:
    whole = b""
    while data:
        size, _, data = data.partition(b"\r\n")
        length = int(size or b"0", 16)
        whole, data = whole + data[:length], data[length + 2 :]
    return whole


class Wire:
    """A connection to a site, in memory; an answer is available at once, or there is none."""

    def __init__(self, site: Any) -> None:
        self._site = site
        self.connect()

    def connect(self) -> None:
        """Open a new connection."""
        self.protocol = self._site.buildProtocol(IPv4Address("TCP", "127.0.0.1", 4711))
        self.transport = StringTransportWithDisconnection(peerAddress=IPv4Address("TCP", "127.0.0.1", 4711))
        self.transport.protocol = self.protocol
        self.protocol.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        """Send bytes; return the bytes that the site answers at once."""
        self.transport.clear()
        self.protocol.dataReceived(data)
        return self.transport.value()

    @property
    def closed(self) -> bool:
        return not self.transport.connected


class Cpe:
    """A CPE over a :class:`Wire`: it keeps the cookie, answers Digest and counts IDs."""

    def __init__(self, site: Any, credentials: Credentials | None = None) -> None:
        self.wire = Wire(site)
        self.cookie = ""
        self.namespace = CWMP_1_2
        self.ids = 0
        self.authenticator = Authenticator(credentials, cnonce=lambda: "c", basic_allowed=True) if credentials else None

    def post(self, body: bytes = b"", *, headers: Mapping[str, str] | None = None, path: str = "/") -> Answer:
        """POST these bytes; the status is 0 if there is no answer."""
        for _ in range(3):
            given = dict(headers or {})
            if self.authenticator and (authorization := self.authenticator.authorization("POST", path, body)):
                given["Authorization"] = authorization
            data = self.wire.send(request(body, cookie=self.cookie, headers=given, path=path))
            if not data:
                return Answer()
            answer = parsed(data)
            for cookie in answer.headers.get("set-cookie", []):
                self.cookie = cookie.partition(";")[0]
            if answer.status != 401 or self.authenticator is None:
                return answer
            if not self.authenticator.challenged([each.encode() for each in answer.headers["www-authenticate"]]):
                return answer
        return answer

    def say(self, message: Message, *, id: str | None = None, **more: Any) -> Answer:
        """POST a message: a request with a new ID, or an answer with the ID of its request."""
        if id is None:
            self.ids += 1
            id = f"cpe-{self.ids}"
        return self.post(encode(Envelope(body=message, id=id, namespace=self.namespace, **more)))

    def inform(self, *events: str, **more: Any) -> Answer:
        """Open a session."""
        self.cookie = ""
        return self.say(inform(*events, **more))

    def answer(self, asked: Answer, message: Message) -> Answer:
        """Answer a request of the ACS."""
        return self.say(message, id=asked.envelope.id)

    def session(self, *events: str, **more: Any) -> Answer:
        """Run a session in which the ACS sends no request; return its last answer."""
        self.inform(*events, **more)
        return self.post()


class _Raw(Protocol):
    def __init__(self, data: bytes, done: Deferred[bytes]) -> None:
        self._data = data
        self._done = done
        self.received = b""

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._data)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self._done.callback(self.received)


def raw(reactor: Any, port: int, data: bytes) -> Deferred[bytes]:
    """Send ``data`` over a socket; return all bytes until the other side closes it."""
    done: Deferred[bytes] = Deferred()
    factory = Factory.forProtocol(lambda: _Raw(data, done))
    factory.noisy = False
    from twisted.internet.endpoints import TCP4ClientEndpoint

    connecting = TCP4ClientEndpoint(reactor, "127.0.0.1", port).connect(factory)
    connecting.addErrback(lambda failure: None if done.called else done.errback(failure))
    return done
