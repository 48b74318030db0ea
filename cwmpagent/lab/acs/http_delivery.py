"""The delivery of an ``HttpAnswer`` to one twisted.web request, with its deliberate defects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from cwmpagent.lab.acs.http_answer import BLOCK, HttpAnswer, blocks, cut


def deliver(request: Any, answer: HttpAnswer, clock: IReactorTime) -> Deferred[bool]:
    """Write ``answer``; the Deferred fires with whether all of it was passed to the connection before that closed."""
    return _Delivery(request, cut(answer), clock).start()


@implementer(IPushProducer)
class _Delivery:
    def __init__(self, request: Any, answer: HttpAnswer, clock: IReactorTime) -> None:
        self._request = request  # a twisted.web Request, which has no types
        self._answer = answer
        self._clock = clock
        self._later: IDelayedCall | None = None
        self._pieces: Iterator[bytes] = iter(())
        self._paused = False

    def start(self) -> Deferred[bool]:
        done: Deferred[Any] = self._request.notifyFinish()
        done.addCallbacks(lambda _: True, self._lost)
        if self._answer.delay > 0:
            self._later = self._clock.callLater(self._answer.delay, self._write)
        else:
            self._write()
        return done

    def _lost(self, _: object) -> bool:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._pieces = iter(())
        return False

    def _write(self) -> None:
        answer, request = self._answer, self._request
        if answer.lost:
            self._break(reset=answer.lost == "reset")
            return
        self._head()
        if request.code in (204, 304):
            request.finish()
            return
        self._pieces = blocks(answer) if answer.keep is None else _first(blocks(answer), answer.keep)
        if answer.drip is not None:
            self._pieces = _sliced(self._pieces, answer.drip[0])
            self._drip()
        elif answer.padding:
            request.registerProducer(self, True)
            if not self._paused:
                self.resumeProducing()
        else:
            for piece in self._pieces:
                request.write(piece)
            self._end()

    def _head(self) -> None:
        answer, request = self._answer, self._request
        request.setResponseCode(answer.status)
        request.responseHeaders.removeHeader(b"Content-Type")
        if answer.http10:
            request.clientproto = b"HTTP/1.0"
        if answer.connection:
            request.setHeader("Connection", answer.connection)
        if answer.http10 or answer.connection.lower() == "close":
            request.channel.persistent = False
        if answer.envelope is not None or answer.body:
            plain = answer.envelope is None and answer.status >= 300
            request.setHeader("Content-Type", "text/plain; charset=utf-8" if plain else 'text/xml; charset="utf-8"')
        if answer.gzip:
            request.setHeader("Content-Encoding", "gzip")
        for name, value in answer.headers:
            request.responseHeaders.addRawHeader(name, value)
        if not answer.chunked and answer.status != 204:
            length = self._length()
            if length is not None:
                request.setHeader("Content-Length", str(length))

    def _length(self) -> int | None:
        """The body's length in bytes; None if it is not known before sending."""
        if not self._answer.gzip:
            return len(self._answer.payload()) + self._answer.padding
        if self._answer.padding:
            return None
        return sum(map(len, blocks(self._answer)))

    def pauseProducing(self) -> None:
        self._paused = True

    def resumeProducing(self) -> None:
        self._paused = False
        while not self._paused:
            piece = next(self._pieces, None)
            if piece is None:
                self._request.unregisterProducer()
                self._end()
                return
            self._request.write(piece)

    def stopProducing(self) -> None:
        self._paused = True
        self._pieces = iter(())

    def _drip(self) -> None:
        assert self._answer.drip is not None
        piece = next(self._pieces, None)
        if piece is None:
            self._end()
            return
        self._request.write(piece)
        self._later = self._clock.callLater(self._answer.drip[1], self._drip)

    def _end(self) -> None:
        if self._answer.keep is None:
            self._request.finish()
        else:
            self._break(reset=False)

    def _break(self, *, reset: bool) -> None:
        if reset:
            self._request.channel.transport.abortConnection()
        else:
            self._request.channel.loseConnection()


def _first(pieces: Iterator[bytes], length: int) -> Iterator[bytes]:
    for piece in pieces:
        if length <= 0:
            return
        yield piece[:length]
        length -= len(piece)


def _sliced(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    size = min(max(size, 1), BLOCK)
    for piece in pieces:
        for start in range(0, len(piece), size):
            yield piece[start : start + size]
