"""Tests of the private CA and its certificates on disk."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import ConfigError
from cwmpagent.lab.certificates import certificates


class Kept(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "deep" / "down"

    def contents(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.directory.iterdir()}

    def load(self, name: str) -> x509.Certificate:
        return x509.load_pem_x509_certificate((self.directory / f"{name}.pem").read_bytes())

    def test_made(self) -> None:
        made = certificates(self.directory)
        self.assertEqual(
            set(self.contents()),
            {"ca.pem", "ca-key.pem", "server.pem", "server-key.pem", "client.pem", "client-key.pem"},
        )
        for path in self.directory.iterdir():
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600, path)
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o700)
        for name in ("server", "client"):
            self.load(name).verify_directly_issued_by(self.load("ca"))
        names = self.load("server").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        self.assertEqual(names.get_values_for_type(x509.DNSName), ["localhost"])
        self.assertEqual([str(each) for each in names.get_values_for_type(x509.IPAddress)], ["127.0.0.1", "::1"])
        self.assertEqual(made.ca, self.directory / "ca.pem")

    def test_kept(self) -> None:
        certificates(self.directory)
        before = self.contents()
        certificates(self.directory)
        self.assertEqual(self.contents(), before)

    def test_a_new_name_makes_a_new_server_certificate_only(self) -> None:
        certificates(self.directory)
        before = self.contents()
        certificates(self.directory, names=("localhost", "acs.example"))
        after = self.contents()
        self.assertEqual({name for name in after if after[name] != before[name]}, {"server.pem", "server-key.pem"})

    def test_run_out(self) -> None:
        certificates(self.directory)
        before = self.contents()
        certificates(self.directory, now=datetime.now(UTC) + timedelta(days=365 * 10))
        after = self.contents()
        self.assertEqual({name for name in after if after[name] != before[name]}, set(before))

    def test_damage(self) -> None:
        for name in ("ca.pem", "ca-key.pem", "server.pem", "client-key.pem"):
            certificates(self.directory)
            (self.directory / name).write_bytes(b"-----BEGIN nothing")
            certificates(self.directory)
            for role in ("server", "client"):
                certificate, key = self.load(role), self.directory / f"{role}-key.pem"
                certificate.verify_directly_issued_by(self.load("ca"))  # raises if it is not
                private = load_pem_private_key(key.read_bytes(), None)
                self.assertEqual(certificate.public_key(), private.public_key(), f"{name}, then {role}")

    def test_a_directory_that_cannot_be(self) -> None:
        self.directory.parent.mkdir(parents=True)
        self.directory.write_text("a file")
        error = self.assertRaises(ConfigError, certificates, self.directory)
        self.assertIn("--directory", str(error))
        self.assertNotIn("\n", str(error))
