"""An nginx on loopback that serves a folder, as the test configures it."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import time
from pathlib import Path

from tests.process import free_port

PROGRAM = shutil.which("nginx", path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")

_CONFIG = """
{user}
daemon off;
master_process off;
pid "{directory}/nginx.pid";
error_log "{directory}/error.log" warn;
events {{ worker_connections 128; }}
http {{
    access_log "{directory}/access.log";
    client_body_temp_path "{directory}/body";
    proxy_temp_path "{directory}/proxy";
    fastcgi_temp_path "{directory}/fastcgi";
    uwsgi_temp_path "{directory}/uwsgi";
    scgi_temp_path "{directory}/scgi";
    default_type application/octet-stream;
    sendfile on;
    {http}
    server {{
        listen 127.0.0.1:{port};
        root "{root}";
        {plain}
    }}
    {tls}
}}
"""
_TLS = """
    server {{
        listen 127.0.0.1:{port} ssl;
        root "{root}";
        ssl_certificate "{certificate}";
        ssl_certificate_key "{key}";
        {plain}
    }}
"""


class Nginx:
    """One nginx process.

    ``directory``: for its own files; it may not exist. ``root``: the folder that it serves. ``plain``: directives of
    the server, ``http``: those around it. ``certificate`` and ``key``: PEM files of the port for TLS; without
    them there is none.
    """

    def __init__(
        self,
        directory: Path,
        root: Path,
        *,
        plain: str = "",
        http: str = "",
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.port = free_port()
        self.tls_port = free_port()
        self._directory = directory.absolute()
        self._directory.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None
        tls = ""
        if certificate is not None and key is not None:
            tls = _TLS.format(
                port=self.tls_port,
                root=root.absolute(),
                certificate=certificate.absolute(),
                key=key.absolute(),
                plain=plain,
            )
        self._config = self._directory / "nginx.conf"
        self._config.write_text(
            _CONFIG.format(
                user=f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else "",
                directory=self._directory,
                root=root.absolute(),
                port=self.port,
                plain=plain,
                http=http,
                tls=tls,
            )
        )

    def start(self) -> None:
        """Start the process, and wait until it listens."""
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [PROGRAM, "-p", str(self._directory), "-c", str(self._config), "-e", str(self._directory / "error.log")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(500):
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.stop()
        raise AssertionError(f"nginx does not listen: {self.log()}")

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def log(self) -> str:
        """The end of its error log."""
        path = self._directory / "error.log"
        return path.read_text()[-2000:] if path.exists() else "no log"

    def requests(self) -> list[str]:
        """The lines of its access log."""
        path = self._directory / "access.log"
        return path.read_text().splitlines() if path.exists() else []
