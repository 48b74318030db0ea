"""The file server of the lab: its settings, and its parts put together."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from twisted.internet.interfaces import IReactorTime
from twisted.web.resource import IResource
from twisted.web.server import Site

from cwmpagent.errors import ConfigError
from cwmpagent.lab.files.access import FileAccess, FilesAuth
from cwmpagent.lab.files.faults import FileFaults
from cwmpagent.lab.files.records import FileTransfers
from cwmpagent.lab.files.resource import UPLOADS, FileResource
from cwmpagent.lab.files.site import FileSite
from cwmpagent.lab.files.uploads import Uploads
from cwmpagent.protocol.auth import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSettings:
    """Settings of the file server: its files, and the clients that may have them.

    ``folder``: the files. ``uploads``: where uploads go; None: ``uploads`` in ``folder``. ``largest``: octets of one
    upload; ``most``: number of uploads in the folder. ``plain`` and ``tls``: Twisted endpoint strings, empty for none.
    """

    folder: Path
    uploads: Path | None = None
    largest: int = 1 << 30
    most: int = 1000
    plain: str = "tcp:8072:interface=127.0.0.1"
    tls: str = "tcp:8073:interface=127.0.0.1"
    auth: FilesAuth = "none"
    username: str = "cpe"
    password: str = field(default="", repr=False)


class FileServer:
    """A web site for ``settings.folder``. ``faults``: on request. ``transfers``: what was served and received.

    Raises ConfigError if a folder cannot be used. ``wall`` returns Unix time, ``monotonic`` seconds.
    """

    def __init__(
        self,
        reactor: IReactorTime,
        settings: FileSettings,
        *,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        token: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        if not settings.folder.is_dir():
            raise ConfigError("--files", f"{settings.folder} is not a directory")
        folder = settings.folder.resolve()
        self.faults = FileFaults()
        self.transfers = FileTransfers()
        uploads = (settings.uploads or folder / UPLOADS).absolute()
        self.uploads = Uploads(uploads, largest=settings.largest, most=settings.most)
        try:
            self.uploads.prepare()
        except OSError as error:
            raise ConfigError("--files-uploads", f"{uploads} cannot be used: {error.strerror}") from error
        self._reactor = reactor
        access = FileAccess(settings.auth, Credentials(settings.username, settings.password), nonce=token)
        self._needs_credentials = access.needs_credentials()
        self._resource = FileResource(
            folder,
            reactor,
            access=access,
            faults=self.faults,
            transfers=self.transfers,
            wall=wall,
            monotonic=monotonic,
        )

    def site(self) -> Site:
        """The protocol factory for a listening port."""
        resource: IResource = self._resource
        return FileSite(
            resource, uploads=self.uploads, needs_credentials=self._needs_credentials, reactor=self._reactor
        )

    def close(self) -> None:
        """Discard the uploads that are half-written."""
        self.uploads.close()
