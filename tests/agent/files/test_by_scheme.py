"""The choice of the client for file servers by the scheme of the URL."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.files.by_scheme import ClientsByScheme
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, Progress


class Client:
    def __init__(self) -> None:
        self.urls: list[str] = []

    async def download(self, file: FileDownload, progress: Callable[[Progress], None]) -> None:
        progress(Progress(1))
        self.urls.append(file.url)

    async def upload(self, file: FileUpload, progress: Callable[[Progress], None]) -> None:
        progress(Progress(2))
        self.urls.append(file.url)


class BySchemeTests(SynchronousTestCase):
    def test_each_has_its_own(self) -> None:
        http, ftp = Client(), Client()
        clients = ClientsByScheme({"http": http, "ftp": ftp})
        told: list[Progress] = []
        for url in ("http://h/f", "FTP://h/f"):
            down = FileDownload(url=url, path="p", most=1, seconds=1)
            self.successResultOf(Deferred.fromCoroutine(clients.download(down, told.append)))
            up = FileUpload(url=url, path="p", seconds=1)
            self.successResultOf(Deferred.fromCoroutine(clients.upload(up, told.append)))
        self.assertEqual((http.urls, ftp.urls), (["http://h/f"] * 2, ["FTP://h/f"] * 2))
        self.assertEqual(told, [Progress(1), Progress(2)] * 2)

    def test_no_client(self) -> None:
        clients = ClientsByScheme({})
        down = FileDownload(url="ftp://h/f", path="p", most=1, seconds=1)
        up = FileUpload(url="ftp://h/f", path="p", seconds=1)
        for transfer, code in (
            (clients.download(down, lambda _: None), 9010),
            (clients.upload(up, lambda _: None), 9011),
        ):
            failure = self.failureResultOf(Deferred.fromCoroutine(transfer), TransferFailure).value
            self.assertEqual((failure.code, failure.permanent), (code, True))
