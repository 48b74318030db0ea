"""HTTP Digest (RFC 7616, and RFC 2617 before it): :class:`Authenticator` answers, :class:`DigestServer` checks.

Algorithms MD5, MD5-sess, SHA-256 and SHA-256-sess; qop ``auth``, ``auth-int`` and none (RFC 2069). Text is hashed
as UTF-8.
"""

from __future__ import annotations

from cwmpagent.protocol.basic import Credentials, basic_authorization, parse_basic
from cwmpagent.protocol.digestclient import Authenticator
from cwmpagent.protocol.digestserver import DigestServer, Verdict

__all__ = ["Authenticator", "Credentials", "DigestServer", "Verdict", "basic_authorization", "parse_basic"]
