"""The client for file servers by FTP and FTPS: RETR into a file, STOR of a file (RFC 959, 3659, 4217)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Cooperator

from cwmpagent.errors import TooSlowError, TransferFailure
from cwmpagent.protocol.transfers import failures, ftp
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress
from cwmpagent.transport.deadline import within
from cwmpagent.transport.files.fetched_file import Reception, check_space, check_total, check_whole, size_of, to_disk
from cwmpagent.transport.files.ftp.data import FtpData
from cwmpagent.transport.files.ftp.session import FtpNetwork, FtpSession, address_of
from cwmpagent.transport.files.limits import Silence
from cwmpagent.transport.files.received_body import ReceivedBody, free_space
from cwmpagent.transport.files.sent_file import SentFile, Told
from cwmpagent.transport.tls.trust import TlsTrust


class FtpFileClient:
    """Satisfies the port ``FileClient`` for URLs with ``ftp`` and ``ftps``.

    ``silence``: seconds without an octet after which a transfer is cut. ``connect``, ``answer``, ``implicit_port``: as
    for :class:`~cwmpagent.transport.files.ftp.session.FtpNetwork`. ``free``: free octets of the file system of a path.
    While ``urgent`` returns True, downloads leave the reactor to others for most of the time.
    """

    def __init__(
        self,
        reactor: Any,
        trust: TlsTrust,
        *,
        monotonic: Callable[[], float],
        connect: float = 15.0,
        answer: float = 30.0,
        silence: float = 60.0,
        implicit_port: int = 990,
        free: Callable[[str], int] = free_space,
        urgent: Callable[[], bool] = lambda: False,
    ) -> None:
        self._reactor = reactor
        self._monotonic = monotonic
        self._network = FtpNetwork(reactor, trust, monotonic, connect, answer, implicit_port)
        self._silence = silence
        self._free = free
        self._reception = Reception(reactor, monotonic, silence, free, urgent)

    async def download(self, file: FileDownload, progress: Callable[[Progress], None]) -> None:
        """Fetch ``file``; it is on the disk when this returns. Raises TransferFailure.

        It continues behind the octets that ``file.path`` has, where size and time of the file are still those of
        ``file.validator``.
        """
        async with self._session(file) as (session, path):
            begin = await self._before(file, session, path)
            octets = begin.octets
            if begin.octets and begin.octets == begin.total:
                progress(begin)
            else:
                octets = await self._receive(file, session, path, begin, progress)
            check_whole(file, begin.total, octets)
            await to_disk(self._reactor, file.path)

    async def upload(self, file: FileUpload, progress: Callable[[Progress], None]) -> None:
        """Send ``file``. Raises TransferFailure."""
        async with self._session(file) as (session, path):
            try:
                await self._send(file, session, path, progress)
            except OSError as error:
                raise failures.other(f"the file cannot be read: {error.strerror}", upload=True) from error
        size = size_of(file.path)
        progress(Progress(size, size))

    @asynccontextmanager
    async def _session(self, file: FileDownload | FileUpload) -> AsyncIterator[tuple[FtpSession, bytes]]:
        """A session that is ready for the transfer of ``file``, and the path at the server."""
        try:
            address = address_of(file.url, file.username, file.password, self._network.implicit_port)
        except ValueError as error:
            raise failures.other(str(error), upload=isinstance(file, FileUpload), permanent=True) from None
        session = FtpSession(self._network, address)
        polite = False
        try:
            await session.open()
            yield session, address.path
            polite = True
        finally:
            await session.close(polite=polite)

    async def _before(self, file: FileDownload, session: FtpSession, path: bytes) -> Progress:
        """The state when the transfer begins: which octets are kept, and what the server says about the file."""
        size = await session.command("SIZE", path)
        time = await session.command("MDTM", path)
        total = ftp.size_in(size) or 0
        validator = ftp.validator(size, time)
        check_total(file, total)
        begun = size_of(file.path) if validator and validator == file.validator else 0
        begin = Progress(begun if begun <= total else 0, total, validator)
        check_space(file, begin, self._free)
        return begin

    async def _receive(
        self,
        file: FileDownload,
        session: FtpSession,
        path: bytes,
        begin: Progress,
        progress: Callable[[Progress], None],
    ) -> int:
        """Receive the file behind ``begin``. Returns the octets of the whole file."""
        data = await session.open_data(begin.total)
        if begin.octets and (await session.command("REST", b"%d" % begin.octets)).code != 350:
            begin = replace(begin, octets=0)
        await session.begin("RETR", path)
        progress(begin)
        body, silence = self._reception.begin(file, begin, progress)
        concluded = Deferred.fromCoroutine(_conclude(session, body))
        try:
            data.receive(body)
            await body.done
            silence.end()
            await self._confirmed(concluded)
        except TransferFailure:
            _check_trust(data)
            raise
        finally:
            silence.end()
            _drop(concluded)
            await body.closed
        return body.octets

    async def _confirmed(self, concluded: Deferred[None]) -> None:
        late = f"the file server did not confirm the transfer within {self._network.answer:g} s"
        try:
            await within(self._network.answer, concluded, self._reactor, self._monotonic, late)
        except TooSlowError as error:
            raise failures.broken_off(late) from error

    async def _send(
        self, file: FileUpload, session: FtpSession, path: bytes, progress: Callable[[Progress], None]
    ) -> None:
        silence = Silence(self._reactor, self._silence, file.seconds)
        told = Told(progress, self._monotonic, size_of(file.path))
        cooperator = Cooperator(scheduler=lambda turn: self._reactor.callLater(0, turn))
        source = SentFile(file.path, cooperator, silence.over, told)
        try:
            await self._stored(source, silence, session, path)
        finally:
            source.close()

    async def _stored(self, source: SentFile, silence: Silence, session: FtpSession, path: bytes) -> None:
        data = await session.open_data()
        await session.begin("STOR", path)
        concluded = Deferred.fromCoroutine(session.concluded(upload=True))
        sending = Deferred.fromCoroutine(data.send(source))
        unreadable: list[OSError] = []

        def failed(reason: Any) -> None:
            reason.trap(OSError)
            unreadable.append(reason.value)
            concluded.cancel()

        sending.addErrback(failed)
        silence.begin(lambda reason: concluded.cancel())
        try:
            await concluded
        except TransferFailure:
            _check_trust(data)
            raise
        except CancelledError:
            if unreadable:
                raise unreadable[0] from None
            if silence.reason:
                raise failures.other(silence.reason, upload=True) from None
            raise
        finally:
            silence.end()
            whole = sending.called
            await data.abort()
            _drop(sending)
        if not whole:
            raise ftp.broken("the file server ended the transfer before the whole file was sent", upload=True)


async def _conclude(session: FtpSession, body: ReceivedBody) -> None:
    """Wait for the end that the server reports; a failure ends ``body``, too."""
    try:
        await session.concluded()
    except TransferFailure as failure:
        body.fail(failure)
        raise


def _check_trust(data: FtpData) -> None:
    """Raise the failure where the certificate of ``data`` was refused; it says more than the loss of a connection."""
    refused = data.tls.refused if data.tls is not None else None
    if refused is not None:
        raise refused


def _drop(waiting: Deferred[None]) -> None:
    """Cancel ``waiting``, whose result nobody needs."""
    waiting.addErrback(lambda reason: None)
    waiting.cancel()
