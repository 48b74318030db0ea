"""Tests of ``twistd cwmplab``: its options, its servers and its errors."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import treq
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import ProcessProtocol
from twisted.internet.task import deferLater
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase, TestCase
from twisted.web.client import Agent, HTTPConnectionPool

from cwmpagent.errors import ConfigError
from cwmpagent.lab.acs.connection_request.xmpp import XmppAccount
from cwmpagent.lab.files import FileSettings
from cwmpagent.lab.network.nat import NatWeather
from cwmpagent.lab.network.nat_kind import NatKind
from cwmpagent.lab.service import LabService, LabSettings
from cwmpagent.lab.tap import Options, makeService
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.stun.message import MessageType, StunMessage, decode, encode

ROOT = Path(__file__).parents[2]
FREE = "tcp:0:interface=127.0.0.1"
UDP = "udp:0:interface=127.0.0.1"


class SettingsCase(SynchronousTestCase):
    def options(self, *arguments: str) -> Options:
        options = Options()
        options.parseOptions(list(arguments))
        return options

    def settings(self, *arguments: str) -> LabSettings:
        return self.options(*arguments).settings()

    def password(self, text: str = "secret\n", mode: int = 0o600) -> str:
        path = Path(self.mktemp())
        path.touch(mode)
        path.chmod(mode)
        path.write_text(text)
        return str(path)

    def refused(self, *arguments: str) -> str:
        line = str(self.assertRaises(ConfigError, self.settings, *arguments))
        self.assertNotIn("\n", line)
        exiting = self.assertRaises(SystemExit, makeService, self.options(*arguments))
        self.assertEqual(exiting.code, f"cwmplab: {line}")
        return line


class Settings(SettingsCase):
    def test_defaults(self) -> None:
        self.assertEqual(self.settings(), LabSettings(directory=Path("cwmplab")))
        for endpoint in (*LabSettings(directory=Path()).acs, *LabSettings(directory=Path()).acs_tls):
            self.assertIn("interface=127.0.0.1", endpoint)

    def test_everything(self) -> None:
        file = self.password("pass word\nsecond line\n")
        given = self.settings(
            *("--acs", "tcp:1", "--acs", "tcp:2", "--acs-tls", "none", "--console", "none"),
            *("--directory", "d", "--auth", "basic", "--username", "u", "--password-file", file),
            *("--console-username", "c", "--console-password-file", file, "--console-host", "h"),
            *("--tls-name", "acs.example", "--algorithm", "SHA-256", "--algorithm", "MD5"),
            *("--connection-request-username", "a", "--connection-request-password-file", file),
            *("--stun", "udp:3", "--stun-username", "s", "--stun-password-file", file, "--stun-challenge", "always"),
            *("--stun-response-address", "ignore", "--xmpp-jid", "acs@x.example/lab", "--xmpp-password-file", file),
            *("--nat", "symmetric", "--nat-inside", "udp:4", "--nat-address", "127.0.0.9", "--nat-lifetime", "2.5"),
            *("--nat-loss", "0.1", "--nat-duplicate", "0.2", "--nat-reorder", "0.3", "--nat-seed", "7"),
            *("--xmpp-server", "x:5222", "--xmpp-ca-file", "ca.pem"),
            "--require-client-certificate",
        )
        self.assertEqual(
            given,
            LabSettings(
                directory=Path("d"),
                acs=("tcp:1", "tcp:2"),
                acs_tls=(),
                console="",
                auth="basic",
                username="u",
                password="pass word",
                algorithms=("SHA-256", "MD5"),
                console_username="c",
                console_password="pass word",
                console_hosts=("h",),
                tls_names=("acs.example",),
                require_client_certificate=True,
                connection_request=Credentials("a", "pass word"),
                stun="udp:3",
                stun_challenge="always",
                stun_credentials=Credentials("s", "pass word"),
                stun_response_address="ignore",
                nat=NatKind.SYMMETRIC,
                nat_inside="udp:4",
                nat_address="127.0.0.9",
                nat_lifetime=2.5,
                nat_weather=NatWeather(loss=0.1, duplicate=0.2, reorder=0.3),
                nat_seed=7,
                xmpp=XmppAccount(
                    jid="acs@x.example/lab", password="pass word", server="x:5222", ca_file=Path("ca.pem")
                ),
            ),
        )
        self.assertNotIn("pass word", repr(given))

    def test_files(self) -> None:
        defaults = self.settings("--files", "d").files
        assert defaults is not None
        self.assertEqual(defaults, FileSettings(folder=Path("d"), largest=1_000_000_000))
        self.assertIn("interface=127.0.0.1", defaults.plain)
        self.assertIn("interface=127.0.0.1", defaults.tls)
        given = self.settings(
            *("--files", "d", "--files-port", "tcp:5", "--files-tls-port", "none", "--files-uploads", "u"),
            *("--files-largest", "2.5", "--files-most", "7", "--files-auth", "basic", "--files-user", "f"),
            *("--files-password-file", self.password("pass word")),
        ).files
        self.assertEqual(
            given,
            FileSettings(
                folder=Path("d"),
                uploads=Path("u"),
                largest=2_500_000,
                most=7,
                plain="tcp:5",
                tls="",
                auth="basic",
                username="f",
                password="pass word",
            ),
        )
        self.assertNotIn("pass word", repr(given))
        both = self.settings("--files", "d", "--files-password-file", self.password()).files
        assert both is not None
        self.assertEqual(both.auth, "both")
        self.assertIn("must be one of digest, basic, both, none", self.refused("--files-auth", "x"))
        self.assertIn("needs --files-password-file", self.refused("--files-auth", "both"))
        self.assertIn("from 1 to", self.refused("--files", "d", "--files-most", "0"))
        self.assertIn("from 0.001 to", self.refused("--files", "d", "--files-largest", "x"))
        self.assertIn("--files: /nowhere is not a directory", str(self.wrong("--files", "/nowhere")))

    def test_digest_where_there_is_a_password(self) -> None:
        self.assertEqual(self.settings("--password-file", self.password()).auth, "digest")

    def test_refusals(self) -> None:
        self.assertIn("--auth: must be one of digest, basic, none", self.refused("--auth", "ntlm"))
        self.assertIn("--auth: digest needs --password-file", self.refused("--auth", "digest"))
        self.assertIn("--algorithm: must be one of MD5, SHA-256", self.refused("--algorithm", "SHA-1"))
        self.assertIn("/nowhere cannot be read", self.refused("--password-file", "/nowhere"))
        self.assertIn("chmod 600", self.refused("--password-file", self.password(mode=0o644)))
        self.assertIn("must hold a password", self.refused("--console-password-file", self.password("")))
        self.assertIn("must hold a password", self.refused("--console-password-file", self.password("\nx")))
        self.assertIn("goes with", self.refused("--connection-request-username", "u"))
        self.assertIn("--stun: 'tcp:3478' is not udp:PORT", str(self.wrong("--stun", "tcp:3478")))
        self.assertIn("--stun: 'udp:99999' is not udp:PORT", str(self.wrong("--stun", "udp:99999")))
        wrong = str(self.wrong("--stun", "udp:0:interface=999.1.1.1"))
        self.assertIn("--stun: 'udp:0:interface=999.1.1.1': '999.1.1.1' is not an IP address", wrong)
        self.assertIn("must be one of never, changes, always", self.refused("--stun-challenge", "now"))
        self.assertIn("always needs --stun-password-file", self.refused("--stun-challenge", "always"))
        self.assertIn("--nat: must be one of full-cone, ", self.refused("--nat", "cone"))
        for option, words in (
            ("lifetime", "from 0.1 to 86400"),
            ("loss", "from 0 to 1"),
            ("seed", "must be a whole number"),
        ):
            for wrong in ("-1", "x", "nan", "1.5e9"):
                self.assertIn(words, self.refused(f"--nat-{option}", wrong))
        self.assertIn("--stun must not be none", str(self.wrong("--nat", "symmetric", "--stun", "none")))
        jid = ("--xmpp-jid", "acs@x.example", "--xmpp-password-file", self.password())
        self.assertIn("goes with --xmpp-password-file", self.refused("--xmpp-jid", "acs@x.example"))
        self.assertIn("--xmpp-jid: 'x' is not a Jabber ID", self.refused("--xmpp-jid", "x", *jid[2:]))
        self.assertIn("--xmpp-server: 'x' is not HOST:PORT", self.refused(*jid, "--xmpp-server", "x"))
        self.assertIn("--xmpp-ca-file: ", str(self.wrong(*jid, "--xmpp-ca-file", "/nowhere")))
        self.assertIn("must be one of honour, ignore, refuse", self.refused("--stun-response-address", "yes"))
        binary = self.password()
        Path(binary).write_bytes(b"\xff\xfe")
        self.assertIn("not UTF-8", self.refused("--password-file", binary))

    def wrong(self, *arguments: str) -> object:
        """The error line of settings that only the service refuses."""
        return self.assertRaises(SystemExit, makeService, self.options(*arguments)).code

    def test_unknown_option(self) -> None:
        self.assertRaises(UsageError, self.options, "--nonsense")

    def test_help(self) -> None:
        told = str(self.options())
        for word in ("--acs=", "--acs-tls=", "--console=", "--password-file=", "--require-client-certificate"):
            self.assertIn(word, told)


class Ports(TestCase):
    def service(self, **settings: Any) -> LabService:
        given = {
            "directory": Path(self.mktemp()),
            "acs": (FREE,),
            "acs_tls": (FREE,),
            "console": FREE,
            "stun": UDP,
        } | settings
        service = LabService(reactor, LabSettings(**given))
        self.addCleanup(service.stopService)
        return service

    async def get(self, url: str) -> int:
        agent = Agent(reactor, pool=HTTPConnectionPool(reactor, persistent=False))
        response = await treq.get(url, agent=agent)
        await response.content()
        return int(response.code)

    async def refused(self, key: str, *words: str, **settings: Any) -> None:
        service = self.service(**settings)
        with self.assertRaises(ConfigError) as caught:
            await service.bind()
        self.assertEqual(caught.exception.key, key)
        for word in words:
            self.assertIn(word, str(caught.exception))
        self.assertEqual(service.urls, ())

    async def test_all(self) -> None:
        service = self.service()
        await service.bind()
        self.assertEqual([key for key, _ in service.urls], ["--acs", "--acs-tls", "--console", "--stun"])
        self.assertRegex(service.url("--acs"), r"^http://127\.0\.0\.1:\d+/$")
        self.assertRegex(service.url("--acs-tls"), r"^https://127\.0\.0\.1:\d+/$")
        self.assertEqual(await self.get(service.url("--console")), 200)
        self.assertEqual(await self.get(service.url("--acs")), 405)
        assert service.certificates
        self.assertTrue(service.certificates.ca.exists())

    async def test_a_nat_before_the_stun_server(self) -> None:
        service = self.service(nat=NatKind.FULL_CONE, nat_inside=UDP)
        await service.bind()
        found = re.fullmatch(r"stun:127\.0\.0\.1:(\d+)", service.url("--nat"))
        assert found is not None
        with socket.socket(type=socket.SOCK_DGRAM) as ours:
            ours.bind(("127.0.0.1", 0))
            ours.setblocking(False)
            message = StunMessage(
                kind=MessageType.REQUEST, transaction=bytes(16), connection_request_binding=True, username="<script>"
            )
            ours.sendto(encode(message), ("127.0.0.1", int(found[1])))
            answer = None
            while answer is None:
                await deferLater(reactor, 0.02)
                try:
                    answer = decode(ours.recv(2000))
                except BlockingIOError:
                    continue
        assert answer.mapped is not None
        self.assertEqual(answer.mapped.host, "127.1.0.1")
        agent = Agent(reactor, pool=HTTPConnectionPool(reactor, persistent=False))
        console = service.url("--console")
        told = await (await treq.get(console + "nat", agent=agent)).json()
        self.assertEqual((told["kind"], told["mappings"][0]["outside"]), ("full-cone", str(answer.mapped)))
        self.assertEqual(list(told["stand_ins"].values()), [f"127.0.0.1:{found[1]}"])
        page = await (await treq.get(console, agent=agent)).text()
        self.assertIn(f"<code>{answer.mapped}</code>", page)
        self.assertNotIn("<script>", page)
        headers = {"Content-Type": "application/json"}
        told = await (await treq.post(console + "nat/rebind", b"{}", headers=headers, agent=agent)).json()
        self.assertEqual(told["mappings"], [])

    def file_settings(self, **settings: Any) -> FileSettings:
        folder = Path(self.mktemp())
        folder.mkdir()
        (folder / "fw.bin").write_bytes(b"the image")
        return FileSettings(folder=folder, **{"plain": FREE, "tls": FREE} | settings)

    async def test_a_file_server(self) -> None:
        service = self.service(files=self.file_settings())
        await service.bind()
        self.assertRegex(service.url("--files-tls-port"), r"^https://127\.0\.0\.1:\d+/$")
        agent = Agent(reactor, pool=HTTPConnectionPool(reactor, persistent=False))
        files, console = service.url("--files-port"), service.url("--console")
        headers = {"Content-Type": "application/json"}
        fault = b'[{"kind": "status", "status": 500, "path": "/fw.bin"}, {"kind": "slow", "rate": 5, "after": 9}]'
        told = await (await treq.post(console + "files/faults", fault, headers=headers, agent=agent)).json()
        self.assertEqual([(one["kind"], one["left"]) for one in told], [("status", 1), ("slow", 1)])
        self.assertEqual([await self.get(files + "fw.bin") for _ in range(2)], [500, 200])
        self.assertEqual(await self.get(files + "%3Cscript%3E"), 404)
        told = await (await treq.get(console + "files/transfers", agent=agent)).json()
        self.assertEqual([one["status"] for one in told], [404, 200, 500])
        self.assertEqual((told[1]["octets"], told[1]["whole"], told[2]["faults"]), (9, True, ["status"]))
        page = await (await treq.get(console, agent=agent)).text()
        self.assertIn("GET /fw.bin", page)
        self.assertNotIn("<script>", page)
        for wrong in (b'{"kind": "x"}', b'{"kind": "slow", "rate": 0}', b'{"kind": "cut"}', b"[", b'{"kind": 1}'):
            answer = await treq.post(console + "files/faults", wrong, headers=headers, agent=agent)
            self.assertEqual((answer.code, list(await answer.json())), (400, ["error"]))
        self.assertEqual(await (await treq.delete(console + "files/faults", agent=agent)).json(), [])
        self.assertEqual(await (await treq.get(console + "files/faults", agent=agent)).json(), [])
        self.assertEqual(await self.get(console + "files/nothing"), 404)

    async def test_no_file_server(self) -> None:
        service = self.service()
        await service.bind()
        self.assertEqual(await self.get(service.url("--console") + "files/transfers"), 404)

    async def test_a_file_server_beyond_loopback_needs_a_password(self) -> None:
        needs = "--files-password-file"
        await self.refused("--files-port", needs, files=self.file_settings(plain="tcp:0"))
        await self.refused("--files-tls-port", needs, files=self.file_settings(tls="tcp:0"))
        guarded = self.file_settings(plain="tcp:0", auth="both", password="p")
        service = self.service(files=guarded)
        await service.bind()
        self.assertEqual(await self.get(service.url("--files-port") + "fw.bin"), 401)

    async def test_no_nat(self) -> None:
        service = self.service()
        await service.bind()
        self.assertEqual(await self.get(service.url("--console") + "nat"), 404)

    async def test_a_nat_where_somebody_else_is(self) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            busy = f"udp:{taken.getsockname()[1]}:interface=127.0.0.1"
            await self.refused("--nat-inside", "in use", nat=NatKind.FULL_CONE, nat_inside=busy)

    async def test_a_nat_that_nothing_would_come_through(self) -> None:
        nat = {"nat": NatKind.PORT_RESTRICTED, "nat_inside": UDP}
        for address in ("192.0.2.99", "nowhere"):
            await self.refused("--nat-address", address, **nat, nat_address=address)
        await self.refused("--nat-inside", **{**nat, "nat_inside": "udp:0:interface=192.0.2.99"})
        await self.refused("--nat-inside", **{**nat, "nat_inside": "udp:0:interface=1.2"})
        signed = {"stun_challenge": "changes", "stun_credentials": Credentials("s", "r")}
        await self.refused("--nat", "at one IPv4 address", **nat, **signed, stun="udp:0")

    async def test_a_nat_is_no_way_round_the_password(self) -> None:
        everywhere = {"nat": NatKind.PORT_RESTRICTED, "nat_inside": "udp:0:interface=0.0.0.0"}
        await self.refused("--nat-inside", "--stun-password-file", **everywhere)
        signed = {"stun_challenge": "changes", "stun_credentials": Credentials("s", "r")}
        service = self.service(**everywhere, **signed)
        await service.bind()
        self.assertRegex(service.url("--nat"), r"^stun:0\.0\.0\.0:\d+$")

    async def test_stopped(self) -> None:
        service = self.service()
        await service.bind()
        url = service.url("--console")
        await service.stopService()
        self.assertEqual(service.urls, ())
        with self.assertRaises(ConnectionRefusedError):
            await self.get(url)

    async def test_only_what_is_asked_for(self) -> None:
        service = self.service(acs=(), acs_tls=(), console=FREE, stun="")
        await service.bind()
        self.assertEqual([key for key, _ in service.urls], ["--console"])
        self.assertRaises(LookupError, service.url, "--acs")
        self.assertIsNone(service.certificates)

    async def test_beyond_loopback_it_needs_a_password(self) -> None:
        open_port = "tcp:0"
        await self.refused("--acs", "tcp:0", "--password-file", acs=(open_port,))
        await self.refused("--acs-tls", "--password-file", acs_tls=(open_port,))
        await self.refused("--console", "--console-password-file", console=open_port)
        await self.refused("--stun", "--stun-password-file", stun="udp:0")
        await self.refused("--acs", acs=("tcp6:0",))
        await self.refused("--console", console=open_port, auth="digest", password="p")

    async def test_beyond_loopback_with_passwords(self) -> None:
        service = self.service(
            acs=("tcp:0",),
            acs_tls=("tcp:0",),
            console="tcp:0",
            auth="digest",
            password="p",
            console_password="q",
            stun="udp:0",
            stun_challenge="changes",
            stun_credentials=Credentials("s", "r"),
        )
        await service.bind()
        self.assertEqual(await self.get(service.url("--console")), 401)

    async def test_a_client_certificate_is_as_good(self) -> None:
        service = self.service(acs_tls=("tcp:0",), require_client_certificate=True)
        await service.bind()
        self.assertRegex(service.url("--acs-tls"), r"^https://127\.0\.0\.1:\d+/$")

    async def test_a_unix_socket_is_local(self) -> None:
        path = Path(self.mktemp()).absolute()
        service = self.service(acs=(f"unix:{path}",))
        await service.bind()
        self.assertTrue(path.is_socket())
        self.assertIn(str(path), service.url("--acs"))

    async def test_endpoints_that_are_none(self) -> None:
        for text in ("8069", "tcp:x", "nonsense:1", "tcp:0:interface=300.0.0.1", "tcp:99999999", ""):
            await self.refused("--acs", acs=(text,))

    async def test_a_busy_port(self) -> None:
        first = self.service()
        await first.bind()
        number = first.url("--acs").rpartition(":")[2].rstrip("/")
        await self.refused("--acs", f"tcp:{number}", "in use", acs=(f"tcp:{number}:interface=127.0.0.1",))

    async def test_a_directory_that_cannot_be(self) -> None:
        path = Path(self.mktemp())
        path.write_text("a file")
        await self.refused("--directory", directory=path)


class _Running(ProcessProtocol):
    def __init__(self) -> None:
        self.said = b""
        self.ended: Deferred[int] = Deferred()

    def outReceived(self, data: bytes) -> None:
        self.said += data

    errReceived = outReceived

    def processEnded(self, reason: Any) -> None:
        self.ended.callback(reason.value.exitCode or reason.value.signal)


class Twistd(TestCase):
    """``twistd cwmplab`` as a process of its own."""

    timeout = 120

    def start(self, *arguments: str, daemon: tuple[str, ...] = ()) -> tuple[_Running, Any]:
        twistd = [str(Path(sys.executable).with_name("twistd")), *(daemon or ("--nodaemon", "--pidfile=")), "cwmplab"]
        directory = str(Path(self.mktemp()).absolute())
        running, spawning = _Running(), reactor
        process = spawning.spawnProcess(
            running,
            twistd[0],
            [*twistd, "--directory", directory, *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self.addCleanup(lambda: None if running.ended.called else process.signalProcess("KILL"))
        return running, process

    async def test_refusal_is_one_line_and_status_1(self) -> None:
        for arguments, words in (
            (["--auth", "digest"], b"cwmplab: --auth: digest needs --password-file"),
            (["--console", "tcp:0", "--acs", FREE, "--acs-tls", "none"], b"cwmplab: --console: tcp:0 can be reached"),
        ):
            running, _ = self.start(*arguments)
            self.assertEqual(await running.ended, 1)
            (line,) = [line for line in running.said.splitlines() if b"cwmplab: " in line]
            self.assertIn(words, line)
            self.assertNotIn(b"Traceback", running.said)

    async def test_a_daemon_that_cannot_listen_lets_its_starter_go(self) -> None:
        place = Path(self.mktemp()).absolute()
        place.mkdir()
        pid_file, log_file = place / "lab.pid", place / "lab.log"
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            busy = f"tcp:{taken.getsockname()[1]}:interface=127.0.0.1"
            files = (f"--pidfile={pid_file}", f"--logfile={log_file}")
            running, _ = self.start(
                *("--acs", busy, "--acs-tls", "none", "--console", FREE, "--stun", "none"), daemon=files
            )
            self.assertEqual(await running.ended, 1)
        self.assertIn(b"--acs: " + busy.encode(), running.said)
        while "in use" not in (log_file.read_text() if log_file.exists() else "") or pid_file.exists():
            await deferLater(reactor, 0.05)

    async def test_it_runs_and_says_where(self) -> None:
        running, process = self.start("--acs", FREE, "--acs-tls", FREE, "--console", FREE, "--stun", UDP)
        while b"ca.pem" not in running.said and not running.ended.called:
            await deferLater(reactor, 0.05)
        process.signalProcess("TERM")
        # twistd ends with the signal that it received.
        self.assertIn(await running.ended, (None, 0, signal.SIGTERM), running.said)
        for word in (
            b"acs http://127.0.0.1:",
            b"acs-tls https://127.0.0.1:",
            b"console http://127.0.0.1:",
            b"stun stun:127",
        ):
            self.assertIn(word, running.said)
        self.assertNotIn(b"Traceback", running.said)
