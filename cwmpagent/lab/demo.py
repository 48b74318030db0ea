"""``make demo``: the lab and one agent on loopback, over TLS with Digest, and a script of RPCs.

The agent is a process of its own, started by ``twistd``. With ``--once`` the exit status is 0 if the lab recorded
everything that the script requires; without it both run until Ctrl-C.
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

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import ProcessDone
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import react
from twisted.python.failure import Failure

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.lab.certificates import certificates
from cwmpagent.lab.console.resource import Console
from cwmpagent.lab.demo_script import ExpectationError, Script, Step
from cwmpagent.lab.demo_transfers import IMAGE, TransferSteps
from cwmpagent.lab.files import FileServer, FileSettings
from cwmpagent.protocol.auth import Credentials

DEVICE = "00D09E-Demo-SN0001"
TWISTD = [str(Path(sys.executable).with_name("twistd")), "--nodaemon", "--pidfile="]

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
"Device.DeviceInfo.HardwareVersion" = "demo"
"Device.DeviceInfo.SoftwareVersion" = "1.0"
"Device.ManagementServer.PeriodicInformEnable" = true
"Device.ManagementServer.PeriodicInformInterval" = 30
"""

_PROGRAM = """\
\"\"\"The agent of the demonstration: after a firmware image and a restart, its content is the SoftwareVersion.\"\"\"

from pathlib import Path

from twisted.application.service import Application

from cwmpagent import Agent
from cwmpagent.logs import FactLog

agent = Agent({config!r}, observer=FactLog())


@agent.installer("1 Firmware Upgrade Image")
async def install(file, progress):
    await agent.set("Device.DeviceInfo.SoftwareVersion", Path(file.path).read_text().strip())
    return True


application = Application("demo")
agent.setServiceParent(application)
"""


class AgentProcess(ProcessProtocol):
    """The agent's process: the last 8000 bytes of its output, and the problem with which it ended."""

    def __init__(self) -> None:
        self.output = b""
        self.problem: str | None = None
        self._waiting: list[Deferred[str]] = []

    def outReceived(self, data: bytes) -> None:
        """Keep the last 8000 bytes of the output."""
        self.output = (self.output + data)[-8000:]

    errReceived = outReceived  # Twisted calls both names

    def ended(self) -> Deferred[str]:
        """Wait for the end of the process: fires with an empty text, or with the problem."""
        waiter: Deferred[str] = Deferred()
        if self.problem is None:
            self._waiting.append(waiter)
        else:
            waiter.callback(self.problem)
        return waiter

    def processEnded(self, reason: Failure) -> None:
        """Record the end of the process."""
        self.problem = "" if isinstance(reason.value, ProcessDone) else f"the agent ended: {reason.value}"
        for waiting in self._waiting:
            if not waiting.called:
                waiting.callback(self.problem)


async def demo(reactor: Any, *, once: bool, agent: Sequence[str] | None, patience: float) -> int:
    """Run the script; return 0 if it succeeds, else 1. Without ``once``, continue until interrupted.

    ``agent``: the command that starts another agent; None: our own, which also shows a firmware upgrade and an upload.
    ``patience``: the time limit of the whole script, in seconds.
    """
    with tempfile.TemporaryDirectory(prefix="cwmpagent-demo-") as name:
        directory = Path(name)
        password, request_password = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        issued = certificates(directory / "certificates")
        lab = LabAcs(
            reactor,
            auth="digest",
            username="cpe",
            password=password,
            connection_request=Credentials("acs", request_password),
        )
        lab.observers.append(_show)
        acs_port = reactor.listenSSL(0, lab.site(), issued.server_options(), interface="127.0.0.1")
        files = _file_server(reactor, directory / "files", password)
        files_port = reactor.listenSSL(0, files.site(), issued.server_options(), interface="127.0.0.1")
        files_url = f"https://localhost:{files_port.getHost().port}/"
        steps = TransferSteps(lab, files, DEVICE, files_url, "cpe", password)
        further: tuple[Step, ...] = (steps.upgrade, steps.upload) if agent is None else ()
        page = Console(lab, reactor, files=files).site()
        console = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(page)  # type: ignore[no-untyped-call]  # Twisted has no types there
        print(f"the lab's ACS is at https://localhost:{acs_port.getHost().port}/, with TLS and Digest")
        print(f"the lab's page is at http://127.0.0.1:{console.getHost().port}/")
        _configure(
            directory, port=acs_port.getHost().port, ca=issued.ca, password=password, request_password=request_password
        )
        process = AgentProcess()
        ours = [*TWISTD, "--python", str(directory / "agent.py")]
        command = [*agent, str(directory / "agent.toml")] if agent is not None else ours
        transport = reactor.spawnProcess(process, command[0], command, env=os.environ, path=None)
        try:
            status = await _play(reactor, lab, process, patience, further)
            if status == 0 and not once:
                print("the agent sends an Inform every 30 seconds; Ctrl-C ends both", flush=True)
                print(await process.ended(), file=sys.stderr)
                status = 1
        finally:
            if process.problem is None:
                transport.signalProcess("TERM")
                await process.ended()
            lab.close()
            files.close()
            await files_port.stopListening()
            await acs_port.stopListening()
            await console.stopListening()
    return status


async def _play(reactor: Any, lab: LabAcs, process: AgentProcess, patience: float, further: Sequence[Step]) -> int:
    word = f"demo {secrets.token_hex(4)}"
    script = Deferred.fromCoroutine(Script(lab, DEVICE, word, "demo-reboot", further).play())
    late = Failure(ExpectationError(f"not done within {patience:g} s"))  # type: ignore[no-untyped-call]  # as above
    script.addTimeout(patience, reactor, lambda result, after: late)
    process.ended().addCallback(lambda problem: script.cancel())
    try:
        await script
    except CancelledError:
        if process.problem is None:
            raise
        return _failed(process.problem or "the agent ended by itself", process)
    except (ExpectationError, UnreachableError) as error:
        return _failed(str(error), process)
    print("recorded by the lab: bootstrap, the whole device read, a value changed and read back in a later session,")
    print("an object added and used by its number, a reboot reported with its CommandKey", flush=True)
    if further:
        print("a firmware upgrade reported with its CommandKey and the new version, an upload received", flush=True)
    return 0


def _failed(reason: str, process: AgentProcess) -> int:
    print(f"FAILED: {reason}\nThe last output of the agent:", file=sys.stderr)
    print(process.output.decode("utf-8", "replace"), file=sys.stderr)
    return 1


def _file_server(reactor: Any, folder: Path, password: str) -> FileServer:
    """A file server with an image of version 2.0, for the user ``cpe``."""
    folder.mkdir()
    (folder / IMAGE).write_text("2.0\n")
    return FileServer(reactor, FileSettings(folder=folder, auth="digest", username="cpe", password=password))


def _configure(directory: Path, *, port: int, ca: Path, password: str, request_password: str) -> None:
    for name, text in (
        ("acs-password", password),
        ("request-password", request_password),
        ("agent.toml", _CONFIG.format(port=port, ca=ca)),
        ("agent.py", _PROGRAM.format(config=str(directory / "agent.toml"))),
    ):
        file = directory / name
        file.touch(mode=0o600)
        file.write_text(text)


def _show(trace: SessionTrace) -> None:
    for line in trace.summary():
        print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line of ``make demo``."""
    parser = argparse.ArgumentParser(prog="python -m cwmpagent.lab.demo", description=__doc__)
    parser.add_argument("--once", action="store_true", help="end after the script, with status 0 or 1")
    parser.add_argument(
        "--agent",
        type=shlex.split,
        metavar="COMMAND",
        help="another agent: a command whose last argument is the path of a configuration file",
    )
    parser.add_argument(
        "--patience", type=float, default=60, metavar="SECONDS", help="time limit of the whole script (60)"
    )
    options = parser.parse_args(arguments)

    async def run(reactor: Any) -> None:
        playing = Deferred.fromCoroutine(
            demo(reactor, once=options.once, agent=options.agent, patience=options.patience)
        )
        over: Deferred[None] = Deferred()

        def interrupted() -> Deferred[None]:
            playing.cancel()
            return over

        reactor.addSystemEventTrigger("before", "shutdown", interrupted)
        try:
            status = await playing
        except CancelledError:
            status = 0
        finally:
            over.callback(None)
        raise SystemExit(status)

    react(lambda reactor: Deferred.fromCoroutine(run(reactor)))


if __name__ == "__main__":
    main()
