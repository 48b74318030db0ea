"""Tests of each misbehaviour on the wire, over a connection in memory and with a Clock."""

from __future__ import annotations

import zlib

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.http_answer import HttpAnswer, blocks, with_envelope
from cwmpagent.lab.acs.misbehaviour import (
    KINDS,
    Chunked,
    Close,
    Delay,
    Drip,
    Drop,
    FaultAnswer,
    ForeignHeader,
    Garbage,
    Gzip,
    Hold,
    Http10,
    Huge,
    Misbehaviours,
    Redirect,
    Status,
    Truncate,
    Unauthorized,
    WrongId,
)
from cwmpagent.lab.console.to_json import session_line
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import (
    Fault,
    FaultStruct,
    GetRPCMethods,
    InformResponse,
    Reboot,
    RebootResponse,
    TransferComplete,
)
from cwmpagent.protocol.soap import Envelope, decode, encode
from tests.lab.cpe import DEVICE, Cpe, Wire, inform, parsed, request

INFORM = encode(Envelope(body=inform(), id="1"))


class MisbehaveCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.lab = LabAcs(self.clock)
        self.cpe = Cpe(self.lab.site())

    @property
    def wire(self) -> Wire:
        return self.cpe.wire

    def raw(self, body: bytes = INFORM) -> bytes:
        return self.wire.send(request(body, cookie=self.cpe.cookie))


class Moments(MisbehaveCase):
    """The messages to which a misbehaviour applies."""

    def statuses(self) -> list[int]:
        self.lab.queue(DEVICE, Reboot(""))
        found = [self.cpe.inform().status]
        asked = self.cpe.post()
        found.append(asked.status)
        found.append(self.cpe.answer(asked, RebootResponse()).status if asked.status == 200 else 0)
        return found

    def test_places(self) -> None:
        for at, expected in (
            ("inform", [555, 400, 0]),
            ("Inform", [555, 400, 0]),
            ("empty", [200, 555, 0]),
            (2, [200, 555, 0]),
            (3, [200, 200, 555]),
            ("RebootResponse", [200, 200, 555]),
            ("every", [555, 400, 0]),
            ("challenge", [200, 200, 204]),
            (4, [200, 200, 204]),
        ):
            lab = LabAcs(Clock())
            self.lab, self.cpe = lab, Cpe(lab.site())
            lab.misbehave(Status(555, at=at))
            self.assertEqual(self.statuses(), expected, at)

    def test_times(self) -> None:
        self.lab.misbehave(Status(500, at="inform", times=2))
        self.assertEqual([self.cpe.inform().status for _ in range(3)], [500, 500, 200])
        self.lab.misbehave(Status(500, at="inform", times=0))
        self.assertEqual([self.cpe.inform().status for _ in range(5)], [500] * 5)
        self.lab.misbehaviours.clear()
        self.assertEqual(self.cpe.inform().status, 200)

    def test_one_device(self) -> None:
        self.lab.misbehave(Status(500, device="00D09E-Gateway-OTHER"))
        self.assertEqual(self.cpe.inform().status, 200)
        self.assertEqual(self.cpe.inform(serial="OTHER").status, 500)

    def test_a_refused_post_keeps_its_number(self) -> None:
        self.lab.misbehave(Status(500, at=2), Status(501, at=2))
        self.cpe.inform()
        self.assertEqual([self.cpe.post().status for _ in range(3)], [500, 501, 204])

    def test_challenge(self) -> None:
        lab = LabAcs(self.clock, auth="basic", username="u", password="p")
        lab.misbehave(Close(at="challenge"))
        cpe = Cpe(lab.site())
        answer = cpe.inform()
        self.assertEqual((answer.status, answer.header("Connection")), (401, "close"))
        self.assertTrue(cpe.wire.closed)

    def test_several_at_once(self) -> None:
        self.lab.misbehave(WrongId("w"), Gzip(), Close("CLOSE"), Chunked())
        answer = self.cpe.inform()
        self.assertEqual(answer.header("Connection"), "CLOSE")
        self.assertEqual(answer.header("Transfer-Encoding"), "chunked")
        self.assertEqual(decode(zlib.decompress(answer.body, 31)).id, "w")
        self.assertEqual(self.lab.sessions[0].exchanges[0].spoilt, ("wrong-id", "gzip", "close", "chunked"))

    def test_what_cannot_be_altered_waits(self) -> None:
        self.lab.misbehave(WrongId())
        self.assertEqual(self.cpe.inform().envelope.id, "not-your-id")
        self.lab.misbehave(WrongId())
        self.cpe.post()
        self.assertEqual(len(self.lab.misbehaviours.waiting()), 1)

    def test_bound(self) -> None:
        waiting = Misbehaviours()
        waiting.add([Delay(1)] * Misbehaviours.LIMIT)
        self.assertRaises(MisuseError, waiting.add, [Delay(1)])

    def test_every_kind_has_its_own_name(self) -> None:
        self.assertEqual(len(KINDS), 17)
        for name, kind in KINDS.items():
            self.assertEqual(kind.KIND, name)


class Envelopes(MisbehaveCase):
    def test_wrong_id(self) -> None:
        self.lab.misbehave(WrongId(at="inform"), WrongId(None, at="inform"))
        answer = self.cpe.inform()
        self.assertIsNone(answer.envelope.id)
        self.assertEqual(answer.message, InformResponse())

    def test_fault_8005_leaves_the_session_where_it_was(self) -> None:
        self.lab.misbehave(FaultAnswer(8005, at="inform", times=2))
        for _ in range(2):
            answer = self.cpe.say(inform(), id="same")
            self.assertEqual((answer.status, answer.message.code, answer.envelope.id), (200, 8005, "same"))
        self.assertEqual(self.cpe.say(inform(), id="same").message, InformResponse())
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(len(self.lab.sessions), 1)
        self.assertEqual(len(self.lab.sessions[0].informs), 3)
        self.assertEqual(self.lab.sessions[0].ended, "complete")

    def test_fault_for_another_request(self) -> None:
        self.lab.misbehave(FaultAnswer(8002, "not now", at="TransferComplete"))
        self.cpe.inform()
        done = TransferComplete("k", FaultStruct(), "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z")
        self.assertEqual(self.cpe.say(done).message, Fault(8002, "not now"))
        self.assertEqual(self.lab.sessions[0].requests, [])

    def test_hold(self) -> None:
        self.lab.queue(DEVICE, Reboot(""))
        self.lab.misbehave(Hold(at="inform"))
        self.assertTrue(self.cpe.inform().envelope.hold_requests)
        asked = self.cpe.post()
        self.assertFalse(asked.envelope.hold_requests)
        self.assertEqual(self.cpe.answer(asked, RebootResponse()).status, 204)
        # The hold has ended: it is the CPE's turn, and its empty POST ends the session.
        self.assertEqual(self.lab.sessions[0].ended, "")
        self.assertEqual(self.cpe.say(GetRPCMethods()).status, 200)
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(self.lab.sessions[0].ended, "complete")

    def test_hold_with_nothing_to_ask(self) -> None:
        self.lab.misbehave(Hold(at="inform"))
        self.cpe.inform()
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(self.lab.sessions[0].ended, "")
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(self.lab.sessions[0].ended, "complete")

    def test_hold_for_several_replies(self) -> None:
        for _ in range(2):
            self.lab.queue(DEVICE, Reboot(""))
        self.lab.misbehave(Hold(times=3))
        held = [self.cpe.inform().envelope.hold_requests]
        asked = self.cpe.post()
        held.append(asked.envelope.hold_requests)
        asked = self.cpe.answer(asked, RebootResponse())
        held.append(asked.envelope.hold_requests)
        self.assertEqual(held, [True, True, True])
        self.assertEqual(self.cpe.answer(asked, RebootResponse()).status, 204)
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(self.lab.sessions[0].ended, "complete")

    def test_a_request_while_held_is_a_violation(self) -> None:
        self.lab.misbehave(Hold())
        self.cpe.inform()
        self.assertEqual(self.cpe.say(GetRPCMethods()).status, 400)
        self.assertIn("HoldRequests", self.lab.sessions[0].violations[0])

    def test_foreign_header(self) -> None:
        self.lab.queue(DEVICE, Reboot(""))
        self.lab.misbehave(ForeignHeader("Unheard", at="empty"))
        self.cpe.inform()
        asked = self.cpe.post()
        self.assertEqual((asked.message, asked.envelope.not_understood), (Reboot(""), ("Unheard",)))

    def test_foreign_header_that_may_be_ignored(self) -> None:
        self.lab.misbehave(ForeignHeader(mandatory=False))
        answer = self.cpe.inform()
        self.assertIn(b"Unheard", answer.body)
        self.assertEqual(answer.envelope.not_understood, ())

    def test_foreign_header_where_there_is_no_header(self) -> None:
        from dataclasses import replace

        bare = replace(with_envelope(Envelope(body=Reboot(""))), foreign_header="<a xmlns=''/>")
        self.assertIn(b"<a xmlns=''/>", bare.payload())
        self.assertEqual(decode(bare.payload()).body, Reboot(""))

    def test_garbage(self) -> None:
        self.lab.misbehave(Garbage("<!DOCTYPE x>"))
        self.assertEqual(self.cpe.inform().body, b"<!DOCTYPE x>")

    def test_garbage_for_the_end_does_not_end_the_session(self) -> None:
        self.lab.misbehave(Garbage(at="empty"))
        self.cpe.inform()
        self.assertEqual(self.cpe.post().status, 200)
        self.assertEqual(self.lab.sessions[0].ended, "")
        self.clock.advance(31)
        self.assertEqual(self.lab.sessions[0].ended, "broken")


class Marks(MisbehaveCase):
    """A session that the lab itself broke is not taken for a fault of the device."""

    def test_a_broken_session_is_marked(self) -> None:
        self.lab.misbehave(Chunked(at="inform"), Garbage(at="empty"))
        self.cpe.inform()
        self.cpe.post()
        trace = self.lab.sessions[0]
        self.assertFalse(trace.broken_by_lab, "it is still open")
        self.clock.advance(31)
        self.assertTrue(trace.broken_by_lab)
        self.assertEqual(trace.misbehaviours, ("chunked at POST 1", "garbage at POST 2"))
        first, *more = trace.summary()
        self.assertIn("; broken after the lab's own misbehaviour: no POST within 30 s in ", first)
        self.assertIn("  the lab misbehaved: chunked at POST 1, garbage at POST 2", more)
        shown = session_line(trace)
        self.assertEqual((shown["broken_by_lab"], shown["misbehaviours"]), (True, list(trace.misbehaviours)))

    def test_a_session_that_survives_is_not(self) -> None:
        self.lab.misbehave(Chunked(at="inform"))
        self.cpe.inform()
        self.cpe.post()
        trace = self.lab.sessions[0]
        self.assertEqual((trace.ended, trace.broken_by_lab), ("complete", False))
        self.assertEqual(trace.misbehaviours, ("chunked at POST 1",))

    def test_a_session_that_the_device_breaks_is_not(self) -> None:
        self.cpe.inform()
        self.clock.advance(31)
        trace = self.lab.sessions[0]
        self.assertEqual((trace.ended, trace.broken_by_lab, trace.misbehaviours), ("broken", False, ()))
        self.assertNotIn("misbehav", "".join(trace.summary()))

    def test_many_are_listed_up_to_a_bound(self) -> None:
        self.lab.misbehave(*[Status(503)] * 30)
        self.cpe.inform()
        for _ in range(29):
            self.cpe.inform()
        trace = next(trace for trace in self.lab.sessions if trace.misbehaviours)
        self.assertLess(max(map(len, trace.summary())), 500)


class Http(MisbehaveCase):
    def test_status(self) -> None:
        self.lab.misbehave(Status(503, "later"))
        answer = self.cpe.inform()
        self.assertEqual((answer.status, answer.body), (503, b"later"))

    def test_redirect(self) -> None:
        for status in (301, 302, 307, 308):
            self.lab.misbehave(Redirect("/elsewhere", status=status))
            answer = self.cpe.inform()
            self.assertEqual((answer.status, answer.header("Location")), (status, "/elsewhere"))
            self.assertEqual(self.cpe.post(INFORM, path="/elsewhere").status, 200)
            self.assertEqual(self.cpe.post(path="/elsewhere").status, 204)

    def test_redirect_loop(self) -> None:
        self.lab.misbehave(Redirect(times=0, at="inform"))
        for _ in range(10):
            self.assertEqual(self.cpe.post(INFORM).status, 302)
        self.assertEqual(len(self.lab.sessions), 1)

    def test_401_in_a_session(self) -> None:
        lab = LabAcs(self.clock, auth="digest", username="u", password="p")
        cpe = Cpe(lab.site(), Credentials("u", "p"))
        self.assertEqual(cpe.inform().status, 200)
        lab.misbehave(Unauthorized(at="empty"))
        self.assertEqual(cpe.post().status, 204)
        self.assertEqual([one.status for one in lab.sessions[0].exchanges], [200, 401, 204])
        self.assertEqual(lab.sessions[0].ended, "complete")

    def test_401_without_authentication_has_a_challenge(self) -> None:
        self.lab.misbehave(Unauthorized(stale=True))
        answer = self.cpe.inform()
        self.assertEqual(answer.status, 401)
        self.assertIn("stale=true", answer.header("WWW-Authenticate"))

    def test_close_in_any_spelling(self) -> None:
        for spelling in ("close", "Close", "CLOSE"):
            self.lab.misbehave(Close(spelling))
            answer = self.cpe.inform()
            self.assertEqual((answer.status, answer.header("Connection")), (200, spelling))
            self.assertTrue(self.wire.closed)
            self.wire.connect()

    def test_http_10(self) -> None:
        self.lab.misbehave(Http10())
        answer = self.cpe.inform()
        self.assertEqual((answer.http, answer.message), ("HTTP/1.0", InformResponse()))
        self.assertTrue(self.wire.closed)

    def test_chunked(self) -> None:
        self.lab.misbehave(Chunked())
        answer = self.cpe.inform()
        self.assertEqual(answer.header("Transfer-Encoding"), "chunked")
        self.assertEqual(answer.header("Content-Length"), "")
        self.assertEqual(answer.message, InformResponse())

    def test_gzip(self) -> None:
        self.lab.misbehave(Gzip())
        answer = self.cpe.inform()
        self.assertEqual(answer.header("Content-Encoding"), "gzip")
        self.assertEqual(int(answer.header("Content-Length")), len(answer.body))
        self.assertEqual(decode(zlib.decompress(answer.body, 31)).body, InformResponse())

    def test_delay(self) -> None:
        self.lab.misbehave(Delay(3), Delay(2))
        self.assertEqual(self.raw(), b"")
        self.clock.advance(4.9)
        self.assertEqual(self.wire.transport.value(), b"")
        self.clock.advance(0.2)
        self.assertEqual(parsed(self.wire.transport.value()).message, InformResponse())
        self.assertAlmostEqual(self.lab.sessions[0].exchanges[0].seconds, 5.1)

    def test_delay_that_the_cpe_does_not_wait_for(self) -> None:
        self.lab.misbehave(Delay(86_400))
        self.raw()
        self.wire.transport.loseConnection()
        self.clock.advance(31)
        self.assertEqual(self.lab.sessions[0].ended, "broken")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_post_during_a_delay_breaks_the_session(self) -> None:
        self.cpe.inform()
        self.lab.misbehave(Delay(10))
        self.raw(b"")
        other = Wire(self.lab.site())
        answer = parsed(other.send(request(b"", cookie=self.cpe.cookie)))
        self.assertEqual(answer.status, 400)
        self.assertIn("before the answer to the previous one", self.lab.sessions[0].reason)

    def test_drop_before_it_is_processed(self) -> None:
        self.lab.misbehave(Drop(at="empty", reset=True))
        self.cpe.inform()
        self.assertEqual(self.cpe.post().status, 0)
        self.assertTrue(self.wire.closed)
        self.wire.connect()
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(self.lab.sessions[0].ended, "complete")

    def test_drop_after_it_was_processed(self) -> None:
        done = self.lab.queue(DEVICE, Reboot(""))
        self.lab.misbehave(Drop(processed=True, at="empty"), Drop(processed=True, at="RebootResponse"))
        self.cpe.inform()
        self.assertEqual(self.cpe.post().status, 0)
        self.wire.connect()
        asked = self.cpe.post()
        self.assertEqual(asked.message, Reboot(""))
        self.assertEqual(self.cpe.answer(asked, RebootResponse()).status, 0)
        self.assertEqual(self.successResultOf(done), RebootResponse())
        self.assertEqual(self.lab.sessions[0].ended, "")
        self.wire.connect()
        self.assertEqual(self.cpe.answer(asked, RebootResponse()).status, 204)
        self.assertEqual(self.lab.sessions[0].ended, "complete")
        self.assertEqual(len(self.lab.sessions[0].calls), 1)
        self.assertEqual(
            [one.spoilt for one in self.lab.sessions[0].exchanges],
            [(), ("drop",), ("repeated",), ("drop",), ("repeated",)],
        )

    def test_401_between_a_lost_answer_and_its_repetition(self) -> None:
        self.lab.queue(DEVICE, Reboot(""))
        self.lab.misbehave(Drop(processed=True, at="empty"))
        self.cpe.inform()
        self.assertEqual(self.cpe.post().status, 0)
        self.wire.connect()
        self.lab.misbehave(Unauthorized(at="empty"))
        self.assertEqual(self.cpe.post().status, 401)
        self.assertEqual(self.cpe.post().message, Reboot(""))
        self.assertEqual(self.lab.sessions[0].violations, [])

    def test_drop_twice(self) -> None:
        self.lab.misbehave(Drop(processed=True, at="empty", times=2))
        self.cpe.inform()
        for expected in (0, 0, 204):
            self.assertEqual(self.cpe.post().status, expected)
            self.wire.connect()

    def test_truncate(self) -> None:
        self.lab.misbehave(Truncate(20))
        answer = parsed(self.raw())
        self.assertEqual(len(answer.body), 20)
        self.assertGreater(int(answer.header("Content-Length")), 20)
        self.assertTrue(self.wire.closed)

    def test_truncate_honestly(self) -> None:
        self.lab.misbehave(Truncate(20, honest=True))
        answer = self.cpe.inform()
        self.assertEqual((len(answer.body), answer.header("Content-Length")), (20, "20"))
        self.assertFalse(self.wire.closed)

    def test_truncate_chunked(self) -> None:
        self.lab.misbehave(Chunked(), Truncate(20))
        data = self.raw()
        self.assertNotIn(b"\r\n0\r\n", data)
        self.assertTrue(self.wire.closed)

    def test_drip(self) -> None:
        self.lab.misbehave(Drip(10, 2.0))
        sizes = [len(parsed(self.raw()).body)]
        for _ in range(3):
            self.clock.advance(2)
            sizes.append(len(parsed(self.wire.transport.value()).body))
        self.assertEqual(sizes, [10, 20, 30, 40])
        self.clock.pump([2.0] * 500)
        self.assertEqual(parsed(self.wire.transport.value()).message, InformResponse())
        self.assertEqual(self.cpe.post().status, 400)  # without a cookie this POST is outside of the session

    def test_drip_that_the_cpe_breaks_off(self) -> None:
        self.lab.misbehave(Drip())
        self.raw()
        self.wire.transport.loseConnection()
        self.lab.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_huge(self) -> None:
        self.lab.misbehave(Huge(1000))
        answer = self.cpe.inform()
        self.assertEqual(answer.message, InformResponse())
        self.assertTrue(answer.body.endswith(b" " * 1000))

    def test_huge_is_small_in_memory_and_on_the_wire(self) -> None:
        answer = HttpAnswer(status=200, body=b"x", padding=100_000_000, gzip=True)
        pieces = list(blocks(answer))
        self.assertLess(sum(map(len, pieces)), 150_000)
        plain = zlib.decompressobj(31)
        size = 0
        for piece in pieces:
            data = plain.decompress(piece, 1 << 20)
            while data:
                size += len(data)
                data = plain.decompress(plain.unconsumed_tail, 1 << 20)
        self.assertEqual(size, 100_000_001)
