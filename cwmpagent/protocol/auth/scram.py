"""SCRAM (RFC 5802, RFC 7677), the client's side: proves that we know the password, and that the server does.

The password itself is never sent. Without channel binding: what the connection is worth is up to its TLS.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from types import MappingProxyType

from cwmpagent.protocol.auth import stringprep_profiles

MECHANISMS: Mapping[str, str] = MappingProxyType({"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"})
"""Mechanism -> hash function, the better one first."""
LEAST_ITERATIONS = 4096
"""What RFC 7677 section 4 asks of a server; fewer would make the password cheap to guess for whoever listens."""
MOST_ITERATIONS = 1_000_000
"""About half a second of work."""
_LONGEST = 4096
_GS2 = "n,,"


class ScramError(ValueError):
    """The server does not do its part; the text is for people and has nothing of what it sent."""


class ScramClient:
    """One authentication: :meth:`first`, :meth:`final` with the server's challenge, :meth:`verify` with its last word.

    ``nonce`` is printable ASCII without commas, and never used again. ValueError where SASLprep does not allow the user
    name or the password.
    """

    def __init__(self, mechanism: str, username: str, password: str, nonce: str) -> None:
        self._hash = MECHANISMS[mechanism]
        self._password = stringprep_profiles.sasl(password).encode()
        self._nonce = nonce
        name = stringprep_profiles.sasl(username).replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={nonce}"
        self._expected: bytes | None = None

    def first(self) -> bytes:
        """The initial response."""
        return (_GS2 + self._bare).encode()

    def final(self, challenge: bytes) -> bytes:
        """The answer to the server's first message. Raises ScramError."""
        text = _text(challenge)
        parts = [part.partition("=") for part in text.split(",")]
        if [name for name, _, _ in parts[:3]] != ["r", "s", "i"]:
            raise ScramError("its SCRAM challenge has another form, or asks for an extension")
        nonce, salt_text, count_text = (value for _, _, value in parts[:3])
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise ScramError("its SCRAM challenge does not go on from our nonce")
        try:
            salt = b64decode(salt_text, validate=True)
        except ValueError:
            salt = b""
        if not salt or not (count_text.isascii() and count_text.isdecimal() and len(count_text) <= 10):
            raise ScramError("its SCRAM challenge has no usable salt or iteration count")
        count = int(count_text)
        if not LEAST_ITERATIONS <= count <= MOST_ITERATIONS:
            raise ScramError(f"its SCRAM iteration count is not between {LEAST_ITERATIONS} and {MOST_ITERATIONS}")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, count)
        without_proof = f"c={b64encode(_GS2.encode()).decode()},r={nonce}"
        message = f"{self._bare},{text},{without_proof}".encode()
        key = self._keyed(salted, b"Client Key")
        signature = self._keyed(hashlib.new(self._hash, key).digest(), message)
        self._expected = self._keyed(self._keyed(salted, b"Server Key"), message)
        proof = bytes(one ^ other for one, other in zip(key, signature, strict=True))
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verify(self, final: bytes) -> None:
        """The server's last message, which must prove that it knows the password as well. Raises ScramError."""
        text = _text(final)
        value = text.partition(",")[0]
        try:
            signature = b64decode(value.removeprefix("v="), validate=True)
        except ValueError:
            signature = b""
        if self._expected is None or not value.startswith("v=") or not hmac.compare_digest(signature, self._expected):
            raise ScramError("it cannot prove that it knows the password (SCRAM server signature)")

    def _keyed(self, key: bytes, message: bytes) -> bytes:
        return hmac.new(key, message, self._hash).digest()


def _text(message: bytes) -> str:
    if len(message) > _LONGEST:
        raise ScramError("its SCRAM message is too long")
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise ScramError("its SCRAM message is not UTF-8") from None
