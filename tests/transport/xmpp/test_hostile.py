"""Broken or hostile servers at every step: the stream ends cleanly, and a retry succeeds with a good server."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.trial.unittest import SynchronousTestCase
from twisted.words.xish.domish import ParserError

from cwmpagent.transport.xmpp.elements import BoundedElements
from cwmpagent.transport.xmpp.limits import XmppLimits
from cwmpagent.transport.xmpp.stream import Stream
from tests.transport.xmpp.test_client import QUICK, XmppCase
from tests.transport.xmpp.xmpp_server import NS_SASL, NS_TLS, STEPS, STREAMS, Served

HEADER = f"<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='{STREAMS}' version='1.0'>"
BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]>"
WRONG = {
    "garbage": b"\x00\xff\x16\x03 HTTP/1.1 400 Bad Request\r\n\r\n",
    "half a stanza": b"<iq type='result' id='1'><bind",
    "text": b"hello",
    "unbalanced": b"</iq></iq>",
    "nobody's namespace": b"<x:y/>",
    "a processing instruction": b"<?php x?>",
    "a comment": b"<!-- x -->",
    "an entity": b"<message>&x;</message>",
    "another element": b"<message xmlns='urn:x'><a/></message>",
    "an iq that was not asked for": b"<iq type='result' id='zzz'/>",
    "features again": f"<features xmlns='{STREAMS}'/>".encode(),
    "the end": b"</stream:stream>",
    "conflict": f"<error xmlns='{STREAMS}'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></error>".encode(),
    "an error without a word": f"<error xmlns='{STREAMS}'/>".encode(),
    "an error with a strange word": f"<error xmlns='{STREAMS}'><a1\xe4/></error>".encode(),
    "sasl": f"<success xmlns='{NS_SASL}'>!</success>".encode(),
    "a challenge": f"<challenge xmlns='{NS_SASL}'>r</challenge>".encode(),
    "failure": f"<failure xmlns='{NS_SASL}'/>".encode(),
    "tls": f"<proceed xmlns='{NS_TLS}'/>".encode(),
    "no tls": f"<failure xmlns='{NS_TLS}'/>".encode(),
    "a large stanza": b"<message>" + b"x" * 70_000,
    "a large attribute": b"<message a='" + b"x" * 70_000,
    "deep": b"<a>" * 100,
    "many": b"<message>" + b"<a/>" * 5000,
    "names": b"<message " + b" ".join(b"a%d=''" % number for number in range(5000)) + b"/>",
}
"""Data that replaces the usual data of a step."""
HEADERS = {
    "a doctype": "<?xml version='1.0'?>" + BOMB + "<x>&b;</x>",
    "http": "HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n",
    "another root": "<html/>",
    "another namespace": HEADER.replace("jabber:client", "jabber:server"),
    "no version": HEADER.replace("version='1.0'>", ">"),
    "an old version": HEADER.replace("version='1.0'>", "version='0.9'>"),
    "a strange version": HEADER.replace("version='1.0'>", "version='\u0661.0'>"),
    "another encoding": "<?xml version='1.0' encoding='UTF-16'?>" + HEADER,
    "closed at once": HEADER + "</stream:stream>",
    "an error in a header": f"{HEADER}<stream:error><host-unknown xmlns='x'/></stream:error></stream:stream>",
    "not even features": HEADER + "<message/>",
    "a flood": HEADER + "<message/>" * 100,
    "nothing but space": " " * 70_000,
}


class HostileCase(XmppCase):
    """Short time limits, so that silence is tested as well."""

    timeout = 60
    tls = False
    QUICK_LIMITS = XmppLimits(connect=5, step=0.15, stanza=0.15, sign_of_life=0.1, linger=0.05, steady=60)

    async def survive(self, what: str, step: str, doing: Any, **more: Any) -> None:
        """The server does ``doing`` at ``step`` for two attempts, and then works."""
        self.server.script = {step: doing}
        self.standings.clear()
        before = len(self.server.clients)
        client = self.begin(self.connector(limits=self.QUICK_LIMITS), retry=QUICK, **more)
        await self.until(lambda: len(self.server.clients) >= before + 2)
        self.assertNotIn("Enabled", [each.status for each in self.standings], f"{what} at {step}")
        self.server.script = {}
        await self.standing("Enabled")
        for standing in self.standings:
            self.assertTrue(standing.reason.isprintable(), standing)
            self.assertLess(len(standing.reason), 300)
        await client.close()
        await self.until(lambda: not self.server.open)


class StepTests(HostileCase):
    async def test_every_wrong_thing_at_every_step(self) -> None:
        for step in STEPS:
            if step in ("starttls", "session"):
                continue
            for what, content in WRONG.items():
                if step == "success" and what == "features again":
                    continue  # the usual data of that step, apart from the stream header
                await self.survive(what, step, content)
        self.assertEqual(self.flushLoggedErrors(), [])

    async def test_wrong_headers(self) -> None:
        for what, text in HEADERS.items():
            await self.survive(what, "header", text.encode())

    async def test_silence_at_every_step(self) -> None:
        for step in STEPS:
            if step not in ("starttls", "session"):
                await self.survive("silence", step, lambda client: True)

    async def test_a_drip_at_every_step(self) -> None:
        for step in ("header", "features", "auth", "bind"):

            def drip(client: Served, sent: int = 0) -> None:
                if not client.lost:
                    client.raw("<iq a='" if not sent else "x")
                    self.later(0.02, drip, client, sent + 1)

            await self.survive("a drip", step, drip)

    async def test_hanging_up_at_every_step(self) -> None:
        for step in STEPS:
            if step not in ("starttls", "session"):
                await self.survive("hanging up", step, lambda client: client.transport.abortConnection())

    async def test_the_session_that_it_demands(self) -> None:
        self.server.session = ""
        for what in ("garbage", "the end", "conflict", "failure"):
            await self.survive(what, "session", WRONG[what])

    def later(self, seconds: float, function: Any, *arguments: Any) -> None:
        from twisted.internet import reactor

        call = reactor.callLater(seconds, function, *arguments)  # type: ignore[attr-defined]
        self.addCleanup(lambda: call.active() and call.cancel())


class TlsTests(HostileCase):
    tls = True

    async def test_instead_of_tls(self) -> None:
        for what, content in WRONG.items():
            if what != "tls":
                await self.survive(what, "starttls", content)

    async def test_something_else_than_a_handshake(self) -> None:
        proceed = f"<proceed xmlns='{NS_TLS}'/>"

        def pretend(client: Served, then: bytes) -> None:
            client.raw(proceed)
            client.silent = True
            self.after(lambda: client.lost or client.raw(then))

        for then in (b"", b"\x16\x03\x01garbage" * 10, b"<stream:features/>", b"\x15\x03\x03\x00\x02\x02\x28"):
            await self.survive("no TLS", "starttls", lambda client, then=then: pretend(client, then))

    def after(self, function: Any) -> None:
        from twisted.internet import reactor

        call = reactor.callLater(0.03, function)  # type: ignore[attr-defined]
        self.addCleanup(lambda: call.active() and call.cancel())


class LoggedInTests(HostileCase):
    async def test_every_wrong_thing_then(self) -> None:
        harmless = {"another element", "an iq that was not asked for", "features again", "sasl", "a challenge"}
        harmless |= {"failure", "tls", "no tls"}
        for what, content in WRONG.items():
            self.standings.clear()
            client = self.begin(self.connector(limits=self.QUICK_LIMITS), keep_alive=0.1)
            await self.standing("Enabled")
            before = len(self.server.clients)
            self.server.clients[-1].raw(content)
            if what in harmless:
                await self.pause(0.02)
                self.assertEqual([each.status for each in self.standings], ["Connecting", "Enabled"], what)
            else:
                await self.until(lambda before=before: len(self.server.clients) > before)
                await self.until(lambda: self.standings[-1].status == "Enabled")
            await client.close()

    async def test_a_stranger_with_a_namespace_that_is_no_uri(self) -> None:
        """The stanza is answered, and the stream goes on."""
        self.begin()
        await self.standing("Enabled")
        served = self.server.clients[0]
        for number, query in enumerate(
            (
                "<query xmlns='urn:a ..\\b.xsd'/>",
                "<query xmlns='x' xmlns:q='a b'/>",
                "<query xmlns='x'><y xmlns:q='a b' q:z='1'/></query>",
                "<query xmlns='x'><y xmlns='a b'/></query>",
                "<query xmlns='x'/>",
            )
        ):
            served.raw(f"<message><x xmlns='a b'/></message><iq type='get' id='{number}' from='a@b/c'>{query}</iq>")
        await self.until(lambda: len(self.server.stanzas) >= 6)
        self.assertEqual([each["id"] for each in self.server.stanzas[1:]], ["0", "1", "2", "3", "4"])
        self.assertTrue(all("service-unavailable" in each.toXml() for each in self.server.stanzas[1:]))
        self.assertEqual(self.server.clients, [served])

    async def test_a_flood_of_requests(self) -> None:
        """Each request is answered, in order, and no state is left."""
        self.begin()
        await self.standing("Enabled")
        served = self.server.clients[0]
        one = "<iq type='get' id='{}' from='a@b/c'><query xmlns='x'/></iq>"
        served.raw("".join(one.format(number) for number in range(5000)))
        await self.until(lambda: len(self.server.stanzas) >= 5001)
        self.assertEqual([each["id"] for each in self.server.stanzas[1:]], [str(number) for number in range(5000)])


class ElementsTests(SynchronousTestCase):
    """The parser alone, with input in pieces."""

    def reader(self, limits: XmppLimits | None = None) -> tuple[BoundedElements, list[Any]]:
        reader = BoundedElements(limits or XmppLimits())
        found: list[Any] = []
        reader.DocumentStartEvent = found.append
        reader.ElementEvent = found.append
        reader.DocumentEndEvent = lambda: found.append(None)
        return reader, found

    def test_a_stanza_in_two_pieces_is_not_held_back(self) -> None:
        for cut in range(1, 40):
            reader, found = self.reader()
            stanza = b"<iq type='get' id='a'><x xmlns='y'/></iq>"
            reader.parse(HEADER.encode())
            reader.parse(stanza[:cut])
            reader.parse(stanza[cut:])
            self.assertEqual(len(found), 2, cut)

    def test_byte_by_byte(self) -> None:
        reader, found = self.reader()
        for byte in (HEADER + " <iq id='1'><x xmlns='y'>\u00e4&lt;</x></iq>\n<message/>").encode():
            reader.parse(bytes([byte]))
        self.assertEqual([each.name for each in found], ["stream", "iq", "message"])
        self.assertEqual(str(found[1].firstChildElement()), "\u00e4<")

    def test_the_size_of_a_stanza(self) -> None:
        limits = XmppLimits(stanza_bytes=1000)
        for pieces in (1, 7, 100, 5000):
            for length, good in ((900, True), (1100, False)):
                reader, found = self.reader(limits)
                content = HEADER.encode() + b"<a>" + b"x" * length + b"</a>" + b"<b/>"
                step = max(1, len(content) // pieces)
                try:
                    for begin in range(0, len(content), step):
                        reader.parse(content[begin : begin + step])
                except ParserError as error:
                    self.assertIn("too large", str(error))
                    self.assertFalse(good)
                else:
                    self.assertTrue(good)
                    self.assertEqual(len(found), 3)

    def test_many_small_ones_are_no_large_one(self) -> None:
        reader, found = self.reader(XmppLimits(stanza_bytes=300))
        reader.parse(HEADER.encode() + b"<a/>" * 1000 + b" " * 200 + b"\n" * 200)
        for _ in range(1000):
            reader.parse(b" ")
        reader.parse(b"<a/>")
        self.assertEqual(len(found), 1002)

    def test_names_do_not_pile_up(self) -> None:
        reader, _ = self.reader(XmppLimits(names=500))
        reader.parse(HEADER.encode())
        with self.assertRaises(ParserError) as caught:
            for number in range(1000):
                reader.parse(f"<a{number} b{number}='x' xmlns='c{number}'/>".encode())
        self.assertIn("different names", str(caught.exception))

    def test_nothing_counts_after_a_retired_layer(self) -> None:
        for rest in (b"<a/>", b"</stream:stream>", b"<a>"):
            reader, _ = self.reader()
            reader.parse(HEADER.encode())
            reader.retire()
            self.assertRaises(ParserError, reader.parse, rest)
        reader, _ = self.reader()
        reader.parse(HEADER.encode())
        reader.retire()
        reader.parse(b" \n")

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=300), st.integers(1, 20))
    def test_any_bytes(self, content: bytes, size: int) -> None:
        reader, _ = self.reader()
        try:
            for begin in range(0, len(content), size):
                reader.parse(content[begin : begin + size])
        except ParserError as error:
            self.assertTrue(str(error).isprintable())

    def test_mutations_of_a_whole_stream(self) -> None:
        """With mutated input the stream fails with a reason or waits; no exception escapes."""
        good = (
            HEADER
            + f"<stream:features><mechanisms xmlns='{NS_SASL}'><mechanism>PLAIN</mechanism></mechanisms>"
            + "</stream:features>"
            + f"<success xmlns='{NS_SASL}'/><iq type='get' id='1' from='a@b/c'><x xmlns='y'>&amp;</x></iq>"
        ).encode()
        chance = random.Random(11)
        for _ in range(3000):
            content = bytearray(good)
            for _ in range(chance.randint(1, 4)):
                at = chance.randrange(len(content))
                match chance.randrange(4):
                    case 0:
                        content[at] = chance.randrange(256)
                    case 1:
                        del content[at : at + chance.randint(1, 30)]
                    case 2:
                        content[at:at] = content[at : at + chance.randint(1, 60)]
                    case _:
                        content[at:at] = chance.choice((b"<", b">", b"&", b"<!DOCTYPE a>", b"'", b"]]>", b"</"))
            clock = Clock()
            stream = Stream(clock, "server", XmppLimits(), clock.seconds)
            transport = _Transport()
            stream.makeConnection(transport)
            followed: list[Any] = []
            stream._renew()
            stream.follow(followed.append)
            stream.dataReceived(bytes(content))
            if stream.failure is not None:
                self.assertTrue(str(stream.failure).isprintable())
                self.assertTrue(transport.ending)
            clock.advance(100)
            if stream.failure is None:
                stream.fail("is not needed")
            self.assertEqual(clock.getDelayedCalls(), [])


class _Transport(StringTransport):
    """Transport that records its end."""

    ending = False

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def loseConnection(self) -> None:
        self.ending = True

    def abortConnection(self) -> None:
        self.ending = True
