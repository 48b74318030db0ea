"""Facts in the log, as text and as JSON, and the destinations of twistd's options."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent import facts
from cwmpagent.agent.facts import (
    AgentStarted,
    ConnectionRequested,
    ConnectionRequestRefused,
    EnvelopeReceived,
    EnvelopeSent,
    Fact,
    KickEnded,
    Noted,
    ParametersChanged,
    Rebooting,
    RpcAnswered,
    RpcCrashed,
    SessionEnded,
    SessionStarted,
    Warned,
)
from cwmpagent.logs import FactLog, level_of, line
from cwmpagent.logs.output import LEVELS, Threshold, observer, observer_for_twistd

DONE = SessionEnded(
    success=True,
    reason="",
    events=("2 PERIODIC", "4 VALUE CHANGE"),
    rpcs={"GetParameterValues": 2, "SetParameterValues": 1},
    faults={9005: 1},
    seconds=0.4211,
    retry_count=0,
    retry_in=None,
)
FAILED = SessionEnded(
    success=False,
    reason="connection refused",
    events=("1 BOOT",),
    rpcs={},
    faults={},
    seconds=15,
    retry_count=2,
    retry_in=17.2,
)
HOSTILE = "<x>\r\n2026-01-01 [cwmpagent#info] session done \x1b[2J\x00 \u202e \udcff" + "A" * 5000

ONE_OF_EACH = (
    AgentStarted("SN", "https://a/", True, "http://b/"),
    facts.AgentStopped("SN"),
    SessionStarted("https://a/", ("1 BOOT",), 1),
    RpcAnswered("GetParameterValues", 9005, 0.1, fault_text="Invalid parameter name"),
    DONE,
    EnvelopeSent("<x/>"),
    EnvelopeReceived(200, "<x/>"),
    ConnectionRequested("127.0.0.1", True, "UDP"),
    ConnectionRequested("127.0.0.1", False),
    ConnectionRequestRefused("192.0.2.1", "HTTP", "wrong path", "/x"),
    KickEnded("192.0.2.1", "the browser has gone"),
    ConnectionRequestRefused("192.0.2.1", "UDP", "malformed request", count=3, summary=True),
    ConnectionRequestRefused("", "", "", count=1, summary=True),
    ParametersChanged("acs", ("Device.A",), {"Device.A": "x"}),
    Rebooting("key", False),
    facts.TransferBegun("Download", "1 Firmware Upgrade Image", "http://a/fw", "key", 1),
    facts.TransferRepeated("Download", "1 Firmware Upgrade Image", "key", 9017, "the connection was lost", 5.0),
    facts.TransferEnded("Download", "1 Firmware Upgrade Image", "key", 9016, "the file does not exist", 2.5, 100, 1),
    facts.AcsMethods(("Inform", "TransferComplete")),
    RpcCrashed("Reboot", "Traceback:\n  KeyError: 'x'\n"),
    Warned("careful"),
    Noted("fine"),
)


class Log:
    """A FactLog, and the text that it and other loggers have written."""

    def __init__(self, form: str = "text", level: str = "info", envelopes: bool = False) -> None:
        self.out = io.StringIO()
        self.threshold = Threshold(level)
        self.publisher = LogPublisher(observer(self.out, form, self.threshold))
        self.facts = FactLog(self.threshold, envelopes=envelopes, logger=self.logger("cwmpagent"))

    def logger(self, namespace: str) -> Logger:
        return Logger(namespace=namespace, observer=self.publisher)

    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()

    def entries(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.out.getvalue().split("\n")[:-1]]


def hostile(fact: Fact) -> Fact:
    """The same kind of fact with every string replaced by a hostile one."""
    values: dict[str, Any] = {}
    for field in fields(fact):
        value = getattr(fact, field.name)
        if isinstance(value, str):
            value = HOSTILE
        elif isinstance(value, tuple):
            value = tuple(HOSTILE if isinstance(item, str) else item for item in value)
        elif isinstance(value, Mapping):
            value = {key: HOSTILE if isinstance(item, str) else item for key, item in value.items()}
        values[field.name] = value
    return type(fact)(**values)


class TextTests(SynchronousTestCase):
    def test_a_session_is_one_line_at_info(self) -> None:
        log = Log()
        for fact in (SessionStarted("https://a/", ("2 PERIODIC",), 0), RpcAnswered("Reboot", 0, 0.1), DONE):
            log.facts(fact)
        (text,) = log.lines()
        self.assertIn("[cwmpagent#info]", text)
        for part in ("2 PERIODIC", "4 VALUE CHANGE", "GetParameterValues x2", "SetParameterValues", "9005", "0.42 s"):
            self.assertIn(part, text)

    def test_a_failed_one_tells_why_and_when_again(self) -> None:
        log = Log(level="warn")
        log.facts(DONE)
        log.facts(FAILED)
        (text,) = log.lines()
        for part in ("[cwmpagent#warn]", "1 BOOT", "connection refused", "retry 2", "17 s"):
            self.assertIn(part, text)

    def test_debug_shows_each_rpc_and_info_each_fault(self) -> None:
        log = Log(level="debug")
        log.facts(RpcAnswered("AddObject", 0, 0.25))
        log.facts(RpcAnswered("DeleteObject", 9005, 0.25, fault_text="Invalid parameter name"))
        done, refused = log.lines()
        self.assertIn("#debug", done)
        for part in ("#info", "DeleteObject", "9005", "Invalid parameter name"):
            self.assertIn(part, refused)

    def test_a_fault_names_its_parameters_up_to_a_bound(self) -> None:
        parameters = tuple((f"Device.Time.No{number}", 9005, "there is none") for number in range(7))
        fact = RpcAnswered("SetParameterValues", 9003, 0.1, False, "Invalid arguments", parameters)
        text = line(fact)
        start = "answered SetParameterValues: fault 9003 Invalid arguments; Device.Time.No0: 9005 there is none; "
        self.assertTrue(text.startswith(start), text)
        self.assertIn("Device.Time.No4: 9005 there is none; and 2 more in 0.100 s", text)
        log = Log("json")
        log.facts(fact)
        self.assertEqual(log.entries()[0]["fault_parameters"][6], ["Device.Time.No6", 9005, "there is none"])
        long = RpcAnswered("SetParameterValues", 9003, 0.1, False, "", (("n" * 5000, 9005, "t" * 5000),))
        self.assertLess(len(line(long)), 1000)
        log = Log("json")
        log.facts(long)
        self.assertLess(len(log.out.getvalue()), 2000)

    def test_a_fault_of_soap_has_its_name(self) -> None:
        fact = RpcAnswered("Reboot", "MustUnderstand", 0.1, fault_text="header not understood: X")
        self.assertIn("answered Reboot: fault MustUnderstand header not understood: X", line(fact))

    def test_refused_connection_requests(self) -> None:
        for fact, text in (
            (
                ConnectionRequestRefused("192.0.2.1", "HTTP", "wrong path", "/a b"),
                "connection request by HTTP from 192.0.2.1 refused: wrong path /a b",
            ),
            (
                ConnectionRequestRefused("", "HTTP", "wrong password"),
                "connection request by HTTP refused: wrong password",
            ),
            (
                ConnectionRequestRefused("192.0.2.1", "UDP", "malformed request", count=3, summary=True),
                "3 more connection requests by UDP from 192.0.2.1 refused within a minute: malformed request",
            ),
            (
                ConnectionRequestRefused("", "", "", count=1, summary=True),
                "1 more connection request refused within a minute, of other sources or for other reasons",
            ),
        ):
            self.assertEqual((line(fact), level_of(fact)), (text, "info"))

    def test_envelopes_only_at_debug_and_only_when_asked_for(self) -> None:
        for level, envelopes, count in (("debug", True, 2), ("debug", False, 0), ("info", True, 0)):
            log = Log(level=level, envelopes=envelopes)
            log.facts(EnvelopeSent("<a>" + "x" * 5000 + "</a>"))
            log.facts(EnvelopeReceived(200, "<b>\n</b>"))
            self.assertEqual(len(log.lines()), count)
        log = Log(level="debug", envelopes=True)
        log.facts(EnvelopeSent("<a>" + "x" * 5000 + "</a>"))
        self.assertIn("x" * 5000 + "</a>", log.out.getvalue())

    def test_the_level_may_change(self) -> None:
        log = Log(level="error")
        log.facts(DONE)
        log.threshold.level = "info"
        log.facts(DONE)
        self.assertEqual(len(log.lines()), 1)

    def test_strings_of_the_peer_are_escaped_and_cut(self) -> None:
        for fact in map(hostile, ONE_OF_EACH):
            with self.subTest(fact=type(fact).__name__):
                text = line(fact)
                lines = text.split("\n") if isinstance(fact, RpcCrashed) else [text]
                for part in lines:
                    self.assertTrue((part.isprintable() and part.isascii()) or part.isprintable(), part[:200])
                if not isinstance(fact, EnvelopeSent | EnvelopeReceived):
                    self.assertLess(max(map(len, lines)), 2000)
                if not isinstance(fact, EnvelopeSent | EnvelopeReceived | RpcCrashed | Warned | Noted):
                    self.assertNotIn("A" * 201, text)

    def test_no_line_of_the_log_is_the_peers(self) -> None:
        log = Log(level="debug", envelopes=True)
        for fact in map(hostile, ONE_OF_EACH):
            log.facts(fact)
        for text in log.lines():
            self.assertTrue(text.startswith("\t") or "[cwmpagent#" in text[:60], text[:80])

    def test_many_different_names_stay_one_short_line(self) -> None:
        names = {f"X_{number}": 1 for number in range(10_000)}
        text = line(SessionEnded(True, "", (), names, dict.fromkeys(range(9000, 9999), 1), 1, 0, None))
        self.assertIn("more", text)
        self.assertLess(len(text), 1000)

    def test_transfers_are_lines_at_info(self) -> None:
        log = Log()
        for fact in ONE_OF_EACH:
            if type(fact).__name__.startswith("Transfer"):
                log.facts(fact)
        log.facts(facts.TransferEnded("Upload", "2 Vendor Log File", "", 0, "", None, 7, 2))
        texts = [text.partition("] ")[2] for text in log.lines()]
        self.assertEqual(
            texts,
            [
                "Download of 1 Firmware Upgrade Image, CommandKey key begins: http://a/fw, retry 1",
                "Download of 1 Firmware Upgrade Image, CommandKey key is interrupted:"
                " fault 9017 the connection was lost; next try in 5 s",
                "Download of 1 Firmware Upgrade Image, CommandKey key failed after 2.50 s, 100 octets:"
                " fault 9016 the file does not exist",
                "Upload of 2 Vendor Log File done, 7 octets",
            ],
        )

    def test_braces_are_only_characters(self) -> None:
        log = Log()
        log.facts(Noted("{fact} {nothing} {0}"))
        self.assertIn("{fact} {nothing} {0}", log.out.getvalue())

    def test_every_kind_of_fact_has_its_line(self) -> None:
        kinds = {kind for kind in vars(facts).values() if isinstance(kind, type) and issubclass(kind, Fact)} - {Fact}
        self.assertEqual({type(fact) for fact in ONE_OF_EACH}, kinds)
        for fact in ONE_OF_EACH:
            self.assertIn(level_of(fact), LEVELS)
            self.assertNotIn(type(fact).__name__ + "(", line(fact))


class JsonTests(SynchronousTestCase):
    def test_one_object_a_line_with_the_fields_of_the_fact(self) -> None:
        log = Log("json")
        log.facts(DONE)
        (entry,) = log.entries()
        self.assertEqual((entry["level"], entry["namespace"], entry["fact"]), ("info", "cwmpagent", "SessionEnded"))
        self.assertEqual(entry["events"], ["2 PERIODIC", "4 VALUE CHANGE"])
        self.assertEqual(entry["rpcs"], {"GetParameterValues": 2, "SetParameterValues": 1})
        self.assertEqual(entry["faults"], {"9005": 1})
        self.assertIs(entry["success"], True)
        self.assertIsNone(entry["retry_in"])
        self.assertIn("session done", entry["message"])
        self.assertRegex(entry["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")

    def test_events_of_others_are_lines_too(self) -> None:
        log = Log("json")
        logger = log.logger("somebody.else")
        logger.warn("{what}\nnext", what="x")
        try:
            raise KeyError("lost")
        except KeyError:
            logger.failure("oops", Failure())
        first, second = log.entries()
        self.assertEqual((first["message"], first["level"]), ("x\nnext", "warn"))
        self.assertIn("KeyError: 'lost'", second["trace"])

    def test_hostile_strings_are_cut_and_stay_within_their_line(self) -> None:
        log = Log("json", "debug", envelopes=True)
        for fact in map(hostile, ONE_OF_EACH):
            log.facts(fact)
        self.assertEqual(len(log.entries()), len(ONE_OF_EACH))
        self.assertTrue(log.out.getvalue().isascii())
        for entry in log.entries():
            if entry["fact"] not in ("EnvelopeSent", "EnvelopeReceived", "RpcCrashed"):
                self.assertLess(len(json.dumps(entry)), 4000)

    @settings(deadline=None, max_examples=50)
    @given(st.text())
    def test_any_text_comes_back_from_json(self, text: str) -> None:
        log = Log("json")
        log.facts(Noted(text))
        (entry,) = log.entries()
        self.assertEqual(entry["text"][:200], text[:200])


class ThresholdTests(SynchronousTestCase):
    def test_each_level_passes_itself_and_what_is_above(self) -> None:
        for number, level in enumerate(LEVELS):
            log = Log(level=level)
            for each in LEVELS:
                log.logger("x").emit(LogLevel.levelWithName(each), "said")
            self.assertEqual(len(log.lines()), len(LEVELS) - number)

    def test_twisted_keeps_quiet_about_each_connection(self) -> None:
        for level, count in (("info", 0), ("debug", 1)):
            log = Log(level=level)
            log.logger("twisted.web.client._HTTP11ClientFactory").info("Starting factory")
            self.assertEqual(len(log.lines()), count)
        log = Log()
        log.logger("twisted.web.client._HTTP11ClientFactory").warn("something is wrong")
        self.assertEqual(len(log.lines()), 1)


class PortsTests(SynchronousTestCase):
    """What Twisted logs about each port, with its old logger that has neither level nor namespace of its own."""

    def entry(self, level: str, text: str) -> bool:
        log = Log(level=level)
        event = {
            "log_namespace": "log_legacy",
            "log_level": LogLevel.info,
            "log_text": text,
            "log_format": "{log_text}",
        }
        log.publisher({**event, "log_time": 0.0, "log_system": "-"})
        return bool(log.lines())

    def test_lines_about_ports_are_for_debug(self) -> None:
        for text in (
            "BoundedHttpFactory starting on 7547",
            "ServerFactory starting on '/run/x.sock'",
            "BoundedSite (TLS) starting on 8070",
            "Starting protocol <cwmpagent.transport.udp.port._ConnectionRequests object at 0x7f0000000000>",
            "(TCP Port 7547 Closed)",
            "(UDP Port 7547 Closed)",
        ):
            self.assertEqual((self.entry("info", text), self.entry("debug", text)), (False, True), text)

    def test_other_lines_stay(self) -> None:
        for text in ("something is starting on its own here", "the port was closed", "Starting over"):
            self.assertTrue(self.entry("info", text), text)

    def test_the_start_of_the_process_is_for_debug(self) -> None:
        for level, count in (("info", 0), ("debug", 1)):
            log = Log(level=level)
            log.logger("twisted.scripts._twistd_unix.UnixAppLogger").info("twistd 0 starting up.")
            self.assertEqual(len(log.lines()), count)


class TwistdTests(SynchronousTestCase):
    def test_the_users_own_logger_wins(self) -> None:
        for options in ({"logger": object()}, {"syslog": True}):
            self.assertIsNone(observer_for_twistd(options, "json", Threshold()))

    def setUp(self) -> None:
        self.addCleanup(signal.signal, signal.SIGUSR1, signal.getsignal(signal.SIGUSR1))
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)

    def test_a_logfile_that_sigusr1_rotates_as_twistds_own(self) -> None:
        name = self.mktemp()
        factory = observer_for_twistd({"logfile": name, "nodaemon": True, "syslog": False}, "json", Threshold())
        assert factory is not None
        self.assertFalse(Path(name).exists())
        FactLog(Threshold(), logger=Logger(namespace="x", observer=factory()))(Noted("written"))
        self.assertEqual(json.loads(Path(name).read_text())["text"], "written")
        self.assertTrue(callable(signal.getsignal(signal.SIGUSR1)))

    def test_standard_output_unless_daemonized(self) -> None:
        out = io.StringIO()
        self.patch(sys, "stdout", out)
        for options in ({"nodaemon": True}, {"nodaemon": True, "logfile": "-"}):
            factory = observer_for_twistd(options, "text", Threshold())
            assert factory is not None
            FactLog(Threshold(), logger=Logger(namespace="x", observer=factory()))(Noted("printed"))
        self.assertEqual(out.getvalue().count("printed"), 2)
        factory = observer_for_twistd({"nodaemon": False, "logfile": "-"}, "text", Threshold())
        assert factory is not None
        self.assertRaises(SystemExit, factory)
