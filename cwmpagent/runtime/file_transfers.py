"""The adapters of file transfers, built from the configuration: clients, spool, verification, installers, sources."""

from __future__ import annotations

import os
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from twisted.internet.threads import deferToThreadPool

from cwmpagent.agent.facts import Noted, Observer
from cwmpagent.agent.files.by_scheme import ClientsByScheme
from cwmpagent.agent.files.by_type import InstallersByType, SourcesByType, images_of
from cwmpagent.agent.files.configuration_text import LARGEST
from cwmpagent.agent.options import FileOptions, TransferOptions
from cwmpagent.agent.ports import FileClient, FileSource, Installer
from cwmpagent.config import Config
from cwmpagent.device.files.configuration_key import load_key
from cwmpagent.device.files.hook_images import HookImages
from cwmpagent.device.files.hook_installer import HookInstaller
from cwmpagent.device.files.log_source import LogSource
from cwmpagent.device.files.whole_file import read_whole, write_whole
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import FileDownload
from cwmpagent.runtime.network import Host
from cwmpagent.transport.files.ftp.client import FtpFileClient
from cwmpagent.transport.files.http.client import HttpFileClient
from cwmpagent.transport.files.spool import SIGNATURE, Spool
from cwmpagent.transport.files.verification import (
    SIGNATURE_LENGTH,
    read_verify_key,
    verify_checksum,
    verify_signature,
)
from cwmpagent.transport.tls.trust import TlsTrust

SPOOL = "spool"
"""Name of the spool directory in the state directory."""
T = TypeVar("T")
Elsewhere = Callable[[Callable[[], T]], Awaitable[T]]


def build_files(
    config: Config,
    host: Host,
    trust: TlsTrust,
    programs: Callable[[], Sequence[Installer]],
    own_log: Callable[[], Iterable[str]],
    observer: Observer,
    urgent: Callable[[], bool],
) -> FileOptions:
    """The options of transfers.

    ``programs``: the installers that a program has added. ``own_log``: the lines of the agent's log. ``urgent``:
    whether a session is under way, which downloads do not hold up. Raises ConfigError for a key that cannot be used.
    """
    transfers, hooks, reactor = config.transfers, config.hooks, host.reactor
    key = load_key(transfers.config_key) if transfers.config_key is not None else None
    http = HttpFileClient(
        reactor,
        trust,
        cnonce=lambda: secrets.token_hex(16),
        monotonic=host.clock.monotonic,
        connect=config.acs.connect_timeout,
        first_byte=config.acs.answer_timeout,
        urgent=urgent,
    )
    ftp = FtpFileClient(
        reactor,
        trust,
        monotonic=host.clock.monotonic,
        connect=config.acs.connect_timeout,
        answer=config.acs.answer_timeout,
        urgent=urgent,
    )
    client = ClientsByScheme({"http": http, "https": http, "ftp": ftp, "ftps": ftp})
    hook = HookInstaller(
        reactor,
        hooks.install,
        hooks.installed,
        seconds=hooks.install_timeout,
        environ=os.environ,
        log=lambda line: observer(Noted(line)),
    )

    hook_images = HookImages(reactor, hooks.images, os.environ) if hooks.images else None

    def elsewhere(work: Callable[[], T]) -> Awaitable[T]:
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    async def read(path: str) -> bytes:
        data = await elsewhere(lambda: read_whole(path, LARGEST))
        return key.opened(data) if key is not None else data

    async def write(path: str, data: bytes) -> None:
        sealed = key.sealed(data) if key is not None else data
        await elsewhere(lambda: write_whole(path, sealed))

    logs = LogSource(own_log, transfers.log_files, elsewhere)
    spool = Spool(config.state.directory / SPOOL)
    verify = _verification(transfers.verify_key, client, elsewhere)

    def options(installer: Installer, sources: Sequence[FileSource]) -> TransferOptions:
        return TransferOptions(
            client=client,
            installer=InstallersByType(lambda: [*programs(), installer, hook], observer),
            source=SourcesByType(lambda: sources, observer),
            spool=spool,
            verify=verify,
            max_size=transfers.max_size,
            timeout=transfers.timeout,
        )

    return FileOptions(
        client=client,
        verify=verify,
        read=read,
        write=write,
        secrets=key is not None,
        transfers=options,
        images=lambda: images_of(programs(), hook_images),
        logs=logs,
    )


def _verification(
    verify_key: Path | None, client: FileClient, elsewhere: Elsewhere[None]
) -> Callable[[FileDownload, str], Awaitable[None]]:
    """The check of a fetched file: its SHA-256 where the URL has one, and its signature where a key is configured.

    The signature is the file beside it: the path of its URL with ``.sig``. Raises ConfigError for a wrong key.
    """
    key = read_verify_key(str(verify_key)) if verify_key is not None else None

    async def verify(file: FileDownload, sha256: str) -> None:
        if sha256:
            await elsewhere(lambda: verify_checksum(file.path, sha256))
        if key is None:
            return
        path = file.path + SIGNATURE
        address, question, query = file.url.partition("?")
        signature = replace(
            file, url=f"{address}{SIGNATURE}{question}{query}", path=path, validator="", size=0, most=SIGNATURE_LENGTH
        )
        try:
            await client.download(signature, lambda progress: None)
        except TransferFailure as failure:
            reason = f"the signature of the file cannot be fetched: {failure}"
            raise TransferFailure(9019, reason, permanent=failure.permanent) from failure
        await elsewhere(lambda: verify_signature(file.path, read_whole(path, SIGNATURE_LENGTH), key))

    return verify
