"""The web resource of the file server: GET and HEAD of files, PUT and POST of uploads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import stringToDatetime
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from cwmpagent.lab.files.access import FileAccess
from cwmpagent.lab.files.answer import FileAnswer, sentence
from cwmpagent.lab.files.byte_range import UnsatisfiableError, byte_range, has_it, still_the_same
from cwmpagent.lab.files.delivery import Delivery
from cwmpagent.lab.files.faults import Cut, FileFault, FileFaults
from cwmpagent.lab.files.folder import ServedFile, open_file
from cwmpagent.lab.files.names import checked_names
from cwmpagent.lab.files.records import FileTransfer, FileTransfers
from cwmpagent.lab.files.site import FileRequest
from cwmpagent.lab.files.uploads import UploadError
from cwmpagent.protocol.auth import DigestVerdict

UPLOADS = "uploads"
"""The first name of a path that may stand before the name of an upload."""
_METHODS = ("GET", "HEAD", "PUT", "POST")
_SHOWN = 500


class FileResource(Resource):
    """The files below ``folder`` at ``/``. ``wall`` returns Unix time, ``monotonic`` seconds."""

    isLeaf = True
    _log = Logger()

    def __init__(
        self,
        folder: Path,
        reactor: IReactorTime,
        *,
        access: FileAccess,
        faults: FileFaults,
        transfers: FileTransfers,
        wall: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types there
        self._folder = folder
        self._reactor = reactor
        self._access = access
        self._faults = faults
        self._transfers = transfers
        self._wall = wall
        self._monotonic = monotonic

    def render(self, request: FileRequest) -> int:
        """Answer one request."""
        number, started = self._transfers.next_number(), self._wall()
        method, uri = request.method.decode("latin-1"), request.uri.decode("latin-1")
        segments = list(request.postpath or ())
        names = checked_names(segments[:-1] if segments[-1:] == [b""] else segments)
        path = "/" + "/".join(segment.decode("utf-8", "backslashreplace") for segment in segments)
        taken: tuple[FileFault, ...] = ()
        stored = digest = ""
        received = request.received
        answer = self._refused(request, method, uri)
        if answer is None:
            taken = self._faults.take(method, path)
            answer = next(filter(None, (fault.instead(uri) for fault in taken)), None)
        if answer is None and method in ("GET", "HEAD"):
            complete = bool(segments) and segments[-1] != b""
            answer = self._file(request, path, names) if complete else sentence(404, "there is no such file")
        elif answer is None and any(isinstance(fault, Cut) for fault in taken):
            answer = FileAnswer(status=500, silent=True)
        elif answer is None:
            answer, stored, digest = self._upload(request, segments, number)
        request.drop()
        for fault in taken:
            answer = fault.spoil(answer)
        if answer.challenge:
            answer = self._challenged(answer, stale=False)
        delivery = Delivery(request, answer, self._reactor)
        record = FileTransfer(
            number=number,
            started=started,
            method=method[:16],
            path=path[:_SHOWN],
            status=answer.status,
            octets=received,
            whole=False,
            peer=_peer(request),
            range=dict(answer.headers).get("Content-Range", ""),
            sha256=digest,
            stored=stored,
            faults=tuple(fault.KIND for fault in taken),
        )

        def ended(whole: bool) -> None:
            octets = received if method in ("PUT", "POST") else delivery.sent
            self._transfers.add(replace(record, octets=octets, whole=whole))

        delivery.start().addCallback(ended).addErrback(self._failed)
        return NOT_DONE_YET

    def _refused(self, request: FileRequest, method: str, uri: str) -> FileAnswer | None:
        """The answer to a request without the right credentials or with another method."""
        given = request.requestHeaders.getRawHeaders(b"Authorization")
        verdict = self._access.check(given[0] if given else None, method=method, uri=uri, now=self._monotonic())
        if verdict is not DigestVerdict.ACCEPTED:
            return self._challenged(
                sentence(401, "the file server requires a password"), stale=verdict is DigestVerdict.STALE
            )
        if method not in _METHODS:
            return sentence(405, f"the method must be one of {', '.join(_METHODS)}", (("Allow", ", ".join(_METHODS)),))
        if method in ("PUT", "POST") and request.requestHeaders.hasHeader(b"Origin"):
            return sentence(403, "a page of a browser cannot upload")
        return None

    def _challenged(self, answer: FileAnswer, *, stale: bool) -> FileAnswer:
        offers = self._access.challenges(self._monotonic(), stale=stale)
        return replace(answer, headers=(*answer.headers, *(("WWW-Authenticate", offer) for offer in offers)))

    def _file(self, request: FileRequest, path: str, names: Sequence[str] | None) -> FileAnswer:
        try:
            file = open_file(self._folder, names, self._faults.version(path)) if names else None
        except OSError:
            file = None
        if file is None:
            return sentence(404, "there is no such file")
        answer = _content(request, file)
        if answer.file is None:
            file.close()
        return answer

    def _upload(self, request: FileRequest, segments: list[bytes], number: int) -> tuple[FileAnswer, str, str]:
        """The answer to an upload, with its name and SHA-256 if it was kept."""
        if segments[:1] == [UPLOADS.encode()]:
            segments = segments[1:]
        if request.method == b"POST" and segments in ([], [b""]):
            segments = [b"upload-%d" % number]
        names = checked_names(segments)
        if names is None or len(names) != 1:
            return sentence(403, "an upload has one name, without a dot at its beginning"), "", ""
        if request.requestHeaders.hasHeader(b"Content-Range"):
            return sentence(400, "a part of a file cannot be uploaded"), "", ""
        incoming = request.incoming if request.had_body else request.empty()
        if incoming is None:
            return sentence(503, "too many uploads at once"), "", ""
        digest = incoming.sha256
        try:
            new = incoming.keep(names[0])
        except UploadError as error:
            return sentence(error.status, str(error)), "", ""
        return sentence(201 if new else 200, f"{digest} {names[0]}"), names[0], digest

    def _failed(self, failure: Failure) -> None:
        self._log.failure("An answer of the file server cannot be written", failure)


def _content(request: FileRequest, file: ServedFile) -> FileAnswer:
    """The answer with ``file``, a part of it, or without it (304, 416)."""
    headers = (
        ("Accept-Ranges", "bytes"),
        ("ETag", file.etag),
        ("Last-Modified", file.modified),
        ("Content-Type", "application/octet-stream"),
        ("X-Content-Type-Options", "nosniff"),
    )
    if none_match := request.text("If-None-Match"):
        if has_it(none_match, file.etag):
            return FileAnswer(status=304, headers=headers[1:3])
    elif _not_modified(request.text("If-Modified-Since"), file.modified_at + file.version):
        return FileAnswer(status=304, headers=headers[1:3])
    wanted = None
    if request.method == b"GET" and still_the_same(request.text("If-Range"), file.etag, file.modified):
        try:
            wanted = byte_range(request.text("Range"), file.size)
        except UnsatisfiableError:
            return sentence(416, "the range is behind the end", (("Content-Range", f"bytes */{file.size}"),))
    if wanted is None:
        return FileAnswer(headers=headers, file=file, length=file.size)
    part = f"bytes {wanted.first}-{wanted.last}/{file.size}"
    return FileAnswer(
        status=206, headers=(*headers, ("Content-Range", part)), file=file, first=wanted.first, length=wanted.length
    )


def _not_modified(header: str, modified_at: int) -> bool:
    if not header:
        return False
    try:
        since: Any = stringToDatetime(header.encode("latin-1"))  # type: ignore[no-untyped-call]  # no types there
    except Exception:  # it raises whatever its parser raises
        return False
    return since is not None and modified_at <= int(since)


def _peer(request: FileRequest) -> str:
    address: Any = request.getClientAddress()  # type: ignore[no-untyped-call]  # Twisted has no types there
    host = getattr(address, "host", "")
    return f"{host}:{address.port}" if host else ""
