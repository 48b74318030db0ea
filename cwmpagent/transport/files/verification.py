"""Verification of a fetched file: its SHA-256, and a detached Ed25519 signature (RFC 8032).

The functions block; call them in a thread. They read the file in pieces or map it, so that its size does not matter.
"""

from __future__ import annotations

import hashlib
import hmac
import mmap
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cwmpagent.errors import ConfigError, TransferFailure
from cwmpagent.protocol.transfers import failures

SIGNATURE_LENGTH = 64
"""Octets of an Ed25519 signature."""


def read_verify_key(path: str) -> Ed25519PublicKey:
    """Read the Ed25519 public key in the PEM file ``path``. Raises ConfigError."""
    try:
        key = load_pem_public_key(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError("transfers.verify_key", f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # the library raises several kinds for what is no key
        raise ConfigError("transfers.verify_key", f"{path} is not a public key in PEM") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigError("transfers.verify_key", f"{path} is not an Ed25519 public key")
    return key


def verify_checksum(path: str, sha256: str) -> None:
    """Compare the SHA-256 of the file with ``sha256``, hexadecimal. Raises TransferFailure 9018, or 9002 (no file)."""
    try:
        with Path(path).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise TransferFailure(9002, f"the fetched file cannot be read: {error.strerror}") from error
    if not hmac.compare_digest(found, sha256.lower()):
        raise failures.corrupt("the file does not have the SHA-256 of its URL")


def verify_signature(path: str, signature: bytes, key: Ed25519PublicKey) -> None:
    """Check the ``signature`` of the file. Raises TransferFailure 9019, or 9002 (no file)."""
    if len(signature) != SIGNATURE_LENGTH:
        raise failures.unsigned(f"the signature does not have {SIGNATURE_LENGTH} octets")
    try:
        with Path(path).open("rb") as file:
            if not file.seek(0, 2):  # an empty file cannot be mapped
                key.verify(signature, b"")
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                key.verify(signature, content)  # type: ignore[arg-type]  # any buffer is accepted
    except InvalidSignature:
        raise failures.unsigned("the signature of the file is not valid") from None
    except OSError as error:
        raise TransferFailure(9002, f"the fetched file cannot be read: {error.strerror}") from error
