"""Whole messages for the log: any input of the peer is shown or quoted, and is not changed by that."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import EnvelopeReceived, EnvelopeSent, Fact
from cwmpagent.agent.session.envelope_trace import EnvelopeTrace
from cwmpagent.protocol.rpc import Reboot, SetParameterValues
from cwmpagent.protocol.session import Post, Reply
from cwmpagent.protocol.soap import Envelope, encode

REBOOT = encode(Envelope(body=Reboot("HERE"), id="1"))


class TraceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.facts: list[Fact] = []
        self.trace = EnvelopeTrace(self.facts.append, enabled=lambda: True, hidden=lambda path: True)

    def received(self, body: bytes) -> str:
        self.trace.received(Reply(200, body))
        fact = self.facts[-1]
        assert isinstance(fact, EnvelopeReceived)
        return fact.text

    def test_a_message_as_it_is(self) -> None:
        self.trace.sent(Post(REBOOT, Reboot("HERE")))
        self.assertEqual(self.facts, [EnvelopeSent(REBOOT.decode())])
        self.assertEqual(self.received(REBOOT), REBOOT.decode())

    def test_what_is_no_envelope(self) -> None:
        self.assertEqual(self.received(b"<html>\n<Password>secret"), "<html>\\n<Password>***")
        self.assertEqual(self.received(b""), "")

    def test_a_request_with_wrong_arguments(self) -> None:
        empty = encode(Envelope(body=SetParameterValues((), "key")))
        bad = empty.replace(b"key", b"k" * 33).replace(b"<ParameterKey>", b"<Password>secret</Password><ParameterKey>")
        self.assertNotEqual(bad, empty)
        for coded in (bad, bad.decode().replace("UTF-8", "UTF-16").encode("utf-16")):
            text = self.received(coded)
            self.assertIn("<ParameterKey>" + "k" * 33, text)
            self.assertIn("<Password>***</Password>", text)

    def test_names_that_are_not_ours_to_write(self) -> None:
        for name in ("Ünï", "Z.-·x"):
            self.assertIn("Envelope", self.received(REBOOT.replace(b"cwmp:Reboot", f"cwmp:{name}".encode())))
