"""The client's side of HTTP authentication: which challenge to answer, and with what."""

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
"""So often in a row a server may call a fresh nonce stale before it is taken for broken."""


@dataclass(slots=True)
class _DigestSession:
    """One Digest challenge and what has been made of it."""

    algorithm: Algorithm
    realm: str
    nonce: str
    qop: str
    key: str
    cnonce: str
    fixed: str  # the parameters that are the same in every answer
    nc: int = 0


class Authenticator:
    """Answers the 401s of one server, for one session.

    The rhythm: send ``authorization()`` with every request; on a 401 ask ``challenged()``, and when it says True send
    the same request again with a new ``authorization()``; else it is hopeless and ``reason`` says why. Every call
    of ``authorization()`` stands for one request: two with no challenge between them show that the first was accepted.

    ``cnonce``: makes a fresh unpredictable token. ``basic_allowed``: whether the password may be sent in the clear.
    """

    def __init__(self, credentials: Credentials, *, cnonce: Callable[[], str], basic_allowed: bool) -> None:
        self.reason = ""
        self._credentials = credentials
        self._cnonce = cnonce
        self._basic_allowed = basic_allowed
        self._session: _DigestSession | None = None
        self._basic = False
        self._answers = 0  # requests sent with an answer to the last challenge
        self._stale = 0

    def challenged(self, www_authenticate: Iterable[Header]) -> bool:
        """Take the WWW-Authenticate headers of a 401, as bytes: whether answering them is worth a try.

        Not so when the answer to the last challenge was itself refused and the server does not call it stale, or when
        nothing that may be used is on offer. Raises nothing, whatever is in the headers.
        """
        offered = parse_challenges(www_authenticate)
        digests = [usable for challenge in offered if (usable := _usable(challenge))]
        chosen = max(digests, key=lambda usable: usable[1].strength, default=None)
        last, used_basic = self._session, self._basic
        refused = self._answers == 1 and (last is not None or used_basic)
        self._session, self._basic, self._answers = None, False, 0
        if chosen is not None:
            challenge, algorithm = chosen
            stale = challenge.parameters.get("stale", "").lower() == "true"
            repeated = last is not None and last.nonce == challenge.parameters["nonce"]
            self._stale = self._stale + 1 if refused and stale else 0
            if repeated and stale:
                return self._refuse("a nonce called stale is offered again (Digest)")
            if repeated or (refused and not stale):
                return self._refuse("the user name or password is refused (Digest)")
            if self._stale > MOST_STALE:
                return self._refuse("every nonce is called stale as soon as it is answered (Digest)")
            self._session = self._start(challenge, algorithm)
        elif any(challenge.scheme == "basic" for challenge in offered):
            if used_basic or refused:
                return self._refuse("the user name or password is refused (Basic)")
            if not self._basic_allowed:
                return self._refuse("only Basic is offered, which would send the password in the clear")
            if ":" in self._credentials.username:
                return self._refuse("only Basic is offered, which cannot carry a user name with a colon")
            self._basic = True
        elif refused and not offered:  # some servers answer wrong credentials with a bare 401
            return self._refuse(f"the user name or password is refused ({'Basic' if used_basic else 'Digest'})")
        else:
            return self._refuse(_nothing_usable(offered))
        self.reason = ""
        return True

    def authorization(self, method: str, uri: str, body: bytes = b"") -> str | None:
        """The Authorization header of the next request, to be sent as UTF-8; None while there is nothing to answer.

        ``uri``: the request target as it stands in the request line. ``body`` is hashed when auth-int is asked for.
        """
        self._answers += 1
        session = self._session
        if session is None:
            return basic_authorization(self._credentials) if self._basic else None
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
        parts = [session.fixed, f"nonce={quoted(session.nonce)}", f"uri={quoted(uri)}", f'response="{answer}"']
        if session.qop:
            parts.append(f"nc={nc}")
        return "Digest " + ", ".join(parts)

    def informed(self, authentication_info: Header | None) -> None:
        """Take the Authentication-Info header of an accepted request, None if it had none (RFC 7616 section 3.5)."""
        self._answers += 1
        if self._session is None or authentication_info is None:
            return
        nonce = parse_parameters(authentication_info).get("nextnonce", "")
        if nonce and nonce != self._session.nonce and sendable(nonce):
            # The session key stays that of the challenge (section 3.4.2): no new challenge, no new session.
            self._session.nonce, self._session.nc = nonce, 0

    def _refuse(self, reason: str) -> bool:
        self.reason = reason
        return False

    def _start(self, challenge: Challenge, algorithm: Algorithm) -> _DigestSession:
        given, user = challenge.parameters, self._credentials
        qop = _qop(challenge) or ""
        # One cnonce a session: servers that take the session key's cnonce from each request and servers that keep the
        # first one then agree.
        cnonce = self._cnonce()
        fixed = [_username(user.username, given.get("charset", "")), f"realm={quoted(given['realm'])}"]
        if "algorithm" in given:
            fixed.append(f"algorithm={algorithm.name}")
        if "opaque" in given:
            fixed.append(f"opaque={quoted(given['opaque'])}")
        if qop:
            fixed.append(f"qop={qop}")
        if qop or algorithm.session:
            fixed.append(f"cnonce={quoted(cnonce)}")
        key = session_key(
            algorithm,
            username=user.username,
            realm=given["realm"],
            password=user.password,
            nonce=given["nonce"],
            cnonce=cnonce,
        )
        return _DigestSession(algorithm, given["realm"], given["nonce"], qop, key, cnonce, ", ".join(fixed))


def _usable(challenge: Challenge) -> tuple[Challenge, Algorithm] | None:
    given = challenge.parameters
    algorithm = ALGORITHMS.get(given.get("algorithm", "MD5").lower())
    if challenge.scheme != "digest" or algorithm is None or _qop(challenge) is None:
        return None
    if not given.get("nonce") or "realm" not in given:
        return None
    return (
        (challenge, algorithm) if all(sendable(given.get(name, "")) for name in ("realm", "nonce", "opaque")) else None
    )


def _qop(challenge: Challenge) -> str | None:
    """The qop to use: "" for none, None where only unknown ones are offered."""
    if "qop" not in challenge.parameters:
        return ""
    offered = [word.strip().lower() for word in challenge.parameters["qop"].split(",")]
    if not any(offered):
        return ""
    return next((qop for qop in QOPS if qop in offered), None)


def _username(username: str, charset: str) -> str:
    """The user name: plain, or in the form for what a quoted-string cannot carry (RFC 7616 section 3.4)."""
    if sendable(username) and (username.isascii() or charset.lower() != "utf-8"):
        return f"username={quoted(username)}"
    return f"username*=UTF-8''{percent_encoded(octets(username), safe='')}"


def _nothing_usable(offered: list[Challenge]) -> str:
    if not offered:
        return "no readable challenge came with the 401"
    names = [
        f"{challenge.scheme} {challenge.parameters.get('algorithm', '')}".strip()[:40]
        if challenge.scheme == "digest"
        else challenge.scheme[:40]
        for challenge in offered[:4]
    ]
    return f"nothing that can be used is offered: {', '.join(ascii(name) for name in names)}"
