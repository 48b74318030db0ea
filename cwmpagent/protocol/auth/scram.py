"""The client side of SCRAM (RFC 5802, RFC 7677): client and server prove to each other that they know the password.

The password itself is never sent. There is no channel binding: the protection of the connection depends on its TLS.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Mapping
from types import MappingProxyType

from cwmpagent.protocol.auth import stringprep_profiles

MECHANISMS: Mapping[str, str] = MappingProxyType({"SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"})
"""Hash function of each mechanism, the preferred one first."""
LEAST_ITERATIONS = 4096
"""Minimum of RFC 7677 section 4; fewer iterations make it cheap for an eavesdropper to guess the password."""
MOST_ITERATIONS = 1_000_000
"""Upper limit; about half a second of computing time."""
_LONGEST = 4096
_GS2 = "n,,"


class ScramError(ValueError):
    """The server violates SCRAM; the text is for people and has no data of the server."""


class ScramClient:
    """One authentication: call :meth:`first`, :meth:`final` with the challenge, :meth:`verify` with the last message.

    ``nonce``: printable ASCII without commas, different for each authentication. Raises ValueError where SASLprep does
    not allow the user name or the password.
    """

    def __init__(self, mechanism: str, username: str, password: str, nonce: str) -> None:
        self._hash = MECHANISMS[mechanism]
        self._password = stringprep_profiles.sasl(password).encode()
        self._nonce = nonce
        name = stringprep_profiles.sasl(username).replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={nonce}"
        self._expected: bytes | None = None

    def first(self) -> bytes:
        """Return the client-first message, sent as the initial response."""
        return (_GS2 + self._bare).encode()

    def final(self, challenge: bytes) -> bytes:
        """Return the answer to the server-first message ``challenge``. Raises ScramError."""
        text = _text(challenge)
        parts = [part.partition("=") for part in text.split(",")]
        if [name for name, _, _ in parts[:3]] != ["r", "s", "i"]:
            raise ScramError("its SCRAM challenge is malformed or requires an extension")
        nonce, salt_text, count_text = (value for _, _, value in parts[:3])
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise ScramError("its SCRAM challenge does not extend the client nonce")
        try:
            salt = b64decode(salt_text, validate=True)
        except ValueError:
            salt = b""
        if not salt or not (count_text.isascii() and count_text.isdecimal() and len(count_text) <= 10):
            raise ScramError("its SCRAM challenge has no valid salt or iteration count")
        count = int(count_text)
        if not LEAST_ITERATIONS <= count <= MOST_ITERATIONS:
            raise ScramError(f"its SCRAM iteration count is not between {LEAST_ITERATIONS} and {MOST_ITERATIONS}")
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, count)
        without_proof = f"c={b64encode(_GS2.encode()).decode()},r={nonce}"
        message = f"{self._bare},{text},{without_proof}".encode()
        key = self._keyed(salted, b"Client Key")
        signature = self._keyed(hashlib.new(self._hash, key).digest(), message)
        self._expected = self._keyed(self._keyed(salted, b"Server Key"), message)
        proof = bytes(left ^ right for left, right in zip(key, signature, strict=True))
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

    def verify(self, final: bytes) -> None:
        """Check the server-final message, which proves that the server knows the password. Raises ScramError."""
        text = _text(final)
        value = text.partition(",")[0]
        try:
            signature = b64decode(value.removeprefix("v="), validate=True)
        except ValueError:
            signature = b""
        if self._expected is None or not value.startswith("v=") or not hmac.compare_digest(signature, self._expected):
            raise ScramError("it cannot prove that it knows the password (wrong SCRAM server signature)")

    def _keyed(self, key: bytes, message: bytes) -> bytes:
        return hmac.new(key, message, self._hash).digest()


def _text(message: bytes) -> str:
    if len(message) > _LONGEST:
        raise ScramError("its SCRAM message is too long")
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise ScramError("its SCRAM message is not UTF-8") from None
