"""``make demo``: the lab and one agent on loopback, over TLS with Digest, and an ACS that has the agent do something.

The agent is a process of its own, started by ``twistd`` as anybody would. ``--once`` ends with exit status 0 if the lab
saw all that the script asks for; without it both run until Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import react
from twisted.python.failure import Failure

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.certificates import Certificates, certificates
from cwmpagent.lab.console import Console
from cwmpagent.lab.script import Script, Shortcoming
from cwmpagent.lab.trace import SessionTrace
from cwmpagent.protocol.digest import Credentials

PATIENCE = 60
"""Seconds that the whole script may take."""
DEVICE = "00D09E-Demo-SN0001"
OUR_AGENT = [str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile=", "cwmpagent", "--config"]

_CONFIG = """\
[device]
manufacturer = "Example"
oui = "00D09E"
product_class = "Demo"
serial_number = "SN0001"
provider = "simulated"

[acs]
url = "https://localhost:{port}/"
username = "cpe"
password_file = "acs-password"
ca_file = "{ca}"

[connection_request]
endpoint = "tcp:0:interface=127.0.0.1"
username = "acs"
password_file = "request-password"

[state]
directory = "state"

[parameters]
"Device.ManagementServer.PeriodicInformEnable" = true
"Device.ManagementServer.PeriodicInformInterval" = 30
"""


class AgentProcess(ProcessProtocol):
    """The agent: what it logs is kept, and shown if it comes to an end that nobody asked for."""

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred()
        self.said = b""

    def outReceived(self, data: bytes) -> None:
        """Keep the last of it."""
        self.said = (self.said + data)[-8000:]

    errReceived = outReceived  # Twisted's name

    def processEnded(self, reason: Failure) -> None:
        """It is gone."""
        if reason.check(ProcessDone):  # type: ignore[no-untyped-call]  # Twisted has no types there
            self.ended.callback(None)
        else:
            self.ended.errback(Shortcoming(f"the agent ended: {reason.getErrorMessage()}"))


async def demo(reactor: Any, *, once: bool, agent: Sequence[str]) -> int:
    """Play the script; 0 if the lab saw it all, else 1. Without ``once`` it goes on until it is interrupted."""
    with tempfile.TemporaryDirectory(prefix="cwmpagent-demo-") as name:
        place = Path(name)
        password, request_password = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        made = certificates(place / "certificates")
        lab = LabAcs(
            reactor,
            auth="digest",
            username="cpe",
            password=password,
            connection_request=Credentials("acs", request_password),
        )
        lab.observers.append(_show)
        acs_port = await _listen(reactor, lab, made)
        console = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(Console(lab, reactor).site())  # type: ignore[no-untyped-call]  # Twisted has no types there
        print(f"the lab's ACS is at https://localhost:{acs_port.getHost().port}/, with TLS and Digest")
        print(f"the lab's page is at http://127.0.0.1:{console.getHost().port}/")
        _configure(
            place, port=acs_port.getHost().port, ca=made.ca, password=password, request_password=request_password
        )
        process = AgentProcess()
        command = [*agent, str(place / "agent.toml")]
        transport = reactor.spawnProcess(process, command[0], command, env=os.environ, path=None)
        try:
            status = await _play(reactor, lab, process)
            if status == 0 and not once:
                print("the agent calls every 30 seconds; Ctrl-C ends both", flush=True)
                await process.ended
        finally:
            if not process.ended.called:
                transport.signalProcess("TERM")
                await _ended(process)
            lab.close()
            await acs_port.stopListening()
            await console.stopListening()
    return status


async def _play(reactor: Any, lab: LabAcs, process: AgentProcess) -> int:
    script = Deferred.fromCoroutine(Script(lab, DEVICE, f"demo {secrets.token_hex(4)}", "demo-reboot").play())
    script.addTimeout(PATIENCE, reactor, lambda result, after: Failure(Shortcoming(f"not done within {after} s")))  # type: ignore[no-untyped-call]  # Twisted has no types there
    process.ended.addErrback(_stop_waiting, script)
    try:
        await script
    except Exception as error:
        print(f"FAILED: {error or type(error).__name__}", file=sys.stderr)
        print(process.said.decode("utf-8", "replace"), file=sys.stderr)
        return 1
    print("seen by the lab: bootstrap, the whole device read, a value changed and read back in a later session,")
    print("an object added and used by its number, a reboot reported with its CommandKey", flush=True)
    return 0


async def _ended(process: AgentProcess) -> None:
    try:
        await process.ended
    except Shortcoming as error:
        print(error, file=sys.stderr)


def _stop_waiting(failure: Failure, script: Deferred[None]) -> None:
    script.cancel()
    print(failure.getErrorMessage(), file=sys.stderr)


async def _listen(reactor: Any, lab: LabAcs, made: Certificates) -> Any:
    return reactor.listenSSL(0, lab.site(), made.server_options(), interface="127.0.0.1")


def _configure(place: Path, *, port: int, ca: Path, password: str, request_password: str) -> None:
    for name, text in (
        ("acs-password", password),
        ("request-password", request_password),
        ("agent.toml", _CONFIG.format(port=port, ca=ca)),
    ):
        file = place / name
        file.touch(mode=0o600)
        file.write_text(text)


def _show(trace: SessionTrace) -> None:
    for line in trace.summary():
        print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of ``make demo``."""
    parser = argparse.ArgumentParser(prog="python -m cwmpagent.lab.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end when the script is played, with status 0 or 1")
    parser.add_argument(
        "--agent",
        type=shlex.split,
        default=OUR_AGENT,
        metavar="COMMAND",
        help="another agent: a command that takes the path of a configuration as its last argument",
    )
    options = parser.parse_args(arguments)

    async def run(reactor: Any) -> None:
        raise SystemExit(await demo(reactor, once=options.once, agent=options.agent))

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


if __name__ == "__main__":
    main()
