"""The configuration file: its settings, and the one-line error of each mistake."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.config import MOST_ERRORS, Config, changed_keys, from_settings, load, parse, reader, tables
from cwmpagent.errors import ConfigError
from cwmpagent.logs.output import LEVELS
from tests.skips import CHECKOUT

DEVICE = '[device]\nmanufacturer = "Example"\noui = "00D09E"\nserial_number = "SN0001"\n'
ACS = '[acs]\nurl = "https://acs.example.net:7547/"\n'
SMALLEST = DEVICE + ACS
BASE = Path("/base")
SECRET = "opensesame"


def read(text: str, environ: dict[str, str] | None = None, base: Path = BASE) -> Config:
    return parse(text, base, environ or {})


class SettingsTests(SynchronousTestCase):
    """Settings that a program gives instead of a file."""

    DEVICE: dict[str, object] = {"manufacturer": "Example", "oui": "00D09E", "serial_number": "SN0001"}  # noqa: RUF012
    ACS: dict[str, object] = {"url": "https://acs.example.net:7547/"}  # noqa: RUF012

    def refused(self, **settings: object) -> ConfigError:
        return self.assertRaises(ConfigError, from_settings, settings, BASE, {})

    def test_they_are_the_tables_of_the_file(self) -> None:
        given = {"device": self.DEVICE, "acs": self.ACS, "parameters": {"Device.Time.Enable": True}}
        read_from_file = read(SMALLEST + '[parameters]\n"Device.Time.Enable" = true\n')
        self.assertEqual(from_settings(given, BASE, {}), read_from_file)

    def test_paths_and_tuples_will_do(self) -> None:
        config = from_settings(
            {
                "device": {**self.DEVICE, "model": ("device2", Path("more.toml"))},
                "acs": self.ACS,
                "state": {"directory": Path("state")},
                "connection_request": {"endpoint": ()},
            },
            BASE,
            {},
        )
        self.assertEqual(config.device.model, ("device2", "/base/more.toml"))
        self.assertEqual(config.state.directory, BASE / "state")
        self.assertEqual(config.connection_request.endpoint, ())

    def test_mistakes_name_their_key(self) -> None:
        self.assertEqual(self.refused(device=self.DEVICE, acs={"ulr": "x"}).key, "acs.ulr")
        self.assertEqual(self.refused(device=self.DEVICE).key, "acs.url")
        self.assertIn("device", self.refused(devise=self.DEVICE, acs=self.ACS).reason)
        self.assertEqual(self.refused(device=self.DEVICE, acs="https://acs.example.net/").key, "acs")
        wrong = {**self.ACS, "answer_timeout": object()}
        self.assertEqual(self.refused(device=self.DEVICE, acs=wrong).key, "acs.answer_timeout")


class ParseTests(SynchronousTestCase):
    def refusal(self, text: str, **more: Any) -> ConfigError:
        error = self.assertRaises(ConfigError, read, text, **more)
        self.assertNotIn("\n", str(error))
        self.assertTrue(str(error).isprintable(), str(error))
        self.assertNotIn(SECRET, str(error))
        return error

    def test_the_smallest_file_gets_the_defaults(self) -> None:
        config = read(SMALLEST)
        self.assertEqual(config.device.product_class, "")
        self.assertEqual(
            (config.device.model, config.device.provider, config.device.boot), (("device2",), "linux", "system")
        )
        acs = config.acs
        self.assertEqual((acs.connect_timeout, acs.answer_timeout, acs.rpc_timeout), (15, 30, 20))
        self.assertTrue(acs.lenient)
        self.assertEqual((acs.ca_file, acs.client_certificate, acs.client_key), (None, None, None))
        self.assertEqual(config.connection_request.endpoint, ("tcp:7547",))
        self.assertEqual(config.connection_request.algorithms, ("MD5",))
        self.assertFalse(config.connection_request.kick)
        self.assertTrue(read(SMALLEST + "[connection_request]\nkick = true\n").connection_request.kick)
        self.assertEqual(config.state.directory, Path("/var/lib/cwmpagent"))
        self.assertEqual((config.log.level, config.log.format, config.log.envelopes), ("info", "text", False))
        self.assertEqual((config.hooks.reboot, config.hooks.factory_reset), ((), ()))
        self.assertEqual((config.hooks.install, config.hooks.installed, config.hooks.install_timeout), ((), (), 600))
        self.assertEqual(dict(config.parameters), {})

    def test_a_simulated_device_boots_with_its_process(self) -> None:
        self.assertEqual(read(DEVICE + 'provider = "simulated"\n' + ACS).device.boot, "process")
        self.assertEqual(read(DEVICE + 'provider = "simulated"\nboot = "system"\n' + ACS).device.boot, "system")

    def test_relative_paths_start_at_the_file(self) -> None:
        config = read(
            DEVICE + 'model = "box.toml"\n' + ACS + 'ca_file = "ca.pem"\nclient_certificate = "/c.pem"\n'
            'client_key = "k.pem"\n[state]\ndirectory = "state"\n'
        )
        self.assertEqual(config.device.model, ("/base/box.toml",))
        several = read(DEVICE + 'model = ["../tr-181.xml", "device2", "/mine.toml"]\nprofiles = ["Baseline:3"]\n' + ACS)
        self.assertEqual(several.device.model, ("/base/../tr-181.xml", "device2", "/mine.toml"))
        self.assertEqual(several.device.profiles, ("Baseline:3",))
        self.assertEqual(config.acs.ca_file, BASE / "ca.pem")
        self.assertEqual(config.acs.client_certificate, Path("/c.pem"))
        self.assertEqual(config.acs.client_key, BASE / "k.pem")
        self.assertEqual(config.state.directory, BASE / "state")

    def test_endpoints(self) -> None:
        for written, expected in (
            ('"tcp:0:interface=127.0.0.1"', ("tcp:0:interface=127.0.0.1",)),
            ('["tcp:7547", "tcp6:7547"]', ("tcp:7547", "tcp6:7547")),
            ('""', ()),
            ("[]", ()),
        ):
            with self.subTest(written=written):
                config = read(f"{SMALLEST}[connection_request]\nendpoint = {written}\n")
                self.assertEqual(config.connection_request.endpoint, expected)

    def test_factory_values_become_text(self) -> None:
        config = read(SMALLEST + '[parameters]\n"A.B" = 300\n"A.C" = true\n"A.D" = "x\\ny"\n"A.E" = -1\n')
        self.assertEqual(dict(config.parameters), {"A.B": "300", "A.C": "true", "A.D": "x\ny", "A.E": "-1"})

    def test_mistakes_name_their_key(self) -> None:
        request = SMALLEST + "[connection_request]\n"
        for text, key, hint in (
            (DEVICE, "acs.url", "required"),
            ('[device]\nmanufacturer = ""\n', "device.manufacturer", "empty"),
            (DEVICE.replace("00D09E", "00d09e"), "device.oui", "capitals"),
            (DEVICE.replace("00D09E", "0D09E"), "device.oui", "six"),
            (DEVICE.replace('"SN0001"', "1"), "device.serial_number", "quotes"),
            (DEVICE.replace("SN0001", "S" * 65), "device.serial_number", "at most 64"),
            (DEVICE.replace("SN0001", "S\\u0007"), "device.serial_number", "control"),
            (DEVICE + "product_class = 1", "device.product_class", "string"),
            (DEVICE + 'model = ["a", 1]', "device.model", "list of strings"),
            (DEVICE + "model = []", "device.model", "empty"),
            (DEVICE + 'profiles = "Baseline:3"', "device.profiles", "list of strings"),
            (DEVICE + 'model = ""', "device.model", "empty"),
            (DEVICE + 'provider = "windows"', "device.provider", "linux, simulated"),
            (DEVICE + 'boot = "always"', "device.boot", "system, process"),
            (DEVICE + 'serial = "x"', "device.serial", "serial_number"),
            (DEVICE + "[acs]\nurl = 5", "acs.url", "string"),
            (SMALLEST + 'pasword = "x"', "acs.pasword", "did you mean password?"),
            (SMALLEST + "username = false", "acs.username", "string"),
            (SMALLEST + 'password = ["x"]', "acs.password", "string"),
            (SMALLEST + 'connect_timeout = "15"', "acs.connect_timeout", "number"),
            (SMALLEST + "connect_timeout = 0", "acs.connect_timeout", "more than 0"),
            (SMALLEST + "answer_timeout = 601", "acs.answer_timeout", "at most 600"),
            (SMALLEST + "answer_timeout = nan", "acs.answer_timeout", "more than 0"),
            (SMALLEST + "rpc_timeout = true", "acs.rpc_timeout", "number"),
            (SMALLEST + 'lenient = "yes"', "acs.lenient", "true or false"),
            (SMALLEST + 'client_certificate = "c.pem"', "acs.client_key", "client_certificate"),
            (SMALLEST + 'client_key = "k.pem"', "acs.client_certificate", "client_key"),
            (request + 'endpoint = "tpc:7547"', "connection_request.endpoint", "tpc"),
            (request + 'endpoint = "tcp:http"', "connection_request.endpoint", "tcp:http"),
            (request + 'endpoint = "tcp:65536"', "connection_request.endpoint", "65535"),
            (request + 'endpoint = ["tcp:1", 2]', "connection_request.endpoint", "list of strings"),
            (request + 'endpoint = ["tcp:1", ""]', "connection_request.endpoint", "empty"),
            (request + "endpoint = 7547", "connection_request.endpoint", "a string, or a list of strings"),
            (request + 'url = "acs"', "connection_request.url", "http://"),
            (request + 'algorithms = ["md5"]', "connection_request.algorithms", "MD5, SHA-256"),
            (request + "kick = 1", "connection_request.kick", "true or false"),
            (request + "algorithms = []", "connection_request.algorithms", "at least one"),
            (request + 'algorithms = ["MD5", "MD5"]', "connection_request.algorithms", "only once"),
            (request + "udp_port = 65536", "connection_request.udp_port", "from -1 to 65535"),
            (request + 'udp_port = "7547"', "connection_request.udp_port", "whole number"),
            (request + "udp_port = true", "connection_request.udp_port", "whole number"),
            (request + 'udp_interface = "eth0"', "connection_request.udp_interface", "IP address"),
            (request + 'stun_integrity = "none"', "connection_request.stun_integrity", "rfc3489, rfc5389"),
            (request + 'stun_username = "never"', "connection_request.stun_username", "asked, always"),
            (SMALLEST + "[state]\ndirectory = 1", "state.directory", "string"),
            (SMALLEST + '[log]\nlevel = "loud"', "log.level", "debug, info"),
            (SMALLEST + '[log]\nformat = "xml"', "log.format", "text, json"),
            (SMALLEST + "[log]\nenvelopes = 1", "log.envelopes", "true or false"),
            (SMALLEST + '[hooks]\nreboot = "/sbin/reboot"', "hooks.reboot", "list"),
            (SMALLEST + '[transfers]\nlog_files = "/var/log/messages"', "transfers.log_files", "list"),
            (SMALLEST + '[hooks]\ninstall = "/sbin/install"', "hooks.install", "list"),
            (SMALLEST + "[hooks]\ninstall_timeout = 0", "hooks.install_timeout", ""),
            (SMALLEST + '[hooks]\ninstal = ["x"]', "hooks.instal", "unknown key"),
            (SMALLEST + '[software]\nuser = "nobody-at-all"', "software.user", "no user nobody-at-all"),
            (SMALLEST + '[state]\ndirectory = "s"\n[software]\ndirectory = "s"', "software.directory", "[state]"),
            (SMALLEST + '[software]\ndirectory = "a/../s/b"\n[state]\ndirectory="s"', "software.directory", "[state]"),
            (SMALLEST + "[parameters]\nDevice.Time.Enable = true", "parameters.Device", "quotes"),
            (SMALLEST + '[parameters]\n"Device.Time.Enable" = 1.5', 'parameters."Device.Time.Enable"', "string"),
            (SMALLEST + "[acsx]", "acsx", "did you mean acs?"),
            ('acs = "https://x/"', "acs", "table"),
            ("[[acs]]", "acs", "table"),
            ('"\\u001b[2J" = 1', '"\\x1b[2J"', "unknown table"),
        ):
            with self.subTest(text=text):
                error = self.refusal(text)
                self.assertEqual(error.key, key)
                self.assertIn(hint, error.reason)

    def test_all_mistakes_are_found_at_once(self) -> None:
        error = self.refusal(
            """
            [devise]
            [device]
            oui = "x"
            serial_number = 5
            model = ""
            [acs]
            url = "ftp://x/"
            client_certificate = "c.pem"
            connect_timeout = 0
            pasword = "x"
            [connection_request]
            endpoint = "tpc:1"
            udp_port = 99999
            [log]
            level = "loud"
            [parameters]
            "A.B" = 1.5
            "A.C" = []
            """
        )
        self.assertEqual(
            [found.key for found in (error, *error.more)],
            [
                "devise",
                "device.oui",
                "device.model",
                "device.serial_number",
                "acs.pasword",
                "acs.client_key",
                "acs.url",
                "acs.connect_timeout",
                "connection_request.endpoint",
                "connection_request.udp_port",
                "log.level",
                'parameters."A.B"',
                'parameters."A.C"',
            ],
        )

    def test_the_number_of_mistakes_is_bounded(self) -> None:
        many = "\n".join(f'"A.B{number}" = 1.5' for number in range(1000))
        self.assertEqual(len(self.refusal(f"{SMALLEST}[parameters]\n{many}").more), MOST_ERRORS - 1)
        unknown = "\n".join(f"key{number} = 1" for number in range(1000))
        self.assertEqual(len(self.refusal(f"{SMALLEST}{unknown}").more), MOST_ERRORS - 1)

    def test_names_are_suggested_by_likeness(self) -> None:
        for wrong, meant in (
            ("[conreq]", "connection_request"),
            ("[conn-req]", "connection_request"),
            ("[ConnectionRequest]", "connection_request"),
            ("[connection]", "connection_request"),
            ("[parameter]", "parameters"),
            ("[params]", "parameters"),
            ("[ACS]", "acs"),
            ("[hook]", "hooks"),
            ("[dev]", "device"),
        ):
            self.assertIn(f"did you mean {meant}?", self.refusal(f"{SMALLEST}{wrong}").reason, wrong)
        for wrong in ("[zzz]", "[x]", "[tls]", "[c]"):
            self.assertIn("known here: acs, connection_request", self.refusal(f"{SMALLEST}{wrong}").reason, wrong)

    def test_hooks_that_cannot_be_executed(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        script = directory.absolute() / "reset"
        script.write_text("#!/bin/sh\n")
        hooks = f'{SMALLEST}[hooks]\nreboot = ["no-such-program"]\nfactory_reset = ["{script}", "now"]'
        reboot, reset = read(hooks).warnings
        self.assertIn("hooks.reboot: the program no-such-program does not exist in ", reboot)
        self.assertIn(f"hooks.factory_reset: the program {script} is not executable", reset)
        error = self.refusal(hooks.replace("[hooks]", "[log]\nlevel = 3\n[hooks]"))
        self.assertEqual(
            [each.key for each in (error, *error.more)], ["log.level", "hooks.reboot", "hooks.factory_reset"]
        )
        script.chmod(0o755)
        self.assertEqual(read(hooks.replace("no-such-program", "sh")).warnings, ())

    def test_urls(self) -> None:
        for url in (
            "http://a/",
            "https://[::1]:7547/acs?x=1",
            "http://10.0.0.1:80",
            "http://[fe80::1%25eth0]:7547/",
            "http://[fe80::1%eth0]/",
        ):
            with self.subTest(url=url):
                self.assertEqual(read(f'{DEVICE}[acs]\nurl = "{url}"\n').acs.url, url)
        for url in (
            "",
            "acs.example.net",
            "ftp://a/",
            "https://",
            "https://:7547/",
            "https://a:0/",
            "https://a:65536/",
            "https://a:b/",
            "https://[::1/",
            "https://a/ b",
            "https://a/#b",
            "https://ä/",
            f"https://user:{SECRET}@a/",
            f"https://user:{SECRET}@a:x/",
            "https://a/" + "x" * 250,
            "http://[fe80::1]/",
            "http://[fe80::1%25]/",
            "http://[fe80::1%25a%2Fb]/",
            "http://[2001:db8::1%25eth0]/",
        ):
            with self.subTest(url=url):
                self.assertEqual(self.refusal(f'{DEVICE}[acs]\nurl = "{url}"\n').key, "acs.url")

    def test_zones_of_urls(self) -> None:
        """The ACS URL needs the zone of a link-local address, and a URL for the ACS must not have one."""
        self.assertIn(
            "add the interface, as in http://[fe80::1%25eth0]:7547/",
            self.refusal(f'{DEVICE}[acs]\nurl = "http://[fe80::1]/"\n').reason,
        )
        text = f'{SMALLEST}[connection_request]\nurl = "http://[fe80::1{{}}]:7547/"\n'
        self.assertEqual(read(text.format("")).connection_request.url, "http://[fe80::1]:7547/")
        error = self.refusal(text.format("%25eth0"))
        self.assertEqual(error.key, "connection_request.url")
        self.assertIn("must not have an IPv6 zone", error.reason)

    def test_what_is_no_toml_is_told_with_its_line(self) -> None:
        error = self.refusal("[acs]\nurl = = 1\n")
        self.assertIn("line 2", error.reason)
        for text in ("x = " + "[" * 5000, "x = " + "9" * 5000, "[a]\n[a]\n", "\x00"):
            with self.subTest(text=text[:20]):
                self.refusal(text)

    def test_passwords_stay_out_of_the_repr(self) -> None:
        text = f'{SMALLEST}password = "{SECRET}"\n[connection_request]\npassword = "{SECRET}"\n'
        config = read(text + f'[parameters]\n"Device.Users.User.1.Password" = "{SECRET}"\n')
        self.assertEqual(config.acs.password, SECRET)
        self.assertEqual(config.connection_request.password, SECRET)
        self.assertNotIn(SECRET, repr(config))
        self.assertNotIn(SECRET, str(config))

    @settings(deadline=None, max_examples=150)
    @given(
        section=st.sampled_from(["device", "acs", "connection_request", "state", "log", "parameters"]),
        key=st.sampled_from(
            ["oui", "url", "endpoint", "password_file", "rpc_timeout", "algorithms", "reboot", "level"]
        ),
        value=st.one_of(
            st.integers(), st.floats(), st.booleans(), st.text(max_size=20), st.lists(st.text(max_size=5), max_size=3)
        ),
    )
    def test_no_value_of_any_type_raises_anything_else(self, section: str, key: str, value: object) -> None:
        def written(item: object) -> str:
            if isinstance(item, bool):
                return str(item).lower()
            if isinstance(item, str):
                return '"' + "".join(f"\\U{ord(c):08x}" for c in item) + '"'
            if isinstance(item, list):
                return f"[{', '.join(map(written, item))}]"
            return repr(item)

        present = {"device": DEVICE, "acs": ACS}
        present[section] = f"[{section}]\n{key} = {written(value)}\n"
        try:
            read("".join(present.values()))
        except ConfigError as error:
            self.assertTrue(str(error).isprintable())


class PasswordFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()

    def written(self, content: bytes, mode: int = 0o600, name: str = "secret") -> Path:
        path = self.directory / name
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def password(self, more: str = "", environ: dict[str, str] | None = None) -> str:
        return read(f'{SMALLEST}password_file = "secret"\n{more}', environ, self.directory).acs.password

    def refused(self, more: str = "") -> str:
        error = self.assertRaises(ConfigError, self.password, more)
        self.assertEqual(error.key, "acs.password_file")
        self.assertNotIn(SECRET, str(error))
        return str(error)

    def test_its_one_line_is_the_password(self) -> None:
        for content in (SECRET, SECRET + "\n", SECRET + "\r\n"):
            self.written(content.encode())
            self.assertEqual(self.password(), SECRET)

    def test_not_together_with_a_password(self) -> None:
        self.written(SECRET.encode())
        self.assertIn("both", self.refused('password = "x"\n'))

    def test_open_to_all_is_refused(self) -> None:
        for mode in (0o604, 0o602, 0o666):
            self.written(SECRET.encode(), mode)
            self.assertIn("chmod 600", self.refused())
        self.written(SECRET.encode(), 0o640)
        self.assertEqual(self.password(), SECRET)

    def test_not_there(self) -> None:
        self.assertIn("No such file", self.refused())

    def test_not_one_line(self) -> None:
        for content in (b"", b"\n", b"a\nb\n", b"\xff", b"x" * 257, b"x" * 100_000):
            self.written(content)
            self.refused()

    def test_a_credential_of_systemd_comes_first(self) -> None:
        self.written(b"beside the file")
        credentials = self.directory / "credentials"
        credentials.mkdir()
        self.written(SECRET.encode(), 0o440, "credentials/secret")
        self.assertEqual(self.password(environ={"CREDENTIALS_DIRECTORY": str(credentials)}), SECRET)
        self.assertEqual(self.password(environ={"CREDENTIALS_DIRECTORY": "/nowhere"}), "beside the file")


class LoadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def write(self, content: bytes, mode: int = 0o600) -> None:
        self.path.write_bytes(content)
        self.path.chmod(mode)

    def test_paths_are_absolute_and_start_at_the_file(self) -> None:
        self.write((SMALLEST + 'ca_file = "ca.pem"\n').encode())
        config = load(self.path, {})
        self.assertEqual(config.acs.ca_file, self.path.absolute().parent / "ca.pem")
        self.assertEqual(config.warnings, ())

    def test_a_file_that_cannot_be_read(self) -> None:
        for content in (None, b"\xff\xfe", b"= 1"):
            if content is not None:
                self.write(content)
            error = self.assertRaises(ConfigError, load, self.path, {})
            self.assertEqual(error.key, str(self.path))
            self.assertNotIn("\n", str(error))
        error = self.assertRaises(ConfigError, load, self.path.absolute().parent, {})
        self.assertIn("directory", str(error))

    def test_a_password_that_others_can_read_is_refused_as_in_a_password_file(self) -> None:
        stun = '[parameters]\n"Device.ManagementServer.STUNPassword" = "{SECRET}"\n'
        for mode in (0o604, 0o602, 0o644):
            self.write(f'{SMALLEST}password = "{SECRET}"\n{stun}'.encode(), mode)
            error = self.assertRaises(ConfigError, load, self.path, {})
            lines = list(map(str, (error, *error.more)))
            self.assertEqual(
                [line.partition(": ")[0] for line in lines],
                ["acs.password", 'parameters."Device.ManagementServer.STUNPassword"'],
            )
            for line in lines:
                self.assertIn(f"chmod 600 {self.path}", line)
                self.assertNotIn(SECRET, line)
        self.write(f'{SMALLEST}password = "{SECRET}"\n{stun}'.encode(), 0o640)
        load(self.path, {})
        for harmless in (SMALLEST, SMALLEST + 'password = ""\n'):
            self.write(harmless.encode(), 0o644)
            self.assertEqual(load(self.path, {}).warnings, ())


class TablesTests(SynchronousTestCase):
    """The types for programs have the keys and values of the reader."""

    def test_keys(self) -> None:
        config = read(SMALLEST)
        known = {
            section.name: {
                name for key in fields(getattr(config, section.name)) for name in key.metadata.get("keys", (key.name,))
            }
            for section in fields(config)
            if section.name not in ("parameters", "warnings")
        }
        for table in ("acs", "connection_request"):
            known[table].add("password_file")
        hints = get_type_hints(tables.Tables)
        self.assertEqual(set(hints), {*known, "parameters"})
        for name, keys in known.items():
            self.assertEqual(set(get_type_hints(hints[name])), keys, name)

    def test_choices(self) -> None:
        device, log = get_type_hints(tables.DeviceTable), get_type_hints(tables.LogTable)
        request = get_type_hints(tables.ConnectionRequestTable)
        for hint, values in (
            (device["provider"], reader.PROVIDERS),
            (device["boot"], reader.BOOTS),
            (log["level"], LEVELS),
            (log["format"], reader.FORMATS),
            (request["stun_integrity"], reader.STUN_INTEGRITIES),
            (request["stun_username"], reader.STUN_USERNAMES),
            (get_args(request["algorithms"])[0], reader.ALGORITHMS),
        ):
            self.assertEqual(get_args(hint), values)


class ChangedKeysTests(SynchronousTestCase):
    def test_each_key_with_another_value(self) -> None:
        old = SMALLEST + 'password = "a"\n[log]\nlevel = "info"\n[parameters]\n"A.B" = 1\n"A.C" = 2\n"A.D" = 3\n'
        new = (
            old.replace("SN0001", "SN0002")
            .replace('"a"', '"b"')
            .replace("[log]", '[connection_request]\nstun_username = "always"\n[log]')
            .replace('"A.B" = 1\n', '"A.E" = 1\n')
            .replace("= 2", "= 22")
        )
        self.assertEqual(
            changed_keys(read(old), read(new)),
            [
                "device.serial_number",
                "acs.password",
                "connection_request.stun_username",
                'parameters."A.B"',
                'parameters."A.C"',
                'parameters."A.E"',
            ],
        )
        self.assertEqual(changed_keys(read(old), read(old)), [])


class ExampleTests(SynchronousTestCase):
    """``etc/cwmpagent.toml`` names every key, and the defaults in it are those of the reader."""

    path = CHECKOUT / "etc" / "cwmpagent.toml"

    def uncommented(self) -> str:
        return re.sub(r"(?m)^#(?=[\w\"]+ ?[\w.\"]* = )", "", self.path.read_text(encoding="utf-8"))

    def test_as_it_stands(self) -> None:
        config = load(self.path, {})
        self.assertEqual(config.acs.url, "https://acs.example.net:7547/")

    def test_every_default_it_shows_is_the_default(self) -> None:
        shown = self.uncommented().replace('password = ""\n', "")
        example = re.sub(r'(?m)^"Device.*\n', "", shown)
        self.assertEqual(parse(example, BASE, {}), parse(self.path.read_text(encoding="utf-8"), BASE, {}))
        self.assertIn("Device.ManagementServer.PeriodicInformInterval", parse(shown, BASE, {}).parameters)

    def test_it_shows_every_key_and_no_other(self) -> None:
        tables = tomllib.loads(self.uncommented())
        tables.pop("parameters")
        shown = {(table, key) for table, content in tables.items() for key in content}
        config = load(self.path, {})
        known = {
            (section.name, name)
            for section in fields(config)
            if section.name not in ("parameters", "warnings")
            for key in fields(getattr(config, section.name))
            for name in key.metadata.get("keys", (key.name,))
        }
        known |= {("acs", "password_file"), ("connection_request", "password_file")}
        self.assertEqual(shown, known)
