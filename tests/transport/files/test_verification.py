"""Verification of fetched files by checksum and signature."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import ConfigError, TransferFailure
from cwmpagent.transport.files.verification import read_verify_key, verify_checksum, verify_signature

CONTENT = b"firmware" * 50_000


class Verification(SynchronousTestCase):
    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.file.write_bytes(CONTENT)
        self.path = str(self.file)
        self.private = Ed25519PrivateKey.generate()
        self.key = self.private.public_key()

    def test_checksum(self) -> None:
        verify_checksum(self.path, hashlib.sha256(CONTENT).hexdigest().upper())
        failure = self.assertRaises(TransferFailure, verify_checksum, self.path, "0" * 64)
        self.assertEqual((failure.code, failure.permanent), (9018, True))

    def test_signature(self) -> None:
        signature = self.private.sign(CONTENT)
        verify_signature(self.path, signature, self.key)
        wrong = Ed25519PrivateKey.generate().sign(CONTENT)
        for bad in (b"", signature[:-1], signature + b"\n", wrong):
            failure = self.assertRaises(TransferFailure, verify_signature, self.path, bad, self.key)
            self.assertEqual((failure.code, failure.permanent), (9019, True))
        self.file.write_bytes(CONTENT + b"x")
        self.assertEqual(
            self.assertRaises(TransferFailure, verify_signature, self.path, signature, self.key).code, 9019
        )

    def test_empty_file(self) -> None:
        self.file.write_bytes(b"")
        verify_signature(self.path, self.private.sign(b""), self.key)

    def test_no_file(self) -> None:
        self.file.unlink()
        self.assertEqual(self.assertRaises(TransferFailure, verify_checksum, self.path, "0" * 64).code, 9002)
        failure = self.assertRaises(TransferFailure, verify_signature, self.path, bytes(64), self.key)
        self.assertEqual(failure.code, 9002)

    def test_key(self) -> None:
        pem = self.file.with_suffix(".pem")
        pem.write_bytes(self.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        verify_signature(self.path, self.private.sign(CONTENT), read_verify_key(str(pem)))

    def test_wrong_keys(self) -> None:
        other = generate_private_key(SECP256R1()).public_key()
        pem = self.file.with_suffix(".pem")
        pem.write_bytes(other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        for path in (str(pem), self.path, self.path + ".gone"):
            self.assertEqual(self.assertRaises(ConfigError, read_verify_key, path).key, "transfers.verify_key")
