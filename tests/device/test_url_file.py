"""The ACS URL from DHCP: the hooks that decode it, and the file that they write."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from unittest.mock import patch

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.device.url_file import UrlFile
from tests.skips import CHECKOUT

HOOKS = CHECKOUT / "etc/dhcp"
URL = "https://acs.example.net:7547/cwmp?x=1&y=%20"


def sub(code: int, value: str) -> bytes:
    return bytes([code, len(value)]) + value.encode()


def vendor(enterprise: int, data: bytes) -> bytes:
    return enterprise.to_bytes(4, "big") + bytes([len(data)]) + data


class HookCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir()
        self.file = self.directory / "acs-url"

    def run_sh(self, *arguments: str, **environment: str) -> None:
        ended = subprocess.run(
            ["/bin/sh", *arguments],
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        self.assertEqual((ended.returncode, ended.stderr, ended.stdout), (0, "", ""))

    def decoded(self, option43: bytes | str = b"", option125: bytes | str = b"") -> str | None:
        """Content of the file after an ACK with these options; ``None`` if the hook wrote none."""
        self.file.unlink(missing_ok=True)
        texts = [each if isinstance(each, str) else each.hex() for each in (option43, option125)]
        self.run_sh(str(HOOKS / "cwmpagent-acs-url"), str(self.file), *texts)
        self.assertEqual([each.name for each in self.directory.iterdir()], ["acs-url"] if self.file.exists() else [])
        return self.file.read_text() if self.file.exists() else None


class DecodingTests(HookCase):
    def test_option_43(self) -> None:
        self.assertEqual(self.decoded(sub(1, URL)), URL + "\n")
        self.assertEqual(self.decoded(sub(2, "code") + sub(1, URL) + sub(3, "5")), URL + "\n")

    def test_option_43_as_a_bare_url(self) -> None:
        self.assertEqual(self.decoded(URL.encode()), URL + "\n")
        self.assertEqual(self.decoded(URL.encode() + b"\0"), URL + "\n")

    def test_pad_and_end_octets_in_option_43(self) -> None:
        url = sub(1, URL)
        for data in (
            b"\0" + url,
            b"\0\0\0" + url + b"\0",
            sub(2, "code") + b"\0\0" + url,
            b"\0" + sub(2, "a\0b") + b"\0" + url + b"\xff",
        ):
            self.assertEqual(self.decoded(data), URL + "\n", data)
        self.assertEqual(self.decoded(b"\0" * 200 + url), URL + "\n")
        for data in (b"\xff" + url, sub(2, "x") + b"\xff" + url, b"\0" * 255):
            self.assertIsNone(self.decoded(data), data)

    def test_option_125(self) -> None:
        data = vendor(9, b"\x01\x02ab") + vendor(3561, sub(1, "001122") + sub(11, URL) + sub(12, "code"))
        self.assertEqual(self.decoded("", data), URL + "\n")
        self.assertEqual(self.decoded(sub(1, "http://other/"), data), URL + "\n")

    def test_as_clients_write_hexadecimal(self) -> None:
        data = sub(1, URL).hex()
        pairs = [data[at : at + 2] for at in range(0, len(data), 2)]
        for text in (data.upper(), ":".join(pairs), " ".join(pairs)):
            self.assertEqual(self.decoded(text), URL + "\n")

    def test_the_longest(self) -> None:
        url = "http://a/" + "x" * 246
        self.assertEqual(self.decoded(sub(1, url)), url + "\n")

    def test_what_is_no_url_writes_nothing(self) -> None:
        for bad in (
            "ftp://acs/",
            "http://",
            "acs.example.net",
            "http://a\nhttp://b",
            "http://a/`id`",
            'http://a/"',
            "http://a b/",
            "http://a/\\x",
            "http://\xff/",
        ):
            self.assertIsNone(self.decoded(sub(1, bad)), bad)
            self.assertIsNone(self.decoded("", vendor(3561, sub(11, bad))), bad)

    def test_damage_writes_nothing(self) -> None:
        good = sub(1, URL)
        for bad in (b"", b"\x01", b"\x01\xff" + URL.encode(), b"\0" * 40, good[:-1], vendor(9, good)):
            self.assertIsNone(self.decoded(bad), bad)
            self.assertIsNone(self.decoded("", bad), bad)
        for text in ("zz", "0g", "$(id)", "01'", "0x01"):
            self.assertIsNone(self.decoded(text), text)
        self.assertIsNone(self.decoded("", vendor(3561, sub(11, URL))[:-1]))

    def test_the_same_url_does_not_touch_the_file(self) -> None:
        self.decoded(sub(1, URL))
        before = self.file.stat()
        self.run_sh(str(HOOKS / "cwmpagent-acs-url"), str(self.file), sub(1, URL).hex(), "")
        self.assertEqual(self.file.stat().st_ino, before.st_ino)
        self.run_sh(str(HOOKS / "cwmpagent-acs-url"), str(self.file), sub(1, "http://other/").hex(), "")
        self.assertEqual(self.file.read_text(), "http://other/\n")

    def test_hooks_of_dhcpcd_and_udhcpc(self) -> None:
        program = self.directory / "cwmpagent-acs-url"
        shutil.copy(HOOKS / "cwmpagent-acs-url", program)
        where = {"CWMPAGENT_ACS_URL": str(program), "CWMPAGENT_URL_FILE": str(self.file)}
        options = {"43": sub(1, "http://first/").hex(), "125": vendor(3561, sub(11, "http://second/")).hex()}
        sourced = f". {HOOKS / 'dhcpcd-hook'}"
        for arguments, environment in (
            (("-c", sourced), {"reason": "BOUND", "new_cwmpagent_43": options["43"]}),
            (("-c", sourced), {"reason": "RENEW", **{f"new_cwmpagent_{key}": each for key, each in options.items()}}),
            ((str(HOOKS / "udhcpc-hook"), "bound"), {"opt43": options["43"]}),
            ((str(HOOKS / "udhcpc-hook"), "renew"), {f"opt{key}": each for key, each in options.items()}),
        ):
            self.run_sh(*arguments, **where, **environment)
            wanted = "http://second/\n" if len(environment) - ("reason" in environment) == 2 else "http://first/\n"
            self.assertEqual(self.file.read_text(), wanted, arguments)
        self.file.unlink()
        self.run_sh("-c", sourced, **where, reason="EXPIRE", new_cwmpagent_43=options["43"])
        self.run_sh(str(HOOKS / "udhcpc-hook"), "deconfig", **where, opt43=options["43"])
        self.run_sh("-c", "set -u; " + sourced, **where, reason="BOUND")
        self.assertFalse(self.file.exists())


class FileTests(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        self.path = directory / "acs-url"
        self.look = UrlFile(self.path)

    def put(self, data: bytes) -> None:
        new = self.path.with_name("new")
        new.write_bytes(data)
        new.replace(self.path)

    def test_each_file_once(self) -> None:
        self.assertIsNone(self.look())
        self.put(b"http://one/\n")
        self.assertEqual([self.look(), self.look()], ["http://one/", None])
        self.put(b"http://two/")
        self.assertEqual(self.look(), "http://two/")
        self.path.unlink()
        self.assertIsNone(self.look())
        self.put(b"http://two/\r\n")
        self.assertEqual(self.look(), "http://two/")

    def test_a_zone(self) -> None:
        self.put(b"http://[fe80::1%25eth0]:7547/\n")
        self.assertEqual(self.look(), "http://[fe80::1%25eth0]:7547/")
        self.put(b"http://[fe80::1]/")
        self.assertIn("without its zone: add the interface", str(self.assertRaises(ValueError, self.look)))

    def test_garbage_is_told_once(self) -> None:
        for garbage in (
            b"\0\xff\xfe",
            b"http://one/\nhttp://two/",
            b"http://user:s3cret@acs/",
            b"ftp://acs/",
            b"http://[::1/",
            b"http://acs:99999/",
            b"http://a/" + b"x" * 3000,
            b"http://[fe80::1]/",
            b"http://[2001:db8::1%25eth0]/",
            b"x" * 10_000_000,
        ):
            self.put(garbage)
            error = self.assertRaises(ValueError, self.look)
            self.assertNotIn("s3cret", str(error))
            self.assertIsNone(self.look())

    def test_empty_is_none(self) -> None:
        self.put(b" \n")
        self.assertIsNone(self.look())

    def test_what_cannot_be_read_is_told_once(self) -> None:
        for make in (self.path.mkdir, lambda: os.mkfifo(self.path), lambda: self.path.symlink_to(self.path.name)):
            make()
            self.assertRaises(ValueError, self.look)
            self.assertIsNone(self.look())
            self.path.rmdir() if self.path.is_dir() else self.path.unlink()

    def test_one_that_cannot_be_read_for_a_while_is_read_later_though_it_has_not_changed(self) -> None:
        self.put(URL.encode())
        with patch.object(Path, "open", side_effect=OSError(24, "Too many open files")):
            error = self.assertRaises(ValueError, self.look)
            self.assertEqual(str(error), f"{self.path} cannot be read: Too many open files")
            self.assertEqual([self.look() for _ in range(3)], [None] * 3)
        self.assertEqual(self.look(), URL)
        self.assertIsNone(self.look())
