"""The control connection of FTP: replies however they arrive, and octets that are none."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.ftp import Reply
from cwmpagent.transport.files.ftp.control import MOST_WAITING, FtpControl

REPLIES = (
    ("220 Ready\r\n", Reply(220, "Ready")),
    ("230\r\n", Reply(230, "")),
    ("200 Only a line feed\n", Reply(200, "Only a line feed")),
    ("211-Many\r\n 211 no end\r\n220 no end\r\n211- no end\r\n\r\n211 End\r\n", Reply(211, "End")),
    ("213 17\r\n", Reply(213, "17")),
    ("550 \xfc \xff\r\n", Reply(550, "\xfc \xff")),
)


class Wire:
    disconnecting = False

    def __init__(self, control: FtpControl) -> None:
        self.control = control
        self.written = b""
        self.open = True
        control.makeConnection(self)  # type: ignore[arg-type]

    def setTcpNoDelay(self, enabled: bool) -> None:
        pass

    def setTcpKeepAlive(self, enabled: bool) -> None:
        pass

    def write(self, data: bytes) -> None:
        self.written += data

    def abortConnection(self) -> None:
        self.lose(ConnectionAborted())

    def lose(self, reason: Exception) -> None:
        if self.open:
            self.open = False
            self.control.connectionLost(Failure(reason))


class ControlCase(SynchronousTestCase):
    def made(self) -> tuple[FtpControl, Wire, Clock]:
        clock = Clock()
        control = FtpControl(clock, clock.seconds, 10.0)
        return control, Wire(control), clock

    def reply(self, control: FtpControl, **how: Any) -> Deferred[Reply]:
        return Deferred.fromCoroutine(control.reply(**how))

    def failure(self, waiting: Deferred[Any]) -> TransferFailure:
        failure = self.failureResultOf(waiting, TransferFailure).value
        self.assertEqual(failure.code, 9015)
        return failure


class ReplyTests(ControlCase):
    @given(st.lists(st.sampled_from(REPLIES), max_size=8), st.lists(st.integers(1, 40), max_size=20))
    def test_pieces_of_any_size(self, replies: list[tuple[str, Reply]], sizes: list[int]) -> None:
        control, wire, _ = self.made()
        data = "".join(text for text, _ in replies).encode("latin-1")
        found: list[Reply] = []

        async def read() -> None:
            while True:
                found.append(await control.reply())

        reading = Deferred.fromCoroutine(read())
        for size in (*sizes, len(data)):
            control.dataReceived(data[:size])
            data = data[size:]
        self.assertEqual(found, [reply for _, reply in replies])
        wire.lose(ConnectionDone())
        self.failure(reading)

    @given(st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([b"\n", b"220 x\n", b"220-\n"])), max_size=40))
    def test_any_octets(self, pieces: list[bytes]) -> None:
        """They are replies, or a failure; and no more is kept than the limits say."""
        control, wire, _ = self.made()
        waiting = self.reply(control)
        waiting.addErrback(lambda reason: reason.trap(TransferFailure))
        for piece in pieces:
            if wire.open:
                control.dataReceived(piece)
            self.assertLessEqual(len(control._replies), MOST_WAITING)
        wire.lose(ConnectionDone())
        self.successResultOf(waiting)

    def test_a_command_and_its_reply(self) -> None:
        control, wire, _ = self.made()
        waiting = Deferred.fromCoroutine(control.command("SIZE", b"a b"))
        self.assertEqual(wire.written, b"SIZE a b\r\n")
        self.assertNoResult(waiting)
        control.dataReceived(b"213 17\r\n")
        self.assertEqual(self.successResultOf(waiting), Reply(213, "17"))

    def test_nothing_is_sent_behind_a_reply_that_nobody_asked_for(self) -> None:
        for early in (b"200 x\r\n", b"200", b"200 x\r\n421"):
            control, wire, _ = self.made()
            control.dataReceived(early)
            failure = self.failure(Deferred.fromCoroutine(control.command("PASS", b"secret")))
            self.assertIn("nobody asked for", str(failure))
            self.assertEqual((wire.written, wire.open), (b"", False))


class LimitTests(ControlCase):
    def test_lines_and_octets(self) -> None:
        for data in (b"220-x\r\n" * 501, b"220 " + b"x" * 5000, b"220 " + b"x" * 5000 + b"\r\n", b"220 x\n" * 6):
            control, wire, _ = self.made()
            control.dataReceived(data)
            self.assertFalse(wire.open)
            read = 0
            while True:
                waiting = self.reply(control)
                if isinstance(waiting.result, Reply):
                    read += 1
                    continue
                self.failure(waiting)
                break
            self.assertLessEqual(read, MOST_WAITING)

    def test_time(self) -> None:
        control, wire, clock = self.made()
        waiting = self.reply(control)
        clock.advance(9.9)
        control.dataReceived(b"220-x\r\n")
        self.assertNoResult(waiting)
        clock.advance(0.2)
        self.assertIn("no reply within 10 s", str(self.failure(waiting)))
        self.assertFalse(wire.open)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_a_patient_one_ends_with_the_connection(self) -> None:
        control, wire, clock = self.made()
        waiting = self.reply(control, patient=True)
        clock.advance(3600)
        self.assertNoResult(waiting)
        wire.lose(ConnectionDone())
        self.failure(waiting)
        self.failure(self.reply(control))
        self.failure(Deferred.fromCoroutine(control.command("QUIT")))
