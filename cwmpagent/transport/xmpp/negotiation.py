"""Negotiation of a stream: TLS, SASL and resource binding (RFC 6120 sections 5 to 7)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import NamedTuple

from twisted.words.protocols.jabber.client import NS_XMPP_BIND, NS_XMPP_SESSION
from twisted.words.protocols.jabber.sasl import NS_XMPP_SASL
from twisted.words.protocols.jabber.xmlstream import NS_XMPP_TLS
from twisted.words.xish.domish import Element

from cwmpagent.protocol.auth import stringprep_profiles
from cwmpagent.protocol.auth.scram import MECHANISMS, ScramClient, ScramError
from cwmpagent.protocol.connection_request import jid
from cwmpagent.protocol.connection_request.xmpp_account import Account
from cwmpagent.transport.tls.certificate_check import CertificateCheck
from cwmpagent.transport.xmpp.markup import add, attribute, child, children, make, stanza_iq
from cwmpagent.transport.xmpp.stream import Stream

MOST_MECHANISMS = 64


class Bound(NamedTuple):
    """The full Jabber ID assigned by the server, and whether the stream is protected by TLS."""

    jid: str
    tls: bool


class _EncryptionRequiredError(Exception):
    """The server accepts no login without TLS (RFC 6120 section 6.5.4)."""


class XmppNegotiation:
    """The negotiation of one stream. All errors are XmppErrors.

    TLS is begun if UseTLS is true or the server requires it (TR-181 Device.XMPP.Connection.{i}.UseTLS).

    ``check`` verifies the server's certificate. ``nonce`` returns unpredictable text. ``plain_in_the_clear``: the
    password may be sent without TLS.
    """

    def __init__(
        self,
        stream: Stream,
        account: Account,
        *,
        check: CertificateCheck,
        nonce: Callable[[], str],
        plain_in_the_clear: bool,
    ) -> None:
        self._stream = stream
        self._account = account
        self._check = check
        self._nonce = nonce
        self._plain_in_the_clear = plain_in_the_clear
        self._domain = stringprep_profiles.domain(account.domain)
        self._offers_tls = False
        self._tls = False

    async def run(self) -> Bound:
        """Negotiate TLS, SASL and the binding."""
        stream = self._stream
        features = await stream.open(self._domain)
        starttls = child(features, NS_XMPP_TLS, "starttls")
        self._offers_tls = starttls is not None
        if self._account.use_tls and not self._offers_tls:
            raise stream.fail("offers no TLS, which UseTLS requires", "Error_Misconfigured")
        # Without a mechanism, TLS is the only way to go on (RFC 6120 section 5.3.1).
        required = child(starttls, NS_XMPP_TLS, "required") is not None or not _mechanisms(features)
        if self._offers_tls and (self._account.use_tls or required):
            features = await self._secure()
        try:
            await self._authenticate(_mechanisms(features))
        except _EncryptionRequiredError:
            await self._authenticate(_mechanisms(await self._secure()))
        features = await stream.open(self._domain)
        if child(features, NS_XMPP_BIND, "bind") is None:
            raise stream.fail("offers no resource binding")
        bound = await self._bind()
        session = child(features, NS_XMPP_SESSION, "session")
        if session is not None and child(session, session.uri, "optional") is None:
            await self._request(make(NS_XMPP_SESSION, "session"), "session")
        return Bound(bound, self._tls)

    async def _secure(self) -> Element:
        """Begin TLS. Returns the features of the new stream."""
        self._stream.send(make(NS_XMPP_TLS, "starttls"))
        answer = await self._stream.next()
        if (answer.uri, answer.name) != (NS_XMPP_TLS, "proceed"):
            raise self._stream.fail("offers TLS, but refuses to begin it")
        await self._stream.secure(self._check)
        self._tls = True
        return await self._stream.open(self._domain)

    async def _authenticate(self, offered: list[str]) -> None:
        try:
            for mechanism in MECHANISMS:
                if mechanism in offered:
                    await self._scram(mechanism)
                    return
            username, password = (
                stringprep_profiles.sasl(self._account.username),
                stringprep_profiles.sasl(self._account.password),
            )
        except ScramError as error:
            raise self._stream.fail(f"is not trusted: {error}", "Error_AuthenticationFailure") from None
        except ValueError:
            reason = "cannot be used: Username or Password has characters that SASLprep (RFC 4013) prohibits"
            raise self._stream.fail(reason, "Error_Misconfigured") from None
        if "PLAIN" not in offered:
            raise self._stream.fail("offers no supported SASL mechanism (SCRAM, PLAIN)", "Error_Misconfigured")
        if not (self._tls or self._plain_in_the_clear):
            remedy = "set UseTLS to true, or " if self._offers_tls else "set "
            reason = f"requires the password without TLS, which is not allowed: {remedy}[xmpp] allow_plain_without_tls"
            raise self._stream.fail(reason, "Error_Misconfigured")
        self._stream.send(_auth("PLAIN", f"\0{username}\0{password}".encode()))
        await self._sasl("success")

    async def _scram(self, mechanism: str) -> None:
        scram = ScramClient(mechanism, self._account.username, self._account.password, self._nonce())
        self._stream.send(_auth(mechanism, scram.first()))
        challenge = await self._sasl("challenge")
        self._stream.send(_sasl("response", scram.final(_content(challenge))))
        last = await self._sasl("success", "challenge")
        scram.verify(_content(last))
        if last.name == "challenge":  # RFC 4422 allows the last message of the server in a challenge
            self._stream.send(_sasl("response", b""))
            await self._sasl("success")

    async def _sasl(self, *expected: str) -> Element:
        answer = await self._stream.next()
        if answer.uri == NS_XMPP_SASL and answer.name in expected:
            return answer
        if (answer.uri, answer.name) == (NS_XMPP_SASL, "failure"):
            if child(answer, NS_XMPP_SASL, "encryption-required") is not None and not self._tls:
                if self._offers_tls:
                    raise _EncryptionRequiredError
                raise self._stream.fail("requires TLS, but offers none", "Error_Misconfigured")
            if child(answer, NS_XMPP_SASL, "temporary-auth-failure") is not None:
                raise self._stream.fail("reports a temporary authentication failure")
            raise self._stream.fail("refuses the user name and password", "Error_AuthenticationFailure")
        raise self._stream.fail("violates the SASL protocol")

    async def _bind(self) -> str:
        bind = make(NS_XMPP_BIND, "bind")
        if self._account.resource:
            add(bind, make(NS_XMPP_BIND, "resource", self._account.resource))
        answer = await self._request(bind, "resource")
        given = child(child(answer, NS_XMPP_BIND, "bind"), NS_XMPP_BIND, "jid")
        text = str(given) if given is not None else ""
        try:
            if jid.parse(text).resource:
                return text
        except ValueError:
            pass
        raise self._stream.fail("binds a resource without a valid Jabber ID")

    async def _request(self, content: Element, what: str) -> Element:
        """Send an iq of type set and return its result."""
        number = self._nonce()
        self._stream.send(stanza_iq("set", number, None, content))
        answer = await self._stream.next()
        if (answer.name, attribute(answer, "id"), attribute(answer, "type")) != ("iq", number, "result"):
            raise self._stream.fail(f"refuses the {what} that was requested")
        return answer


def _mechanisms(features: Element) -> list[str]:
    mechanisms = child(features, NS_XMPP_SASL, "mechanisms")
    return [str(item).strip() for item in children(mechanisms)][:MOST_MECHANISMS] if mechanisms is not None else []


def _auth(mechanism: str, initial: bytes) -> Element:
    element = _sasl("auth", initial)
    element["mechanism"] = mechanism
    return element


def _sasl(name: str, content: bytes) -> Element:
    return make(NS_XMPP_SASL, name, b64encode(content).decode())


def _content(element: Element) -> bytes:
    """The decoded content of a SASL element. Raises ScramError: only SCRAM has content here."""
    try:
        return b64decode(str(element).strip(), validate=True)
    except ValueError:
        raise ScramError("its SASL message is not base64") from None
