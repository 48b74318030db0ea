"""One session against a scripted ACS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import MisuseError
from cwmpagent.faults import fault_text
from cwmpagent.protocol.rpc import (
    AddObject,
    CpeRequest,
    DeviceIdStruct,
    EventStruct,
    Fault,
    FaultStruct,
    GenericRequest,
    GenericResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    GetRPCMethods,
    GetRPCMethodsResponse,
    Inform,
    InformResponse,
    Message,
    ParameterValueStruct,
    Reboot,
    RebootResponse,
    Response,
    SoapFault,
    TransferComplete,
    TransferCompleteResponse,
)
from cwmpagent.protocol.session.actions import Action, Call, Delivered, Deviation, Finished, Post, Reply
from cwmpagent.protocol.session.session import MOST_HOLDS, MOST_REPEATS, Session
from cwmpagent.protocol.session.transitions import AWAITING_ACS, FROM_ACS, TRANSITIONS, Do, Input, State
from cwmpagent.protocol.soap import CWMP_1_0, CWMP_1_1, CWMP_1_2, Envelope, decode, encode
from cwmpagent.values import UNKNOWN_TIME, Value, ValueType
from tests.skips import CHECKOUT

INFORM = Inform(
    device_id=DeviceIdStruct(manufacturer="Example", oui="00D09E", product_class="Gateway", serial_number="SN1"),
    event=(EventStruct("2 PERIODIC", ""),),
    max_envelopes=1,
    current_time=UNKNOWN_TIME,
    retry_count=0,
    parameter_list=(),
)
DONE = TransferComplete(
    command_key="k", fault_struct=FaultStruct(0, ""), start_time=UNKNOWN_TIME, complete_time=UNKNOWN_TIME
)
READ = GetParameterValues(parameter_names=("Device.",))
READING = GetParameterValuesResponse(parameter_list=(ParameterValueStruct("Device.A", Value(ValueType.STRING, "a")),))
NOTHING = Reply(204, b"")
UNKNOWN_HEADER = '<x:Odd xmlns:x="urn:odd" soap-env:mustUnderstand="1">1</x:Odd>'


def says(body: Message | None, envelope_id: str | None = "acs", **header: Any) -> Reply:
    return Reply(200, encode(Envelope(body=body, id=envelope_id, **header)))


def with_header(reply: Reply, header: str) -> Reply:
    """Return the same answer with an additional header element."""
    return replace(reply, body=reply.body.replace(b"</soap-env:Header>", header.encode() + b"</soap-env:Header>"))


def numbers() -> Iterator[str]:
    return (str(number) for number in count(1))


class Run:
    """A session and its last action."""

    def __init__(self, *requests: CpeRequest, **options: Any) -> None:
        self.session = Session(INFORM, envelope_ids=numbers(), **options)
        for request in requests:
            self.session.offer(request)
        self.post = self.session.begin()
        self.actions: tuple[Action, ...] = (self.post,)

    def hears(self, reply: Reply) -> tuple[Action, ...]:
        self.actions = self.session.receive(reply)
        for action in self.actions:
            if isinstance(action, Post):
                self.post = action
        return self.actions

    def informed(self, **header: Any) -> tuple[Action, ...]:
        return self.hears(says(InformResponse(), "1", **header))

    def answers(self, message: Any = READING) -> Post:
        self.post = self.session.answer(message)
        return self.post

    @property
    def sent(self) -> Envelope:
        return decode(self.post.body)

    def over(self, success: bool = True) -> str:
        """Check that the session ended with the last action; return the reason."""
        (last,) = self.actions[-1:]
        assert isinstance(last, Finished), last
        assert last.success is success, last
        assert "\n" not in last.reason
        assert last.informed is self.session.informed
        return last.reason


class TransitionTests(SynchronousTestCase):
    """The transition table."""

    LEGAL = """
        NEW BEGIN -> INFORMING
        INFORMING RESPONSE -> TURN; INFORMING REPEAT -> INFORMING
        TURN HELD -> WAITING; TURN QUEUED -> REQUESTING; TURN IDLE -> CLOSING
        REQUESTING RESPONSE -> TURN; REQUESTING FAULT -> TURN; REQUESTING REPEAT -> REQUESTING
        WAITING REQUEST -> CALLED; WAITING BAD_REQUEST -> WAITING; WAITING NOTHING -> TURN; WAITING HOLDING -> WAITING
        CALLED ANSWER -> WAITING
        CLOSING REQUEST -> CALLED_CLOSING; CLOSING BAD_REQUEST -> CLOSING; CLOSING HOLDING -> CLOSING
        CLOSING NOTHING -> FINISHED
        CALLED_CLOSING ANSWER -> CLOSING
    """

    def test_complete(self) -> None:
        lines = [line.split() for line in self.LEGAL.replace(";", "\n").splitlines() if line.strip()]
        legal = {(State[state], Input[found]): State[then] for state, found, _, then in lines}
        for state in State:
            for found in Input:
                if (state, found) in legal:
                    self.assertEqual(TRANSITIONS[state, found][1], legal[state, found])
                    self.assertIsNot(TRANSITIONS[state, found][0], Do.FAIL)
                elif state in AWAITING_ACS and found in FROM_ACS:
                    self.assertEqual(TRANSITIONS[state, found], (Do.FAIL, State.FINISHED))
                else:
                    self.assertNotIn((state, found), TRANSITIONS)
        self.assertEqual({do for do, _ in TRANSITIONS.values()}, set(Do))
        self.assertEqual({found for _, found in TRANSITIONS}, set(Input))

    def test_reachable(self) -> None:
        def reached(start: State, *, without: Do) -> set[State]:
            found, new = {start}, [start]
            while new:
                state = new.pop()
                for (source, _), (do, then) in TRANSITIONS.items():
                    if source is state and then not in found and do is not without:
                        found.add(then)
                        new.append(then)
            return found

        self.assertEqual(reached(State.NEW, without=Do.FAIL), set(State))
        for state in State:
            self.assertIn(State.FINISHED, reached(state, without=Do.FAIL), state)

    def test_nothing_but_an_answered_inform_opens_the_way(self) -> None:
        ways = {
            found
            for (state, found), (_, then) in TRANSITIONS.items()
            if state is State.INFORMING and then is State.TURN
        }
        self.assertEqual(ways, {Input.RESPONSE})

    def test_as_documentation(self) -> None:
        rows = as_markdown().splitlines()
        self.assertEqual(len(rows), 2 + sum(do is not Do.FAIL for do, _ in TRANSITIONS.values()))
        self.assertIn("| Inform sent | the expected response | deliver the answer | CPE may send |", rows)
        page = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
        self.assertIn(as_markdown(), page, "put the text that as_markdown() returns into the page")


def as_markdown() -> str:
    """The table for documentation: one row for each transition except those that fail."""
    rows = (
        f"| {state.value} | {trigger.value} | {do.value} | {then.value} |"
        for (state, trigger), (do, then) in TRANSITIONS.items()
        if do is not Do.FAIL
    )
    return "\n".join(("| State | Input | Action | Next state |", "|---|---|---|---|", *rows, ""))


class CourseTests(SynchronousTestCase):
    """Regular sessions."""

    def test_nothing_to_do(self) -> None:
        run = Run()
        self.assertEqual(run.sent.body, INFORM)
        self.assertFalse(run.session.informed)
        self.assertEqual(run.informed(), (Delivered(INFORM, InformResponse()), Post(b"", None)))
        self.assertTrue(run.session.informed)
        self.assertEqual(run.hears(NOTHING), (Finished(True, "", True),))
        self.assertIs(run.session.state, State.FINISHED)

    def test_an_empty_200_is_nothing_too(self) -> None:
        for body in (b"", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", b"\xff\xfe\n\0", b" " * 3000 + b"\0"):
            run = Run()
            run.informed()
            run.hears(Reply(200, body))
            run.over()

    def test_requests_of_the_acs(self) -> None:
        run = Run()
        run.informed()
        self.assertEqual(run.hears(says(READ, "a&b" * 10)), (Call(READ, "a&b" * 10),))
        self.assertEqual(run.answers().message, READING)
        self.assertEqual((run.sent.body, run.sent.id, run.post.answers), (READING, "a&b" * 10, "GetParameterValues"))
        self.assertEqual(run.hears(says(Reboot(command_key=""), None)), (Call(Reboot(command_key=""), None),))
        run.answers(Fault(9001))
        self.assertEqual((decode(run.post.body).body, run.sent.id), (Fault(9001, "Request denied"), None))
        run.hears(says(READ))
        run.answers()
        self.assertEqual(run.hears(NOTHING), (Finished(True, "", True),))

    def test_our_requests_come_before_the_empty_post(self) -> None:
        run = Run(DONE, GetRPCMethods())
        self.assertEqual(run.informed()[0], Delivered(INFORM, InformResponse()))
        self.assertEqual((run.sent.body, run.sent.id), (DONE, "2"))
        self.assertEqual(
            run.hears(says(TransferCompleteResponse(), "2"))[0], Delivered(DONE, TransferCompleteResponse())
        )
        self.assertEqual((run.sent.body, run.sent.id), (GetRPCMethods(), "3"))
        methods = GetRPCMethodsResponse(method_list=("Inform",))
        self.assertEqual(run.hears(says(methods, "3")), (Delivered(GetRPCMethods(), methods), Post(b"", None)))
        run.hears(NOTHING)
        run.over()

    def test_a_request_offered_in_time(self) -> None:
        run = Run()
        self.assertTrue(run.session.offer(DONE))
        run.informed(hold_requests=True)
        self.assertTrue(run.session.offer(GetRPCMethods()))
        run.hears(NOTHING)
        self.assertEqual(run.sent.body, DONE)

    def test_a_request_offered_too_late_is_not_sent(self) -> None:
        run = Run()
        run.informed()
        self.assertFalse(run.session.offer(DONE))
        run.hears(says(READ))
        self.assertFalse(run.session.offer(DONE))
        run.answers()
        run.hears(NOTHING)
        run.over()
        self.assertFalse(run.session.offer(DONE))

    def test_a_fault_in_answer_to_our_request_is_no_end(self) -> None:
        for code in (8000, 8001, 8002, 8003, 8004, 8800):
            run = Run(DONE, DONE)
            run.informed()
            fault = Fault(code, "no")
            self.assertEqual(run.hears(says(fault, "2"))[0], Delivered(DONE, fault))
            run.hears(says(TransferCompleteResponse(), "3"))
            run.hears(NOTHING)
            run.over()

    def test_a_vendors_requests_both_ways(self) -> None:
        ours, answer = GenericRequest("X_EXAMPLE_Ping"), GenericResponse("X_EXAMPLE_PingResponse", (("A", "b"),))
        run = Run(ours)
        run.informed()
        self.assertEqual(run.hears(says(answer, "2"))[0], Delivered(ours, answer))
        theirs = GenericRequest("X_EXAMPLE_Pong", (("C", "d"),))
        self.assertEqual(run.hears(says(theirs)), (Call(theirs, "acs"),))
        with self.assertRaises(MisuseError):
            run.answers(GenericResponse("X_EXAMPLE_PingResponse"))
        run.answers(GenericResponse("X_EXAMPLE_PongResponse"))
        run.hears(NOTHING)
        run.over()

    def test_an_unknown_request_is_the_dispatchers(self) -> None:
        run = Run()
        run.informed()
        self.assertEqual(run.hears(says(GenericRequest("Format"))), (Call(GenericRequest("Format"), "acs"),))
        run.answers(Fault(9000))
        run.hears(NOTHING)
        run.over()

    def test_content_type_does_not_matter_but_charset_does(self) -> None:
        run = Run()
        reply = says(InformResponse(), "1")
        latin = reply.body.decode().replace('encoding="UTF-8"', 'encoding="ISO-8859-1"').encode("latin-1")
        run.hears(Reply(200, latin, "iso-8859-1"))
        self.assertTrue(run.session.informed)


class HoldTests(SynchronousTestCase):
    """HoldRequests (TR-069 3.5)."""

    def test_held_by_the_answer_to_the_inform(self) -> None:
        run = Run(DONE)
        self.assertEqual(run.informed(hold_requests=True)[1], Post(b"", None))
        run.hears(says(READ, hold_requests=True))
        run.answers()
        self.assertEqual(run.hears(says(None, hold_requests=True)), (Post(b"", None),))
        run.hears(NOTHING)
        self.assertEqual(run.sent.body, DONE)
        run.hears(says(TransferCompleteResponse(), "2"))
        self.assertEqual(run.post, Post(b"", None))
        run.hears(NOTHING)
        run.over()

    def test_lifted_by_an_envelope_without_a_request(self) -> None:
        run = Run(DONE)
        run.informed(hold_requests=True)
        run.hears(says(None, hold_requests=False))
        self.assertEqual(run.sent.body, DONE)

    def test_lifted_with_a_request_ours_follow_the_answer_when_there_is_nothing_more(self) -> None:
        run = Run(DONE)
        run.informed(hold_requests=True)
        run.hears(says(READ, hold_requests=False))
        self.assertEqual(run.answers().message, READING)
        run.hears(NOTHING)
        self.assertEqual(run.sent.body, DONE)

    def test_between_two_requests_of_ours(self) -> None:
        run = Run(DONE, DONE)
        run.informed()
        self.assertEqual(run.hears(says(TransferCompleteResponse(), "2", hold_requests=True))[1], Post(b"", None))
        run.hears(NOTHING)
        self.assertEqual(run.sent.id, "3")

    def test_with_a_fault(self) -> None:
        run = Run(DONE, DONE)
        run.informed()
        run.hears(says(Fault(8001), "2", hold_requests=True))
        self.assertEqual(run.post, Post(b"", None))

    def test_a_held_empty_post_is_not_the_last(self) -> None:
        run = Run()
        run.informed(hold_requests=True)
        self.assertEqual(run.hears(NOTHING), (Post(b"", None),))
        self.assertEqual(run.hears(NOTHING), (Finished(True, "", True),))

    def test_every_spelling(self) -> None:
        for text, held in (("1", True), ("true", True), ("0", False), ("false", False)):
            run = Run(DONE)
            header = f'<cwmp:HoldRequests soap-env:mustUnderstand="1">{text}</cwmp:HoldRequests>'
            run.hears(with_header(says(InformResponse(), "1"), header))
            self.assertEqual(run.post.message is None, held, text)

    def test_no_more_requests_is_ignored(self) -> None:
        run = Run(DONE)
        run.hears(with_header(says(InformResponse(), "1"), "<cwmp:NoMoreRequests>1</cwmp:NoMoreRequests>"))
        self.assertEqual(run.sent.body, DONE)

    def test_held_after_our_last_request(self) -> None:
        run = Run()
        run.informed()
        self.assertEqual(run.hears(says(None, hold_requests=True)), (Post(b"", None),))
        run.hears(says(READ, hold_requests=True))
        run.answers()
        run.hears(NOTHING)
        run.over()

    def test_an_envelope_with_nothing_in_it_ends_it_as_nothing_does(self) -> None:
        run = Run()
        run.informed()
        run.hears(says(None))
        run.over()

    def test_not_for_ever(self) -> None:
        for held_first in (True, False):
            run = Run(DONE)
            run.informed(hold_requests=held_first)
            if not held_first:
                run.hears(says(TransferCompleteResponse(), "2"))
            for _ in range(MOST_HOLDS):
                self.assertEqual(run.hears(says(None, hold_requests=True)), (Post(b"", None),))
            run.hears(says(None, hold_requests=True))
            self.assertIn("more than 100 times", run.over(False))


class RepeatTests(SynchronousTestCase):
    """Fault 8005."""

    def test_the_same_bytes_again(self) -> None:
        run = Run(DONE)
        inform = run.post
        for _ in range(3):
            self.assertEqual(run.hears(says(Fault(8005), "1")), (inform,))
            self.assertEqual(run.post.body, inform.body)
        run.informed()
        done = run.post
        for _ in range(MOST_REPEATS):
            self.assertEqual(run.hears(says(Fault(8005), "2")), (done,))
        run.hears(says(TransferCompleteResponse(), "2"))
        run.hears(NOTHING)
        run.over()

    def test_not_for_ever(self) -> None:
        for first in ("Inform", "TransferComplete"):
            run = Run(DONE)
            envelope_id = "1"
            if first == "TransferComplete":
                run.informed()
                envelope_id = "2"
            for _ in range(MOST_REPEATS):
                self.assertIsInstance(run.hears(says(Fault(8005), envelope_id))[0], Post)
            run.hears(says(Fault(8005), envelope_id))
            self.assertIn(f"fault 8005 in answer to {first}: Retry request, more than 10 times", run.over(False))

    def test_with_http_500(self) -> None:
        run = Run()
        self.assertEqual(run.hears(replace(says(Fault(8005), "1"), status=500)), (run.post,))


class VersionTests(SynchronousTestCase):
    """Versions and namespaces (TR-069 3.5)."""

    def test_what_the_inform_offers(self) -> None:
        for version, namespace, offered, timeout in (
            ("1.0", CWMP_1_0, (), None),
            ("1.1", CWMP_1_1, (), None),
            ("1.2", CWMP_1_2, (), None),
            ("1.3", CWMP_1_2, (), 60),
            ("1.4", CWMP_1_2, ("1.0", "1.1", "1.2", "1.3", "1.4"), 60),
        ):
            sent = Run(version=version).sent
            self.assertEqual(
                (sent.namespace, sent.supported_versions, sent.session_timeout), (namespace, offered, timeout)
            )
        self.assertIsNone(Run(session_timeout=None).sent.session_timeout)
        with self.assertRaises(MisuseError):
            Run(version="1.5")

    def test_only_the_inform_carries_those_headers(self) -> None:
        run = Run(DONE)
        run.informed()
        self.assertEqual((run.sent.supported_versions, run.sent.session_timeout), ((), None))

    def test_the_acs_chooses(self) -> None:
        for version, namespace in (("1.0", CWMP_1_0), ("1.1", CWMP_1_1), ("1.2", CWMP_1_2), ("1.4", CWMP_1_2)):
            run = Run(DONE)
            run.informed(use_version=version)
            self.assertEqual((run.session.version, run.sent.namespace), (version, namespace))
            run.hears(says(TransferCompleteResponse(), "2"))
            for asked in (CWMP_1_2, CWMP_1_0):
                run.hears(says(READ, namespace=asked))
                run.answers()
                self.assertEqual(run.sent.namespace, namespace)

    def test_it_may_not_choose_what_was_not_offered(self) -> None:
        for version, chosen in (("1.4", "1.5"), ("1.4", "2.0\n"), ("1.0", "1.0"), ("1.4", "")):
            run = Run(version=version)
            self.assertEqual(len(run.informed(use_version=chosen)), 1)
            self.assertIn("not offered", run.over(False))
            self.assertFalse(run.session.informed)

    def test_it_chooses_by_its_namespace(self) -> None:
        for theirs, version, namespace in (
            (CWMP_1_0, "1.0", CWMP_1_0),
            (CWMP_1_1, "1.1", CWMP_1_1),
            (CWMP_1_2, "1.2", CWMP_1_2),
            ("urn:dslforum-org:cwmp-1-3", "1.3", CWMP_1_2),
            ("urn:dslforum-org:cwmp-1-4", "1.4", CWMP_1_2),
            ("urn:dslforum-org:cwmp-1-9", "1.4", CWMP_1_2),
        ):
            run = Run(DONE)
            run.informed(namespace=theirs)
            self.assertEqual((run.session.version, run.sent.namespace), (version, namespace), theirs)
            run.hears(says(TransferCompleteResponse(), "2", namespace=theirs))
            for asked, answered in ((theirs, namespace), (CWMP_1_0, CWMP_1_0)):
                run.hears(says(READ, namespace=asked))
                run.answers()
                self.assertEqual(run.sent.namespace, answered)

    def test_never_above_what_we_speak(self) -> None:
        run = Run(version="1.0")
        run.informed(namespace=CWMP_1_2)
        run.hears(says(READ, namespace=CWMP_1_2))
        run.answers()
        self.assertEqual(run.sent.namespace, CWMP_1_0)


class RefusalTests(SynchronousTestCase):
    """ACS requests that the session answers without the driver."""

    def test_wrong_arguments(self) -> None:
        run = Run()
        run.informed()
        bad = says(READ, "a").body.replace(b"Names", b"Nombres")
        run.hears(Reply(200, bad))
        fault = run.sent.body
        assert isinstance(fault, Fault)
        self.assertEqual((fault.code, run.sent.id, run.post.answers), (9003, "a", "GetParameterValues"))
        run.hears(says(READ))
        run.answers()
        run.hears(NOTHING)
        run.over()

    def test_anything_wrong_below_an_rpc(self) -> None:
        good = says(READ, "a").body
        names = good[good.index(b"<ParameterNames") : good.index(b"</cwmp:Get")]
        for wrong, text in (
            (good.replace(b"Device.", b"<string>Device.</string>"), "there is an element inside the text of string"),
            (good.replace(b"Device.", b"Device.<a><b>x</b></a>"), "there is an element inside the text of string"),
            (good.replace(names, names * 2), "ParameterNames occurs more than once"),
            (good.replace(names, b"<ParameterNames>Device.</ParameterNames>"), "ParameterNames is empty"),
        ):
            run = Run()
            run.informed()
            self.assertEqual(run.hears(Reply(200, wrong)), (run.post,))
            self.assertEqual((run.sent.body, run.sent.id), (Fault(9003, text), "a"))
            self.assertEqual(run.hears(says(READ)), (Call(READ, "acs"),))
            run.answers()
            run.hears(NOTHING)
            run.over()

    def test_an_unknown_mandatory_header(self) -> None:
        for closing in (True, False):
            run = Run()
            run.informed(hold_requests=not closing)
            self.assertEqual(len(run.hears(with_header(says(READ, "a"), UNKNOWN_HEADER))), 1)
            self.assertEqual(run.sent.id, "a")
            fault = run.sent.body
            assert isinstance(fault, SoapFault)
            self.assertEqual(fault.faultcode, "MustUnderstand")
            self.assertIn("Odd", fault.faultstring)
            run.hears(says(READ))
            run.answers()
            run.hears(NOTHING)
            if not closing:
                run.hears(NOTHING)
            run.over()

    def test_a_header_that_is_not_mandatory(self) -> None:
        run = Run()
        run.informed()
        header = UNKNOWN_HEADER.replace('Understand="1"', 'Understand="0"')
        self.assertEqual(run.hears(with_header(says(READ), header)), (Call(READ, "acs"),))

    def test_an_unknown_mandatory_header_in_a_response(self) -> None:
        run = Run()
        run.hears(with_header(says(InformResponse(), "1"), UNKNOWN_HEADER))
        self.assertIn("the unsupported header 'Odd' with mustUnderstand in answer to Inform", run.over(False))
        run = Run(DONE)
        run.informed()
        run.hears(with_header(says(TransferCompleteResponse(), "2"), UNKNOWN_HEADER))
        run.over(False)

    def test_an_answer_that_xml_cannot_carry(self) -> None:
        run = Run()
        run.informed()
        run.hears(says(READ))
        bad = replace(READING, parameter_list=(ParameterValueStruct("Device.A", Value(ValueType.STRING, "a\x01b")),))
        fault = run.answers(bad).message
        assert isinstance(fault, Fault)
        self.assertEqual((fault.code, run.sent.id), (9002, "acs"))
        self.assertIn("U+0001", fault.text)
        run.hears(NOTHING)
        run.over()


class DeviationTests(SynchronousTestCase):
    """Deviations of ACSs that a session accepts, each noted once."""

    def noted(self, run: Run) -> list[str]:
        """Remove the deviations from the last actions; return their texts."""
        texts = [action.text for action in run.actions if isinstance(action, Deviation)]
        self.assertTrue(all(text.isprintable() and len(text) < 300 for text in texts), texts)
        run.actions = tuple(action for action in run.actions if not isinstance(action, Deviation))
        return texts

    def test_an_answer_without_id(self) -> None:
        run = Run(DONE, DONE, DONE)
        run.hears(says(InformResponse(), None))
        (text,) = self.noted(run)
        self.assertIn(
            "the ACS sent InformResponse in answer to Inform without cwmp:ID; it is taken as the answer", text
        )
        self.assertEqual(run.actions, (Delivered(INFORM, InformResponse()), run.post))
        run.hears(says(TransferCompleteResponse(), None))
        self.assertEqual(run.actions, (Delivered(DONE, TransferCompleteResponse()), run.post))
        run.hears(says(Fault(8002), None))
        self.assertEqual(run.actions, (Delivered(DONE, Fault(8002, fault_text(8002))), run.post))
        run.hears(says(Fault(8005), None))
        self.assertEqual(run.actions, (run.post,))
        run.hears(says(TransferCompleteResponse(), "4"))
        run.hears(NOTHING)
        run.over()

    def test_a_fault_without_id_is_noted_with_its_code(self) -> None:
        run = Run(DONE)
        run.informed()
        run.hears(says(Fault(8002, "not\nnow"), None))
        (text,) = self.noted(run)
        self.assertIn("sent fault 8002 in answer to TransferComplete: not\\nnow without cwmp:ID", text)

    def test_a_wrong_answer_without_id_is_not_noted(self) -> None:
        for reply in (says(TransferCompleteResponse(), None), says(Fault(8001), None)):
            run = Run()
            run.hears(reply)
            self.assertEqual(self.noted(run), [])
            run.over(False)

    def test_a_wrong_id_is_a_failure(self) -> None:
        for wrong in ("2", "", " 1", "01"):
            run = Run()
            run.hears(says(InformResponse(), wrong))
            self.assertIn(f"with the ID '{wrong}' instead of '1'", run.over(False))

    def test_requests_without_their_keys(self) -> None:
        run = Run()
        run.informed()
        bare = says(Reboot(command_key="")).body.replace(b"<CommandKey></CommandKey>", b"")
        add = says(AddObject("A.", "")).body.replace(b"<ParameterKey></ParameterKey>", b"")
        run.hears(Reply(200, bare))
        (text,) = self.noted(run)
        self.assertIn("the ACS sent Reboot without the mandatory CommandKey, which is taken as empty", text)
        self.assertEqual(run.actions, (Call(Reboot(command_key=""), "acs"),))
        run.answers(RebootResponse())
        for reply, request in ((bare, Reboot("")), (add, AddObject("A.", "")), (says(READ).body, READ)):
            self.assertEqual(run.hears(Reply(200, reply)), (Call(request, "acs"),), "noted once a session")
            run.answers(Fault(9001))
        run.hears(NOTHING)
        run.over()

    def test_requests_without_their_keys_by_the_letter(self) -> None:
        run = Run(lenient=False)
        run.informed()
        bare = says(Reboot(command_key="")).body.replace(b"<CommandKey></CommandKey>", b"")
        self.assertEqual(run.hears(Reply(200, bare)), (run.post,))
        self.assertEqual(run.sent.body, Fault(9003, "CommandKey is missing in Reboot"))
        run.hears(NOTHING)
        run.over()

    def test_both_deviations_in_one_session(self) -> None:
        run = Run()
        run.hears(says(InformResponse(), None))
        self.assertEqual(len(self.noted(run)), 1)
        run.hears(Reply(200, says(Reboot(""), None).body.replace(b"<CommandKey></CommandKey>", b"")))
        self.assertEqual(len(self.noted(run)), 1)

    def test_a_key_that_is_noted_where_it_fails_otherwise(self) -> None:
        run = Run()
        run.hears(Reply(200, says(Reboot("")).body.replace(b"<CommandKey></CommandKey>", b"")))
        self.assertEqual(self.noted(run), [])
        self.assertIn("the request Reboot in answer to Inform", run.over(False))


class FailureTests(SynchronousTestCase):
    """Failures that end a session (TR-069 3.7.2.4), and their reasons."""

    def fails(self, run: Run, reply: Reply, *words: str) -> None:
        run.hears(reply)
        reason = run.over(False)
        for word in words:
            self.assertIn(word, reason)
        self.assertLess(len(reason), 600)
        self.assertTrue(reason.isprintable(), reason)
        with self.assertRaises(MisuseError):
            run.session.receive(NOTHING)

    def test_of_an_inform(self) -> None:
        for reply, words in (
            (NOTHING, "answered Inform with an empty HTTP response"),
            (Reply(200, b""), "answered Inform with an empty HTTP response"),
            (Reply(404, b""), "HTTP 404 in answer to Inform"),
            (Reply(503, b"<html>Too  busy\n"), "HTTP 503 in answer to Inform, which begins '<html>Too  busy\\n'"),
            (Reply(500, b"oops"), "HTTP 500"),
            (Reply(200, b"<html>Welcome"), "begins '<html>Welcome'"),
            (Reply(201, b""), "HTTP 201"),
            (Reply(302, b""), "HTTP 302"),
            (replace(says(InformResponse(), "1"), status=500), "HTTP 500"),
            (replace(says(InformResponse(), "1"), status=400), "HTTP 400"),
            (replace(says(Fault(8005), "1"), status=400), "HTTP 400"),
            (says(Fault(8001, "go\naway"), "1"), "fault 8001 in answer to Inform: go\\naway"),
            (says(Fault(8006), "1"), "fault 8006"),
            (replace(says(Fault(8003, "bad"), "1"), status=500), "fault 8003 in answer to Inform: bad"),
            (says(SoapFault("Server", "went\twrong"), "1"), "Server in answer to Inform: went\\twrong"),
            (says(READ), "the request GetParameterValues in answer to Inform"),
            (says(INFORM, "1"), "the request Inform in answer to Inform"),
            (says(TransferCompleteResponse(), "1"), "TransferCompleteResponse in answer to Inform"),
            (says(GenericResponse("OddResponse"), "1"), "sent OddResponse in answer to Inform"),
            (says(GenericResponse("Odd.Response"), "1"), "sent 'Odd.Response' in answer to Inform"),
            (says(GenericResponse("O" * 300 + "Response"), "1"), f"sent '{'O' * 200}...' in answer to Inform"),
            (
                replace(says(None, "1"), body=says(READ).body.replace(b"GetParameterValues", "ÜX".encode())),
                "sent the request 'ÜX' in answer to Inform",
            ),
            (says(None, "1"), "empty body in answer to Inform"),
            (says(None, "1", hold_requests=True), "empty body in answer to Inform"),
            (says(InformResponse(), "2"), "with the ID '2' instead of '1'"),
            (says(InformResponse(), ""), "with the ID '' instead of '1'"),
            (says(InformResponse(), "x\n" * 200), "with the ID 'x\\nx\\n"),
            (says(Fault(8005), "2"), "with the ID '2' instead of '1'"),
        ):
            run = Run(DONE)
            self.fails(run, reply, words)
            self.assertFalse(run.session.informed)
            self.assertEqual(len(run.actions), 1)

    def test_of_our_request(self) -> None:
        for reply, words in (
            (NOTHING, "answered TransferComplete with an empty HTTP response"),
            (says(None), "empty body in answer to TransferComplete"),
            (says(READ), "the request GetParameterValues in answer to TransferComplete"),
            (says(InformResponse(), "2"), "InformResponse in answer to TransferComplete"),
            (says(TransferCompleteResponse(), "1"), "with the ID '1' instead of '2'"),
            (says(SoapFault("Client"), "2"), "SOAP fault"),
            (says(Fault(8002), "1"), "with the ID '1' instead of '2'"),
            (Reply(502, b""), "HTTP 502 in answer to TransferComplete"),
        ):
            run = Run(DONE)
            run.informed()
            self.fails(run, reply, words)
            self.assertTrue(run.session.informed)
            self.assertEqual(len(run.actions), 1)

    def test_of_an_empty_post_and_of_an_answer(self) -> None:
        for reply, words in (
            (says(InformResponse(), "1"), "InformResponse in answer to "),
            (says(TransferCompleteResponse()), "TransferCompleteResponse in answer to "),
            (says(Fault(8005)), "fault 8005 in answer to "),
            (says(SoapFault("Server")), "the SOAP fault Server in answer to "),
            (Reply(400, b""), "HTTP 400 in answer to "),
        ):
            for held in (True, False):
                for called in (True, False):
                    run = Run()
                    run.informed(hold_requests=held)
                    if called:
                        run.hears(says(READ))
                        run.answers()
                    self.fails(run, reply, words + ("GetParameterValuesResponse" if called else "an empty POST"))

    def test_a_good_beginning_cut_off(self) -> None:
        whole = says(InformResponse(), "1").body
        for length in range(1, len(whole) - 1):
            run = Run()
            self.fails(run, Reply(200, whole[:length]), "begins '<")

    def test_what_a_real_acs_makes_of_its_faults(self) -> None:
        body = says(Fault(8001, "x"), "1").body.replace(b"soap-env:Fault", b"soap-env:Body:Fault")
        self.fails(Run(), Reply(200, body), "begins '")

    def test_dtd(self) -> None:
        body = says(InformResponse(), "1").body.replace(
            b"<soap-env:Env", b'<!DOCTYPE a [<!ENTITY b "c">]><soap-env:Env'
        )
        self.fails(Run(), Reply(200, body))

    def test_secrets_and_control_characters_of_a_bad_body_are_not_quoted(self) -> None:
        secret = "<Password>hunter2</Password><Value>hunter2</Value>\r\n\x1b[31m" + "x" * 5000
        for body in (secret.encode(), secret.encode("utf-16"), secret.encode("utf-16-le")):
            run = Run()
            run.hears(Reply(200, body))
            reason = run.over(False)
            self.assertNotIn("hunter2", reason)
            self.assertNotIn("h\\x00u", reason)
            self.assertTrue(reason.isprintable(), reason)
            self.assertLess(len(reason), 500)

    @given(st.binary(max_size=300), st.sampled_from((200, 204, 400, 500)), st.one_of(st.none(), st.text(max_size=12)))
    @settings(deadline=None, max_examples=150)
    def test_any_bytes(self, body: bytes, status: int, charset: str | None) -> None:
        run = Run()
        run.hears(Reply(status, body, charset))
        run.over(False)

    def test_broken(self) -> None:
        run = Run()
        self.assertEqual(run.session.broken("no route"), Finished(False, "no route", False))
        self.assertEqual(run.session.broken("again"), Finished(False, "no route", False))
        self.assertFalse(run.session.offer(DONE))
        run = Run()
        run.informed()
        run.hears(says(READ))
        self.assertEqual(run.session.broken("stopped"), Finished(False, "stopped", True))
        with self.assertRaises(MisuseError):
            run.answers()

    def test_a_request_of_ours_that_xml_cannot_carry(self) -> None:
        run = Run(replace(DONE, command_key="\x01"))
        self.assertEqual(run.informed()[0], Delivered(INFORM, InformResponse()))
        self.assertIn("TransferComplete cannot be sent", run.over(False))


class MisuseTests(SynchronousTestCase):
    """Calls that are not allowed."""

    def test_order(self) -> None:
        session = Session(INFORM, envelope_ids=numbers())
        for early in (lambda: session.receive(NOTHING), lambda: session.answer(RebootResponse())):
            with self.assertRaises(MisuseError):
                early()
        session.begin()
        for wrong in (session.begin, lambda: session.answer(RebootResponse())):
            with self.assertRaises(MisuseError):
                wrong()

    def test_a_second_inform(self) -> None:
        with self.assertRaises(MisuseError):
            Run(INFORM)
        with self.assertRaises(MisuseError):
            Run().session.offer(INFORM)

    def test_another_requests_answer(self) -> None:
        run = Run()
        run.informed()
        run.hears(says(READ))
        with self.assertRaises(MisuseError):
            run.answers(RebootResponse())
        with self.assertRaises(MisuseError):
            run.session.receive(NOTHING)
        run.answers()

    def test_an_inform_that_cannot_be_written(self) -> None:
        bad = replace(INFORM, current_time="\x01")
        with self.assertRaises(MisuseError):
            Session(bad, envelope_ids=numbers()).begin()

    def test_secrets_do_not_show(self) -> None:
        self.assertNotIn("SN1", repr(Post(b"SN1", None)))


def expected(script: list[tuple[str, bool]], queued: int) -> tuple[list[str], str]:
    """Compute the POSTs after the Inform and the result by a simple model of the standard.

    ``script``: the answers of the ACS in order, each as its kind and its HoldRequests.
    """
    posts: list[str] = []
    answers = iter(script)
    kind, held = next(answers, ("broken", False))
    if kind != "response":
        return posts, "failed"
    owed, closed = False, False
    while True:
        if owed:
            post = "answer"
        elif queued and not held and not closed:
            post, queued = "request", queued - 1
        else:
            post = "empty"
            closed = closed or not held
        posts.append(post)
        kind, hold = next(answers, ("broken", False))
        held = hold and kind != "nothing"
        owed = kind == "request"
        if post == "request":
            if kind not in ("response", "fault"):
                return posts, "failed"
        elif kind not in ("request", "nothing", "envelope"):
            return posts, "failed"
        elif closed and (kind == "nothing" or (kind == "envelope" and not hold)):
            return posts, "ok"


KINDS = st.sampled_from(("response", "fault", "request", "nothing", "nothing", "envelope", "request", "broken"))


class ModelTests(SynchronousTestCase):
    """The session against the simple model, for any answers of the ACS."""

    @given(st.lists(st.tuples(KINDS, st.booleans()), max_size=14), st.integers(0, 3), st.booleans())
    @settings(deadline=None, max_examples=400)
    def test_the_same_posts_and_the_same_end(self, script: list[tuple[str, bool]], queued: int, polite: bool) -> None:
        if polite:  # so that most sessions get beyond the Inform
            script = [("response", script[0][1] if script else False), *script]
        run = Run(*[DONE] * queued)
        posts: list[str] = []
        finished: Finished | None = None
        delivered = 0
        for kind, hold in script:
            for action in run.hears(self.reply(run, kind, hold)):
                match action:
                    case Call():
                        run.answers()
                        posts.append("answer")
                    case Post():
                        posts.append("empty" if action.message is None else "request")
                    case Delivered():
                        delivered += 1
                    case Finished():
                        finished = action
            if finished is not None:
                break
        finished = finished or run.session.broken("")
        end = "ok" if finished.success else "failed"
        self.assertEqual((posts, end), expected(script, queued))
        self.assertEqual(finished.informed, delivered > 0)
        self.assertLessEqual(delivered, 1 + posts.count("request"))

    def reply(self, run: Run, kind: str, hold: bool) -> Reply:
        """Build an answer of the ACS with the right ID."""
        awaited = run.sent.id if run.post.message is not None and not run.post.answers else "x"
        response: Response = InformResponse() if isinstance(run.post.message, Inform) else TransferCompleteResponse()
        match kind:
            case "response":
                return says(response, awaited, hold_requests=hold)
            case "fault":
                return says(Fault(8001), awaited, hold_requests=hold)
            case "request":
                return says(READ, hold_requests=hold)
            case "envelope":
                return says(None, hold_requests=hold)
            case "nothing":
                return NOTHING
            case _:
                return Reply(503, b"")
