"""A vsftpd server on loopback, with a folder, a certificate and a password of the test."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.task import deferLater

from tests.process import Child, free_port
from tests.transport.certificates import Signed

reactor: Any = global_reactor
PROGRAM = shutil.which("vsftpd") or ""
PASSWORD = "files-secret"

_CONFIG = """
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=YES
local_enable=NO
secure_email_list_enable=YES
email_password_file={place}/passwords
write_enable=YES
anon_root={folder}
anon_upload_enable=YES
anon_other_write_enable=YES
anon_umask=022
secure_chroot_dir={place}/empty
seccomp_sandbox=NO
xferlog_enable=YES
vsftpd_log_file={place}/log
log_ftp_protocol=YES
"""
_TLS = """
ssl_enable=YES
allow_anon_ssl=YES
force_anon_data_ssl=YES
force_anon_logins_ssl=YES
require_ssl_reuse=YES
rsa_cert_file={place}/server.pem
rsa_private_key_file={place}/server.key
"""


class Vsftpd:
    """One vsftpd for the user ``anonymous``, who needs the password, with the file ``fw.bin``.

    With root's rights it serves as the user ``ftp`` of Debian's package, else as this user. ``more``: other lines of
    its configuration.
    """

    def __init__(self, content: bytes, certificate: Signed | None = None, *more: str) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="vsftpd"))
        self.place.chmod(0o755)
        self.folder = self.place / "served"
        self.port = free_port()
        (self.place / "empty").mkdir(mode=0o755)
        self.folder.mkdir(mode=0o755)
        (self.folder / "up").mkdir()
        (self.folder / "up").chmod(0o777)
        (self.folder / "fw.bin").write_bytes(content)
        (self.folder / "fw.bin").chmod(0o644)
        (self.place / "passwords").write_text(f"{PASSWORD}\n")
        text = _CONFIG
        if certificate is not None:
            text += _TLS
            (self.place / "server.pem").write_bytes(certificate.pem)
            (self.place / "server.key").write_bytes(certificate.key)
            (self.place / "server.key").chmod(0o600)
        user = "ftp_username=ftp" if os.geteuid() == 0 else "run_as_launching_user=YES"
        lines = text.format(place=self.place, folder=self.folder, port=self.port) + "\n".join([user, *more, ""])
        (self.place / "vsftpd.conf").write_text(lines)
        self._child: Child | None = None

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        self._child = Child.start(reactor, [PROGRAM, str(self.place / "vsftpd.conf")])
        for _ in range(1000):
            if self._child.ended.called:
                break
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            await deferLater(reactor, 0.02, lambda: None)
        raise AssertionError(f"vsftpd does not listen: {self._child.out}{self._child.err}")

    async def stop(self) -> None:
        """End the process, and remove its folder."""
        if self._child is not None:
            self._child.signal("TERM")
            if not self._child.ended.called:
                await self._child.ended
        shutil.rmtree(self.place)

    def log(self) -> str:
        """What it has logged."""
        path = self.place / "log"
        return path.read_text() if path.exists() else ""
