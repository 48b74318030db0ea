"""The client side of HTTP authentication: choice of a challenge and its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote as percent_encoded

from cwmpagent.protocol.auth.basic import Credentials, basic_authorization, octets
from cwmpagent.protocol.auth.digest_response import ALGORITHMS, QOPS, Algorithm, response, session_key
from cwmpagent.protocol.auth.header_grammar import (
    Challenge,
    Header,
    parse_challenges,
    parse_parameters,
    quoted,
    sendable,
)

MOST_STALE = 3
"""Maximum number of new nonces in a row that the server may reject as stale; after that, authentication fails."""


@dataclass(slots=True)
class _DigestSession:
    """One Digest challenge and the values derived from it. ``key`` and ``cnonce`` are empty until a request needs them.

    ``nonce``: the latest one; ``key_nonce``: that of the challenge. ``nonce_seen``: the server has answered a request
    with ``nonce``; ``key_seen``: one with ``key``.
    """

    algorithm: Algorithm
    realm: str
    nonce: str
    qop: str
    fixed: str  # the parameters that are equal in every answer
    key_nonce: str
    key: str = ""
    cnonce: str = ""
    nc: int = 0
    nonce_seen: bool = False
    key_seen: bool = False


class Authenticator:
    """Answers the 401 responses of one server during one session.

    Send :meth:`authorization` with every request. At a 401, call :meth:`challenged`. If it returns True, send the same
    request again with a new :meth:`authorization`; else authentication has failed for the ``reason``. Every call of
    :meth:`authorization` counts as one request: two calls without a challenge between them mean that the server
    accepted the first. Call :meth:`reconnected` before the first request on another TCP connection.

    ``cnonce``: returns a new unpredictable token. ``basic_allowed``: the password may be sent in clear text.
    """

    def __init__(self, credentials: Credentials, *, cnonce: Callable[[], str], basic_allowed: bool) -> None:
        self.reason = ""
        self._credentials = credentials
        self._cnonce = cnonce
        self._basic_allowed = basic_allowed
        self._session: _DigestSession | None = None
        self._basic = False
        self._answers = 0  # requests since the last challenge
        self._stale = 0

    def challenged(self, www_authenticate: Iterable[Header]) -> bool:
        """Process the WWW-Authenticate headers of a 401, as bytes; return whether to send the request again.

        False where the server refused the answer to the last challenge without ``stale``, or offers no usable scheme.
        Never raises, whatever the headers contain.
        """
        offered = parse_challenges(www_authenticate)
        digests = [candidate for challenge in offered if (candidate := _usable(challenge))]
        chosen = max(digests, key=lambda candidate: candidate[1].strength, default=None)
        last, used_basic = self._session, self._basic
        refused = self._answers == 1 and (last is not None or used_basic)
        self._session, self._basic, self._answers = None, False, 0
        if chosen is not None:
            challenge, algorithm = chosen
            stale = challenge.parameters.get("stale", "").lower() == "true"
            repeated = last is not None and last.nonce == challenge.parameters["nonce"]
            self._stale = self._stale + 1 if refused and stale else 0
            if repeated and stale:
                return self._refuse("the server rejects a nonce as stale and offers the same one again (Digest)")
            if repeated or (refused and not stale):
                return self._refuse("the user name or password is refused (Digest)")
            if self._stale > MOST_STALE:
                return self._refuse("the server rejects every new nonce as stale (Digest)")
            self._session = self._start(challenge, algorithm)
        elif any(challenge.scheme == "basic" for challenge in offered):
            if used_basic or refused:
                return self._refuse("the user name or password is refused (Basic)")
            if not self._basic_allowed:
                return self._refuse("the server offers only Basic, which would send the password in clear text")
            if ":" in self._credentials.username:
                return self._refuse("the server offers only Basic, which cannot carry a user name with a colon")
            self._basic = True
        elif refused and not offered:  # some servers answer wrong credentials with a 401 without a challenge
            return self._refuse(f"the user name or password is refused ({'Basic' if used_basic else 'Digest'})")
        else:
            return self._refuse(_nothing_usable(offered))
        self.reason = ""
        return True

    def authorization(self, method: str, uri: str, body: bytes = b"") -> str | None:
        """The Authorization header of the next request, to be sent as UTF-8; None before the first challenge.

        ``uri``: the request target as in the request line. ``body`` is hashed for the qop ``auth-int``.
        """
        self._answers += 1
        session = self._session
        if session is None:
            return basic_authorization(self._credentials) if self._basic else None
        if not session.cnonce:
            self._derive(session)
        session.nc += 1
        nc = f"{session.nc:08x}" if session.qop else ""
        answer = response(
            session.algorithm,
            session.key,
            method=method,
            uri=uri,
            nonce=session.nonce,
            qop=session.qop,
            nc=nc,
            cnonce=session.cnonce,
            body=body,
        )
        parts = [session.fixed]
        if session.qop or session.algorithm.session:
            parts.append(f"cnonce={quoted(session.cnonce)}")
        parts += [f"nonce={quoted(session.nonce)}", f"uri={quoted(uri)}", f'response="{answer}"']
        if session.qop:
            parts.append(f"nc={nc}")
        return "Digest " + ", ".join(parts)

    def informed(self, authentication_info: Header | None) -> None:
        """Process the Authentication-Info header of an accepted request, None without one (RFC 7616 section 3.5)."""
        self._answers += 1
        if self._session is None:
            return
        self._session.nonce_seen = self._session.key_seen = True
        if authentication_info is None:
            return
        nonce = parse_parameters(authentication_info).get("nextnonce", "")
        if nonce and nonce != self._session.nonce and sendable(nonce):
            # The session key stays that of the challenge (RFC 7616 section 3.4.2).
            self._session.nonce, self._session.nc, self._session.nonce_seen = nonce, 0, False

    def reconnected(self) -> None:
        """Use a new cnonce from now on: the next request is on a new TCP connection.

        The nonce count goes on (RFC 7616 section 3.4), unless the server has answered no request with the nonce. Then
        those that were sent are lost, and a server that counts strictly expects 1. The key of a ``-sess`` algorithm
        keeps the cnonce with which the server has accepted it (RFC 7616 section 3.4.2).
        """
        session = self._session
        if session is None:
            return
        if not session.nonce_seen:
            session.nc = 0
        if not (session.algorithm.session and session.key_seen):
            session.cnonce = ""

    def _refuse(self, reason: str) -> bool:
        self.reason = reason
        return False

    def _start(self, challenge: Challenge, algorithm: Algorithm) -> _DigestSession:
        params = challenge.parameters
        qop = _qop(challenge) or ""
        fixed = [_username(self._credentials.username, params.get("charset", "")), f"realm={quoted(params['realm'])}"]
        if "algorithm" in params:
            fixed.append(f"algorithm={algorithm.name}")
        if "opaque" in params:
            fixed.append(f"opaque={quoted(params['opaque'])}")
        if qop:
            fixed.append(f"qop={qop}")
        return _DigestSession(algorithm, params["realm"], params["nonce"], qop, ", ".join(fixed), params["nonce"])

    def _derive(self, session: _DigestSession) -> None:
        # One cnonce for a whole connection: some servers calculate the key of a -sess algorithm from the first cnonce,
        # others from that of each request.
        session.cnonce = self._cnonce()
        session.key = session_key(
            session.algorithm,
            username=self._credentials.username,
            realm=session.realm,
            password=self._credentials.password,
            nonce=session.key_nonce,
            cnonce=session.cnonce,
        )


def _usable(challenge: Challenge) -> tuple[Challenge, Algorithm] | None:
    params = challenge.parameters
    algorithm = ALGORITHMS.get(params.get("algorithm", "MD5").lower())
    if challenge.scheme != "digest" or algorithm is None or _qop(challenge) is None:
        return None
    if not params.get("nonce") or "realm" not in params:
        return None
    return (
        (challenge, algorithm) if all(sendable(params.get(name, "")) for name in ("realm", "nonce", "opaque")) else None
    )


def _qop(challenge: Challenge) -> str | None:
    """The qop to use: empty for none, None where the challenge offers only unknown ones."""
    if "qop" not in challenge.parameters:
        return ""
    offered = [word.strip().lower() for word in challenge.parameters["qop"].split(",")]
    if not any(offered):
        return ""
    return next((qop for qop in QOPS if qop in offered), None)


def _username(username: str, charset: str) -> str:
    """The user name parameter, in extended form where a quoted-string cannot carry it (RFC 7616 section 3.4)."""
    if sendable(username) and (username.isascii() or charset.lower() != "utf-8"):
        return f"username={quoted(username)}"
    return f"username*=UTF-8''{percent_encoded(octets(username), safe='')}"


def _nothing_usable(offered: list[Challenge]) -> str:
    if not offered:
        return "the 401 response has no readable challenge"
    names = [
        f"{challenge.scheme} {challenge.parameters.get('algorithm', '')}".strip()[:40]
        if challenge.scheme == "digest"
        else challenge.scheme[:40]
        for challenge in offered[:4]
    ]
    return f"the server offers no supported authentication scheme: {', '.join(ascii(name) for name in names)}"
