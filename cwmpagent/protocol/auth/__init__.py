"""Authentication: HTTP Basic (RFC 7617) and Digest (RFC 7616, RFC 2617), client and server; SCRAM (RFC 5802) for XMPP.

:class:`Authenticator` answers a Digest challenge, :class:`DigestServer` checks the answer. Supported are the algorithms
MD5, MD5-sess, SHA-256 and SHA-256-sess, and qop ``auth``, ``auth-int`` and none (RFC 2069). Text is hashed as UTF-8.
"""

from __future__ import annotations

from cwmpagent.protocol.auth.basic import Credentials, basic_authorization, octets, parse_basic
from cwmpagent.protocol.auth.digest_client import Authenticator
from cwmpagent.protocol.auth.digest_server import DigestServer, DigestVerdict

__all__ = [
    "Authenticator",
    "Credentials",
    "DigestServer",
    "DigestVerdict",
    "basic_authorization",
    "digest_response",
    "octets",
    "parse_basic",
    "scram",
    "stringprep_profiles",
]
