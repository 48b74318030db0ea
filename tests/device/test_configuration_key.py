"""The key of configuration files: what it opens, and files that are no key."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.device.files.configuration_key import ConfigurationKey, load_key
from cwmpagent.errors import ConfigError, TransferFailure

KEY = b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


class KeyTests(SynchronousTestCase):
    def test_what_it_opens(self) -> None:
        key = ConfigurationKey(KEY)
        sealed = key.sealed(b"a secret")
        self.assertNotIn(b"secret", sealed)
        self.assertEqual(key.opened(sealed), b"a secret")
        other = ConfigurationKey(KEY.replace(b"M", b"N", 1)).sealed(b"a secret")
        for wrong in (b"", b"{}", other, sealed[:-5], sealed.swapcase()):
            self.assertEqual(self.assertRaises(TransferFailure, key.opened, wrong).code, 9018)

    def test_files(self) -> None:
        path = Path(self.mktemp())
        self.assertIn("cannot be read", str(self.assertRaises(ConfigError, load_key, path)))
        path.write_bytes(KEY + b"\n")
        path.chmod(0o604)
        self.assertIn("chmod 600", str(self.assertRaises(ConfigError, load_key, path)))
        path.chmod(0o600)
        load_key(path)
        for wrong in (b"", b"short", b"\xff" * 44):
            path.write_bytes(wrong)
            error = self.assertRaises(ConfigError, load_key, path)
            self.assertIn("32 octets", str(error))
