"""A prosody XMPP server on loopback, with the accounts and certificates of the test."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater

from tests.transport.certificates import Signed

reactor: Any = global_reactor
PROGRAM = shutil.which("prosody")

_CONFIG = """
run_as_root = true
daemonize = false
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
certificates = "{directory}"
plugin_paths = {{}}
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "ping" }}
modules_disabled = {{ "s2s", "offline"{no_tls} }}
allow_registration = false
c2s_require_encryption = {encryption}
allow_unencrypted_plain_auth = {plain}
authentication = "internal_hashed"
password_hash = "{hash}"
disable_sasl_mechanisms = {{ {without} }}
storage = "internal"
interfaces = {{ "127.0.0.1" }}
local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ }}
legacy_ssl_ports = {{ }}
s2s_ports = {{ }}
s2s_direct_tls_ports = {{ }}
component_ports = {{ }}
http_ports = {{ }}
https_ports = {{ }}
log = {{ info = "{directory}/prosody.log" }}
VirtualHost "{domain}"
{tls}
"""


def free_port() -> int:
    """A free TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


class Prosody(ProcessProtocol):
    """One prosody process, which can be killed and started again. ``certificate``: None is a server without TLS."""

    def __init__(
        self,
        directory: Path,
        domain: str,
        certificate: Signed | None,
        *,
        hash: str = "SHA-256",
        without: tuple[str, ...] = (),
        plain: bool = False,
        requires_tls: bool = True,
    ) -> None:
        self.directory = directory
        self.domain = domain
        self.port = free_port()
        self.config = directory / "prosody.cfg.lua"
        self._ended: Deferred[None] | None = None
        (directory / "data").mkdir(parents=True)
        tls = ""
        if certificate is not None:
            (directory / "server.pem").write_bytes(certificate.pem)
            (directory / "server.key").write_bytes(certificate.key)
            (directory / "server.key").chmod(0o600)
            tls = f'ssl = {{ certificate = "{directory}/server.pem"; key = "{directory}/server.key" }}'
        self.config.write_text(
            _CONFIG.format(
                directory=directory,
                domain=domain,
                port=self.port,
                tls=tls,
                no_tls="" if certificate is not None else ', "tls"',
                hash=hash,
                without=", ".join(f'"{name}"' for name in without),
                encryption="true" if certificate is not None and requires_tls else "false",
                plain="true" if plain else "false",
            )
        )

    def register(self, username: str, password: str) -> None:
        """Create an account, or change its password."""
        subprocess.run(
            ["prosodyctl", "--config", str(self.config), "register", username, self.domain, password],
            check=True,
            capture_output=True,
            timeout=60,
        )

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        assert PROGRAM is not None
        self._ended = Deferred()
        arguments = [PROGRAM, "-F", "--config", str(self.config)]
        reactor.spawnProcess(self, PROGRAM, arguments, env=dict(os.environ), childFDs={0: "w", 1: "r", 2: "r"})
        for _ in range(1000):
            if self._ended is None:
                break
            with socket.socket() as probe:
                probe.settimeout(1)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            await deferLater(reactor, 0.02, lambda: None)
        raise AssertionError(f"prosody does not listen: {self.log()}")

    async def kill(self, number: int = signal.SIGKILL) -> None:
        """Kill the process and wait for its end."""
        if self._ended is not None and self.transport is not None:
            ended = self._ended
            os.kill(self.transport.pid, number)
            await ended

    def log(self) -> str:
        """The end of its log file."""
        path = self.directory / "prosody.log"
        return path.read_text()[-2000:] if path.exists() else "no log"

    def processEnded(self, reason: Any) -> None:
        assert reason.check(ProcessDone, ProcessTerminated)
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.callback(None)
