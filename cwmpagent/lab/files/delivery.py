"""The delivery of a ``FileAnswer`` to one twisted.web request, in bounded memory, with its deliberate defects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IPushProducer, IReactorTime
from zope.interface import implementer

from cwmpagent.lab.files.answer import FileAnswer

TICK = 0.05
"""Seconds between two pieces of a slow body, as long as a piece then has an octet."""


@implementer(IPushProducer)
class Delivery:
    """Writes one answer. ``sent``: octets of the body so far."""

    def __init__(self, request: Any, answer: FileAnswer, clock: IReactorTime) -> None:
        self._request = request  # a twisted.web Request, which has no types
        self._answer = answer
        self._clock = clock
        self._pieces: Iterator[bytes] = iter(())
        self._rest = b""
        self._paused = False
        self._over = False
        self._later: IDelayedCall | None = None
        self.sent = 0

    def start(self) -> Deferred[bool]:
        """Begin; the Deferred fires with whether the whole answer was passed to the connection before that closed."""
        done: Deferred[Any] = self._request.notifyFinish()
        done.addCallbacks(lambda _: True, lambda _: False)
        done.addCallback(self._ended)
        if self._answer.silent:
            self._over = True
            self._close()
            return done
        self._head()
        if self._request.method == b"HEAD" or self._answer.status in (204, 304):
            self._over = True
            self._request.finish()
            return done
        self._pieces = self._answer.pieces()
        self._request.registerProducer(self, True)
        if self._answer.rate:
            self._request.write(b"")  # the headers
            self._tick()
        elif not self._paused:
            self.resumeProducing()
        return done

    def pauseProducing(self) -> None:
        """Stop writing: the client has not taken enough."""
        self._paused = True

    def resumeProducing(self) -> None:
        """Write until the transport says pause; a slow body has its own times."""
        self._paused = False
        while not self._answer.rate and not self._paused and not self._over:
            if not self._write(next(self._pieces, None)):
                self._end()

    def stopProducing(self) -> None:
        """Write nothing more: the client has gone."""
        self._over = True

    def _head(self) -> None:
        answer, request = self._answer, self._request
        request.setResponseCode(answer.status)
        request.responseHeaders.removeHeader(b"Content-Type")
        for name, value in answer.headers:
            request.responseHeaders.addRawHeader(name, value)
        if answer.gzip:
            request.setHeader("Content-Encoding", "gzip")
        elif answer.status not in (204, 304):
            request.setHeader("Content-Length", str(answer.plain_length + answer.declared))
        if answer.declared:
            request.channel.persistent = False

    def _write(self, piece: bytes | None) -> bool:
        """Write one piece; False if the body, or the part of it to be sent, is over."""
        if piece is None:
            return False
        keep = self._answer.keep
        if keep is not None:
            piece = piece[: keep - self.sent]
        self.sent += len(piece)
        self._request.write(piece)
        return keep is None or self.sent < keep

    def _tick(self) -> None:
        self._later = None
        rate = self._answer.rate
        if self._paused:
            self._later = self._clock.callLater(TICK, self._tick)
            return
        size = max(1, int(rate * TICK))
        if not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                self._end()
                return
            self._rest = piece
        now, self._rest = self._rest[:size], self._rest[size:]
        if not self._write(now):
            self._end()
            return
        self._later = self._clock.callLater(len(now) / rate, self._tick)

    def _end(self) -> None:
        self._over = True
        answer, request = self._answer, self._request
        request.unregisterProducer()
        short = answer.file is not None and not answer.gzip and self.sent < answer.length
        if answer.keep is None and not short:
            request.finish()
            return
        self._close()

    def _close(self) -> None:
        if self._answer.reset:
            self._request.channel.transport.abortConnection()
        else:
            self._request.channel.loseConnection()

    def _ended(self, whole: bool) -> bool:
        self._over = True
        if self._later is not None:
            self._later.cancel()
            self._later = None
        if self._answer.file is not None:
            self._answer.file.close()
        return whole
