"""The client for file servers by HTTP and HTTPS: GET into a file, PUT or POST of a file (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Cooperator
from twisted.web.iweb import IResponse

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers import failures
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress
from cwmpagent.transport.files.fetched_file import Reception, check_space, check_total, check_whole, size_of, to_disk
from cwmpagent.transport.files.http.exchange import HttpExchange, abandon
from cwmpagent.transport.files.limits import Silence
from cwmpagent.transport.files.received_body import free_space
from cwmpagent.transport.files.sent_file import SentFile, Told
from cwmpagent.transport.tls.trust import TlsTrust

_RANGE = re.compile(rb"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


class HttpFileClient:
    """Satisfies the port ``FileClient``.

    ``silence``: seconds without an octet after which a transfer is cut. ``connect``, ``first_byte``: as for
    :class:`~cwmpagent.transport.files.http.exchange.HttpExchange`. ``free``: free octets of the file system of a path.
    While ``urgent`` returns True, downloads leave the reactor to others for most of the time.
    """

    def __init__(
        self,
        reactor: Any,
        trust: TlsTrust,
        *,
        cnonce: Callable[[], str],
        monotonic: Callable[[], float],
        connect: float = 15.0,
        first_byte: float = 30.0,
        silence: float = 60.0,
        free: Callable[[str], int] = free_space,
        urgent: Callable[[], bool] = lambda: False,
    ) -> None:
        self._reactor = reactor
        self._trust = trust
        self._cnonce = cnonce
        self._monotonic = monotonic
        self._connect = connect
        self._first_byte = first_byte
        self._silence = silence
        self._free = free
        self._reception = Reception(reactor, monotonic, silence, free, urgent)

    async def download(self, file: FileDownload, progress: Callable[[Progress], None]) -> None:
        """Fetch ``file``; it is on the disk when this returns. Raises TransferFailure.

        It continues behind the octets that ``file.path`` has, where ``file.validator`` still holds (RFC 9110 13.1.5);
        a server that knows no If-Range may send the end of another file, which is not taken.
        """
        exchange = self._exchange(file.url, file.username, file.password)
        try:
            await self._fetch(exchange, file, progress)
        finally:
            exchange.abort()  # a server need not take part in the end of TLS

    async def _fetch(self, exchange: HttpExchange, file: FileDownload, progress: Callable[[Progress], None]) -> None:
        begun = size_of(file.path) if file.validator else 0
        headers = {"Range": f"bytes={begun}-", "If-Range": file.validator} if begun else {}
        response = await exchange.request("GET", headers)
        if begun and (response.code == 416 or not _continues(file, response, begun)):
            abandon(response)
            begun = 0
            response = await exchange.request("GET", {})
        try:
            begin = _begin(file, response, begun)
            check_space(file, begin, self._free)
        except TransferFailure:
            abandon(response)
            raise
        progress(begin)
        octets = await self._receive(file, response, begin, progress)
        check_whole(file, begin.total, octets)
        await to_disk(self._reactor, file.path)

    async def upload(self, file: FileUpload, progress: Callable[[Progress], None]) -> None:
        """Send ``file`` by PUT, or by POST to a server that knows no PUT. Raises TransferFailure."""
        exchange = self._exchange(file.url, file.username, file.password, upload=True)
        headers = {"Content-Type": "application/octet-stream"}
        response = await self._send(exchange, "PUT", headers, file, progress)
        if response.code in (405, 501):
            response = await self._send(exchange, "POST", headers, file, progress)
        if not 200 <= response.code < 300:
            raise failures.refused(response.code, upload=True)
        size = size_of(file.path)
        progress(Progress(size, size))

    async def _send(
        self,
        exchange: HttpExchange,
        method: str,
        headers: dict[str, str],
        file: FileUpload,
        progress: Callable[[Progress], None],
    ) -> IResponse:
        """The response to the whole file, its body unread."""
        silence = Silence(self._reactor, self._silence, file.seconds)
        told = Told(progress, self._monotonic, size_of(file.path))

        def body() -> SentFile:
            cooperator = Cooperator(scheduler=lambda turn: self._reactor.callLater(0, turn))
            return SentFile(file.path, cooperator, silence.over, told)

        sending = Deferred.fromCoroutine(exchange.request(method, headers, body))
        silence.begin(lambda reason: sending.cancel())
        try:
            response = await sending
        except CancelledError:
            if silence.reason:
                raise failures.other(silence.reason, upload=True) from None
            raise
        except OSError as error:
            raise failures.other(f"the file cannot be read: {error.strerror}", upload=True) from error
        finally:
            silence.end()
        abandon(response)
        return response

    def _exchange(self, url: str, username: str, password: str, *, upload: bool = False) -> HttpExchange:
        return HttpExchange(
            self._reactor,
            self._trust,
            url,
            username,
            password,
            cnonce=self._cnonce,
            monotonic=self._monotonic,
            connect=self._connect,
            first_byte=self._first_byte,
            upload=upload,
        )

    async def _receive(
        self, file: FileDownload, response: IResponse, begin: Progress, progress: Callable[[Progress], None]
    ) -> int:
        """Receive the body. Returns the octets of the whole file. Raises TransferFailure."""
        try:
            body, silence = self._reception.begin(file, begin, progress)
        except TransferFailure:
            abandon(response)
            raise
        try:
            response.deliverBody(body)  # type: ignore[no-untyped-call]  # no types there
            await body.done
        finally:
            silence.end()
            await body.closed
        return body.octets


def _begin(file: FileDownload, response: IResponse, begun: int) -> Progress:
    """The state at the begin of the body of ``response``, the answer to a request behind ``begun`` octets.

    Raises TransferFailure where the response cannot be the file.
    """
    if response.code not in (200, 206):
        raise failures.refused(response.code)
    encoding = _header(response, b"content-encoding").lower()
    if encoding not in ("", "identity"):
        raise failures.corrupt("the file server sends an encoded file, which was not asked for")
    length = response.length if isinstance(response.length, int) else 0
    total = length
    validator = _validator(response)
    if response.code == 206:
        place = _place(response)
        if not begun or place is None:
            raise failures.other("the file server sends a part of the file, which was not asked for")
        total = int(place[3]) if place[3] != b"*" else begun + length
        validator = validator or file.validator
    else:
        begun = 0
    check_total(file, total)
    return Progress(begun, total, validator)


def _continues(file: FileDownload, response: IResponse, begun: int) -> bool:
    """Whether ``response`` can be used behind ``begun`` octets: unless it is another part, or one of another file."""
    if response.code != 206:
        return True
    place = _place(response)
    return place is not None and int(place[1]) == begun and _validator(response) in ("", file.validator)


def _place(response: IResponse) -> re.Match[bytes] | None:
    """The Content-Range of ``response``: the first and the last octet, and the size of the file or ``*``."""
    return _RANGE.fullmatch(_header(response, b"content-range").encode())


def _validator(response: IResponse) -> str:
    """The strong validator of the file; empty where it has none (RFC 9110 8.8).

    An ETag that is not quoted, as some file servers send it, is no ETag.
    """
    etag = _header(response, b"etag")
    if etag.startswith("W/"):
        return ""
    return etag if etag.startswith('"') else _header(response, b"last-modified")


def _header(response: IResponse, name: bytes) -> str:
    value: bytes = (response.headers.getRawHeaders(name) or [b""])[0]
    return value.decode("latin-1").strip()
