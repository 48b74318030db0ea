"""XMPP server for tests: it logs in clients, forwards iqs, and misbehaves at given steps."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from typing import Any

from OpenSSL import crypto
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions
from twisted.words.xish.xmlstream import XmlStream

from tests.transport.certificates import Signed

DOMAIN = "cpe.example"
NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl"
NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls"
NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind"
NS_SESSION = "urn:ietf:params:xml:ns:xmpp-session"
NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
STREAMS = "http://etherx.jabber.org/streams"
STEPS = ("header", "features", "starttls", "auth", "response", "success", "bind", "session")
HASHES = {"SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256"}

Doing = bytes | Callable[["Served"], object]


class Served(XmlStream):
    """One client. ``told``: all bytes that it has sent; ``tls``: whether TLS is active."""

    factory: Any

    def __init__(self, server: XmppServer) -> None:
        super().__init__()
        self.server = server
        self.told = b""
        self.tls = False
        self.authenticated = ""
        self.jid = ""
        self.scram: tuple[str, str, str] | None = None
        self.lost = False
        self.silent = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.server.clients.append(self)

    def dataReceived(self, data: bytes) -> None:
        self.told += data
        if not self.silent:
            super().dataReceived(data)

    def connectionLost(self, reason: Any) -> None:
        self.lost = True
        self.server.bound.pop(self.jid, None)
        super().connectionLost(reason)

    def raw(self, text: str | bytes) -> None:
        self.transport.write(text.encode() if isinstance(text, str) else text)

    def renew(self) -> None:
        self._initializeStream()

    def does(self, step: str) -> bool:
        """Run the script of ``step``. Returns whether there is one."""
        doing = self.server.script.get(step)
        if doing is None:
            return False
        if callable(doing):
            return doing(self) is not False
        self.raw(doing)
        return True

    def onDocumentStart(self, root: Any) -> None:
        if self.does("header"):
            return
        self.raw(
            f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' "
            f"id='s1' from='{DOMAIN}' version='1.0'>"
        )
        if self.does("features"):
            return
        parts = []
        if not self.authenticated:
            if self.server.options is not None and not self.tls:
                parts.append(f"<starttls xmlns='{NS_TLS}'>{'<required/>' * self.server.requires_tls}</starttls>")
            mechanisms = self.server.mechanisms
            if not self.tls and self.server.mechanisms_without_tls is not None:
                mechanisms = self.server.mechanisms_without_tls
            if mechanisms:
                each = "".join(f"<mechanism>{name}</mechanism>" for name in mechanisms)
                parts.append(f"<mechanisms xmlns='{NS_SASL}'>{each}</mechanisms>")
        else:
            parts.append(f"<bind xmlns='{NS_BIND}'/>")
            if self.server.session is not None:
                parts.append(f"<session xmlns='{NS_SESSION}'>{self.server.session}</session>")
        self.raw(f"<stream:features>{''.join(parts)}</stream:features>")

    def onElement(self, element: Any) -> None:
        if (element.uri, element.name) == (NS_TLS, "starttls"):
            if not self.does("starttls"):
                self.raw(f"<proceed xmlns='{NS_TLS}'/>")
                self.start_tls()
        elif element.uri == NS_SASL:
            self.sasl(element)
        elif element.name in ("iq", "message", "presence"):
            self.server.stanzas.append(element)
            self.stanza(element)

    def start_tls(self) -> None:
        self.renew()
        self.tls = True
        self.transport.startTLS(self.server.options)

    def sasl(self, element: Any) -> None:
        try:
            content = b64decode(str(element))
            if element.name == "auth" and not self.does("auth"):
                self.auth(element["mechanism"], content)
            elif element.name == "response" and self.scram and not self.does("response"):
                self.response(content)
        except (ValueError, KeyError, IndexError):
            self.refuse()

    def refuse(self, condition: str = "not-authorized") -> None:
        self.raw(f"<failure xmlns='{NS_SASL}'><{condition}/></failure>")

    def auth(self, mechanism: str, content: bytes) -> None:
        if mechanism == "PLAIN":
            _, username, password = content.decode().split("\0")
            self.accept(username, b"") if self.server.accounts.get(username) == password else self.refuse()
            return
        bare = content.decode().removeprefix("n,,")
        username, nonce = bare.removeprefix("n=").split(",r=")
        first = f"r={nonce}server,s={b64encode(b'salt').decode()},i={self.server.iterations}"
        self.scram = (HASHES[mechanism], username, f"{bare},{first}")
        self.raw(f"<challenge xmlns='{NS_SASL}'>{b64encode(first.encode()).decode()}</challenge>")

    def response(self, content: bytes) -> None:
        assert self.scram is not None
        name, username, so_far = self.scram
        without, _, proof = content.decode().partition(",p=")
        message = f"{so_far},{without}".encode()
        password = self.server.accounts.get(username, "?")
        salted = hashlib.pbkdf2_hmac(name, password.encode(), b"salt", self.server.iterations)
        key = hmac.new(salted, b"Client Key", name).digest()
        signature = hmac.new(hashlib.new(name, key).digest(), message, name).digest()
        if bytes(a ^ b for a, b in zip(b64decode(proof), signature, strict=True)) != key:
            self.refuse()
            return
        server_key = hmac.new(salted, b"Server Key", name).digest()
        self.accept(username, b"v=" + b64encode(hmac.new(server_key, message, name).digest()))

    def accept(self, username: str, last: bytes) -> None:
        self.authenticated = username
        if not self.does("success"):
            self.raw(f"<success xmlns='{NS_SASL}'>{b64encode(last).decode()}</success>")
            self.renew()

    def stanza(self, element: Any) -> None:
        inner = element.firstChildElement()
        uri = inner.uri if inner is not None else ""
        if element.name != "iq":
            return
        if uri == NS_BIND and not self.jid:
            if not self.does("bind"):
                resource = str(inner.resource or "made-up")
                self.jid = f"{self.authenticated}@{DOMAIN}/{resource}"
                self.server.bound[self.jid] = self
                self.raw(
                    f"<iq type='result' id='{element['id']}'><bind xmlns='{NS_BIND}'><jid>{self.jid}</jid></bind></iq>"
                )
        elif uri == NS_SESSION:
            if not self.does("session"):
                self.raw(f"<iq type='result' id='{element['id']}'/>")
        elif element.getAttribute("to") in (None, DOMAIN):
            if element.getAttribute("type") == "get" and not self.does("ping"):
                self.raw(f"<iq type='result' id='{element['id']}' from='{DOMAIN}'/>")
        else:
            self.server.route(self, element)


class XmppServer(Factory):
    """Server. ``accounts``: user name -> password. ``script``: step -> bytes or a function that replaces the usual one.

    ``options``: its TLS, if it has any; ``requires_tls``: it is mandatory. ``mechanisms_without_tls``: if others than
    ``mechanisms`` are offered before TLS. ``session``: the content of the session feature; None: there is none.
    """

    noisy = False

    def __init__(self, accounts: Mapping[str, str], certificate: Signed | None = None) -> None:
        self.accounts = dict(accounts)
        self.script: dict[str, Doing] = {}
        self.mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]
        self.mechanisms_without_tls: list[str] | None = None
        self.requires_tls = False
        self.iterations = 4096
        self.session: str | None = None
        self.options = server_options(certificate) if certificate is not None else None
        self.clients: list[Served] = []
        self.bound: dict[str, Served] = {}
        self.stanzas: list[Any] = []

    def buildProtocol(self, address: object) -> Served:
        return Served(self)

    def route(self, sender: Served, element: Any) -> None:
        """Forward a stanza, or answer that the recipient is unavailable."""
        element["from"] = sender.jid
        there = self.bound.get(element["to"])
        if there is not None:
            there.send(element.toXml())
        elif element.getAttribute("type") in ("get", "set"):
            sender.raw(
                f"<iq type='error' id='{element['id']}' from='{element['to']}'><error type='cancel'>"
                f"<service-unavailable xmlns='{NS_STANZAS}'/></error></iq>"
            )

    @property
    def open(self) -> list[Served]:
        """The open connections."""
        return [client for client in self.clients if not client.lost]

    async def drop(self) -> None:
        """Abort every connection."""
        for client in self.open:
            client.transport.abortConnection()


def server_options(certificate: Signed) -> CertificateOptions:
    """The TLS context of this certificate."""
    return CertificateOptions(
        privateKey=crypto.load_privatekey(crypto.FILETYPE_PEM, certificate.key),
        certificate=crypto.load_certificate(crypto.FILETYPE_PEM, certificate.pem),
    )
