"""SES-01 to SES-11 and SEC-01: order of messages, HoldRequests, repeated requests, and requests that are refused."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import RpcAnswered, RpcCrashed, Warned
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.agent.session.driver import MOST_NAMES
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault, TransportError
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.misbehaviour import Drop, FaultAnswer, ForeignHeader, Hold
from cwmpagent.logs import line
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, PERIODIC, Event
from cwmpagent.protocol.rpc import (
    Fault,
    GenericRequest,
    GenericResponse,
    GetOptions,
    GetParameterValues,
    GetRPCMethods,
    Inform,
    InformResponse,
    Reboot,
    SetVouchers,
    SoapFault,
)
from cwmpagent.protocol.session import Reply
from cwmpagent.protocol.soap import Envelope
from cwmpagent.values import Value, ValueType
from tests.agent.bench import DEVICE, SERVER, BenchCase, assign
from tests.agent.ports import Posted, Said, SimulatedAgent, finished, reply
from tests.conformance.stage import call

OFF = Value(ValueType.BOOLEAN, "false")
CODE = "Device.DeviceInfo.ProvisioningCode"
LATE = {SERVER + "CWMPRetryMinimumWaitInterval": "600"}


def holding(posted: Posted, message: Any = None) -> Reply:
    """An envelope of the ACS with HoldRequests."""
    answers = isinstance(posted.message, Inform)
    body = InformResponse() if answers else message
    return reply(Envelope(body=body, hold_requests=True, id="hold"), posted if answers else None)


class OrderTests(SynchronousTestCase):
    def test_ses_01_nothing_to_do(self) -> None:
        simulated = SimulatedAgent()
        simulated.begin()
        self.assertEqual([bool(posted.body) for posted in simulated.acs.sessions[0]], [True, False])
        self.assertEqual(simulated.acs.open_now, 0)
        simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual([inform.retry_count for inform in simulated.acs.informs()], [0, 0])

    def test_ses_03_held_the_agent_posts_nothing_and_asks_on(self) -> None:
        simulated = SimulatedAgent()
        holds = [2, 2]

        def instead(posted: Posted) -> Said:
            if posted.number > 1 and not posted.body and holds:
                holds.pop()
                return holding(posted, None)
            return holding(posted) if posted.number == 1 else None

        simulated.acs.instead = instead
        simulated.acs.asking.append(GetRPCMethods())
        simulated.begin()
        (session,) = simulated.acs.sessions
        said = [type(posted.message).__name__ for posted in session]
        # Inform; three held empty POSTs; the answer to the request; then an empty POST at the end.
        self.assertEqual(said, ["Inform", *["NoneType"] * 3, "GetRPCMethodsResponse", "NoneType"])
        self.assertTrue(simulated.ended()[0].success)

    def test_an_endless_session_is_counted_not_listed(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.asking.extend(
            [GetRPCMethods()] * 500 + [GenericRequest(f"X_{n}_" + "x" * 300, ()) for n in range(300)]
        )
        simulated.begin()
        ended = simulated.ended()[0]
        self.assertEqual(ended.rpcs["GetRPCMethods"], 500)
        self.assertEqual(sum(ended.rpcs.values()), 800)
        self.assertEqual(ended.faults, {9000: 300})
        self.assertLessEqual(len(ended.rpcs), MOST_NAMES + 1)
        self.assertLess(max(map(len, ended.rpcs)), 300)

    def test_a_request_that_never_reaches_the_dispatcher_is_reported_with_its_fault(self) -> None:
        simulated = SimulatedAgent()
        soap = "http://schemas.xmlsoap.org/soap/envelope/"
        sent = [
            "<c:Download><CommandKey/><FileSize>many</FileSize></c:Download>",
            '<c:Reboot s:mustUnderstand="1"><CommandKey/></c:Reboot>',
        ]

        def instead(posted: Posted) -> Said:
            if posted.number == 1 or not sent:
                return None
            body = sent.pop(0)
            header = '<x:Strange xmlns:x="urn:x" s:mustUnderstand="1">1</x:Strange>' if "Reboot" in body else ""
            return reply(
                f'<s:Envelope xmlns:s="{soap}" xmlns:c="urn:dslforum-org:cwmp-1-0"><s:Header><c:ID>7</c:ID>{header}'
                f"</s:Header><s:Body>{body}</s:Body></s:Envelope>".encode()
            )

        simulated.acs.instead = instead
        simulated.begin()
        answered = [fact for fact in simulated.facts if isinstance(fact, RpcAnswered)]
        self.assertEqual(
            [(fact.rpc, fact.fault) for fact in answered], [("Download", 9003), ("Reboot", "MustUnderstand")]
        )
        self.assertIn("Strange", answered[1].fault_text)
        self.assertTrue(answered[0].fault_text)
        ended = simulated.ended()[0]
        self.assertEqual(
            (dict(ended.rpcs), dict(ended.faults)), ({"Download": 1, "Reboot": 1}, {9003: 1, "MustUnderstand": 1})
        )
        self.assertIn("faults 9003, MustUnderstand", line(ended))

    def test_a_fault_is_reported_with_its_parameters(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.asking.append(assign(**{"Device.Time.Nope": "x", "Device.Time.Neither": "y"}))
        simulated.begin()
        (answered,) = [fact for fact in simulated.facts if isinstance(fact, RpcAnswered)]
        self.assertEqual(
            [(name, code) for name, code, _ in answered.fault_parameters],
            [("Device.Time.Nope", 9005), ("Device.Time.Neither", 9005)],
        )
        self.assertIn("fault 9003 Invalid arguments; Device.Time.Nope: 9005 ", line(answered))

    def test_ses_04_what_happens_in_a_session_opens_the_next(self) -> None:
        simulated = SimulatedAgent()

        def instead(posted: Posted) -> Said:
            if len(simulated.acs.sessions) == 1 and posted.number == 3:
                simulated.happen(Event(PERIODIC))
                simulated.happen(Event(CONNECTION_REQUEST))
                simulated.happen(Event(CONNECTION_REQUEST))
            return None

        simulated.acs.instead = instead
        simulated.acs.asking.extend([GetRPCMethods(), GetRPCMethods()])
        simulated.begin()
        self.assertEqual(
            simulated.acs.event_codes(), [("0 BOOTSTRAP", "1 BOOT"), ("2 PERIODIC", "6 CONNECTION REQUEST")]
        )
        self.assertEqual([len(session) for session in simulated.acs.sessions], [4, 2])

    def test_ses_05_nothing_after_the_last_answer(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.asking.append(GetRPCMethods())
        simulated.begin()
        (session,) = simulated.acs.sessions
        self.assertEqual(
            [type(posted.message).__name__ for posted in session], ["Inform", "NoneType", "GetRPCMethodsResponse"]
        )
        self.assertTrue(simulated.ended()[0].success)

    def test_ses_10_a_request_in_the_answer_to_an_answer(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.asking.extend([assign(**{CODE: "one"}), GetParameterValues((CODE,)), GetRPCMethods()])
        simulated.begin()
        self.assertEqual(
            [type(answer).__name__ for answer in simulated.acs.answers()],
            ["SetParameterValuesResponse", "GetParameterValuesResponse", "GetRPCMethodsResponse"],
        )
        self.assertEqual(len(simulated.acs.sessions), 1)

    def test_one_session_where_the_agents_own_address_changes(self) -> None:
        simulated = SimulatedAgent()
        simulated.begin()
        simulated.address = "192.0.2.77"
        simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(simulated.acs.event_codes()[1:], [("4 VALUE CHANGE", "6 CONNECTION REQUEST")])
        url = {each.name: each.value.text for each in simulated.acs.informs()[1].parameter_list}
        self.assertIn("192.0.2.77", url[SERVER + "ConnectionRequestURL"])

    def test_what_fails_before_a_session_is_no_storm(self) -> None:
        async def fail(host: str) -> None:
            raise OSError("no route, no socket, nothing")

        simulated = SimulatedAgent()
        simulated.begin()
        self.patch(simulated.runtime.connection_requests.http._own_address, "_local_address", fail)
        simulated.happen(Event(CONNECTION_REQUEST))
        simulated.run(100)
        self.assertEqual(simulated.acs.event_codes()[1:], [("6 CONNECTION REQUEST",)])
        self.assertEqual(len(simulated.odd()), 1)


class RepeatedTests(BenchCase):
    async def test_ses_06_fault_8005_three_times(self) -> None:
        self.lab.misbehave(FaultAnswer(at="inform", code=8005, times=3))
        trace = await self.bootstrapped()
        bodies = {exchange.body for exchange in trace.exchanges if isinstance(_message(exchange), Inform)}
        self.assertEqual(len(bodies), 1)
        self.assertEqual(sum(isinstance(_message(exchange), Inform) for exchange in trace.exchanges), 4)
        self.assertEqual([(end.success, end.retry_count) for end in self.ended()], [(True, 0)])

    async def test_ses_06_fault_8005_without_end(self) -> None:
        await self.bootstrapped(**LATE)
        self.lab.misbehave(FaultAnswer(at="inform", code=8005, times=0))
        await self.broken()
        self.assertIn("more than 10 times", self.ended()[-1].reason)

    async def test_ses_07_fault_8001(self) -> None:
        self.lab.misbehave(FaultAnswer(at="inform", code=8001))
        trace = await self.bootstrapped()
        self.assertEqual([inform.retry_count for inform in trace.informs], [1])
        self.assertIn("8001", self.ended()[0].reason)

    async def test_ses_11_reset_after_the_inform_response(self) -> None:
        await self.bootstrapped(**LATE)
        self.lab.misbehave(Drop(at="empty", reset=True, times=0))
        await self.broken()
        self.lab.misbehaviours.clear()
        number = self.lab.sessions.seen
        assert self.agent is not None
        call(self.agent)
        trace = await self.session(since=number)
        self.assertEqual(trace.event_codes, ("6 CONNECTION REQUEST",))
        self.assertEqual(trace.informs[0].retry_count, 1)

    async def broken(self) -> None:
        """Expect a session that fails."""
        before = len(self.ended())
        assert self.agent is not None
        call(self.agent)
        await self.until(lambda: len(self.ended()) > before)
        self.assertFalse(self.ended()[-1].success)


class AskedTests(BenchCase):
    async def test_ses_09_an_unknown_rpc(self) -> None:
        await self.bootstrapped()
        odd, known = await self.ask(GenericRequest("X_00D09E_Dance", (("Step", "2"),)), GetRPCMethods())
        self.assertEqual((odd.code, odd.faultcode), (9000, "Server"))
        self.assertNotIsInstance(known, Fault)
        self.assert_nothing_odd()

    async def test_set_vouchers_and_get_options(self) -> None:
        await self.bootstrapped()
        answers = await self.ask(SetVouchers(("AAAA",)), GetOptions(""), GetRPCMethods())
        self.assertEqual([each.code for each in answers if isinstance(each, Fault)], [9000, 9000])
        self.assertFalse({"SetVouchers", "GetOptions"} & set(answers[-1].method_list))
        self.assert_nothing_odd()

    async def test_a_vendors_rpc(self) -> None:
        def dance(request: GenericRequest) -> GenericResponse:
            if dict(request.arguments).get("Step") == "3":
                raise CwmpFault(9003, "no waltz")
            return GenericResponse("X_00D09E_DanceResponse", (("Done", dict(request.arguments)["Step"]),))

        await self.registered("X_00D09E_Dance", dance)
        asked = [GenericRequest("X_00D09E_Dance", (("Step", step),)) for step in ("2", "3")]
        done, refused, methods = await self.ask(*asked, GetRPCMethods())
        self.assertEqual(done, GenericResponse("X_00D09E_DanceResponse", (("Done", "2"),)))
        self.assertEqual((refused.code, refused.text), (9003, "no waltz"))
        self.assertIn("X_00D09E_Dance", methods.method_list)

    async def test_a_vendors_rpc_that_crashes(self) -> None:
        def crash(request: GenericRequest) -> GenericResponse:
            raise RuntimeError("the wheels came off")

        await self.registered("X_00D09E_Crash", crash)
        fault, known = await self.ask(GenericRequest("X_00D09E_Crash", ()), GetRPCMethods())
        self.assertEqual(fault.code, 9002)
        self.assertNotIn("wheels", fault.text)
        self.assertNotIsInstance(known, Fault)
        (crashed,) = [fact for fact in self.facts if isinstance(fact, RpcCrashed)]
        self.assertIn("the wheels came off", crashed.trace)

    async def test_a_vendors_rpc_that_answers_something_else(self) -> None:
        await self.registered("X_00D09E_Odd", lambda request: GenericResponse("X_00D09E_OtherResponse", ()))
        fault, known = await self.ask(GenericRequest("X_00D09E_Odd", ()), GetRPCMethods())
        self.assertEqual(fault.code, 9002)
        self.assertNotIsInstance(known, Fault)
        self.assertIn("X_00D09E_OtherResponse", next(fact.text for fact in self.facts if isinstance(fact, Warned)))

    async def test_a_vendors_rpc_whose_answer_xml_cannot_carry(self) -> None:
        def odd(request: GenericRequest) -> GenericResponse:
            if request.arguments:
                raise CwmpFault(9003, "\0")
            return GenericResponse("X_00D09E_OddResponse", (("Out", "\0"),))

        await self.registered("X_00D09E_Odd", odd)
        faults = await self.ask(GenericRequest("X_00D09E_Odd", ()), GenericRequest("X_00D09E_Odd", (("A", "b"),)))
        self.assertEqual([fault.code for fault in faults], [9002, 9002])
        self.assertEqual(self.ended()[-1].success, True)

    async def test_a_vendors_rpc_that_hangs(self) -> None:
        hung: Deferred[None] = Deferred()
        stubborn: Deferred[None] = Deferred()

        async def hang(request: GenericRequest) -> GenericResponse:
            try:
                await hung
            except CancelledError:
                await stubborn
            return GenericResponse("X_00D09E_HangResponse", ())

        await self.registered("X_00D09E_Hang", hang, "rpc_timeout = 0.2")
        fault, known = await self.ask(GenericRequest("X_00D09E_Hang", ()), GetRPCMethods())
        self.assertEqual((fault.code, fault.text), (9002, "the request took too long"))
        self.assertNotIsInstance(known, Fault)
        self.assertTrue(self.ended()[-1].success)
        stubborn.callback(None)
        (again,) = await self.ask(GetRPCMethods())
        self.assertNotIsInstance(again, Fault)

    async def test_an_unknown_mandatory_header_in_a_request(self) -> None:
        await self.bootstrapped()
        self.lab.misbehave(ForeignHeader(at="empty"))
        fault, known = await self.ask(assign(**{CODE: "not this"}), GetParameterValues((CODE,)))
        assert isinstance(fault, SoapFault)
        self.assertIn("MustUnderstand", fault.faultcode)
        self.assertEqual(known.parameter_list[0].value.text, "")
        self.assert_nothing_odd()

    async def test_an_unknown_mandatory_header_in_a_response(self) -> None:
        self.lab.misbehave(ForeignHeader(at="inform"))
        trace = await self.bootstrapped()
        self.assertEqual(trace.informs[0].retry_count, 1)
        self.assertIn("Unheard", self.ended()[0].reason)

    async def test_an_unknown_header_that_is_not_mandatory(self) -> None:
        self.lab.misbehave(ForeignHeader(times=0, mandatory=False))
        await self.bootstrapped()
        (answer,) = await self.ask(GetRPCMethods())
        self.assertNotIsInstance(answer, Fault)

    async def test_ses_03_hold_requests_of_the_lab(self) -> None:
        self.lab.misbehave(Hold(at="inform"))
        read = self.lab.queue(DEVICE, GetRPCMethods())
        trace = await self.bootstrapped()
        self.assertNotIsInstance(await read, Fault)
        self.assertEqual(trace.violations, [])

    async def test_an_acs_whose_name_cannot_be_written_is_no_end(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        self.lab.queue(DEVICE, assign(**{SERVER + "URL": "http://a..example/"}))
        assert self.agent is not None
        call(self.agent)
        await self.session(since=number)
        await self.until(lambda: len(self.ended()) == 3)
        self.assertFalse(self.ended()[-1].success)
        self.assertIn("a..example", self.ended()[-1].reason)
        self.assertIsNotNone(self.ended()[-1].retry_in)

    async def registered(self, name: str, perform: Any, acs: str = "") -> None:
        """An agent with this additional RPC, after its first session."""
        agent = self.prepared(self.config(acs=acs))
        agent.register(name, perform)
        agent.startService()
        await self.session(event="0 BOOTSTRAP")


class DisabledTests(BenchCase):
    async def test_sec_01_no_inform_and_no_connection_request(self) -> None:
        agent = self.begin(self.config(**{SERVER + "EnableCWMP": "false"}))
        await self.pause(0.1)
        call(agent)
        self.assertFalse(agent.runtime.sessions.in_session)
        self.assertFalse(agent.runtime.connection_requests.http.enabled())
        await agent.runtime.changes.set_values([ParameterAssignment(SERVER + "EnableCWMP", "true")], Origin.LOCAL)
        trace = await self.session()
        self.assertIn("0 BOOTSTRAP", trace.event_codes)
        self.assertEqual(self.ended()[0].retry_count, 0)

    async def test_sec_01_switched_off_by_the_acs(self) -> None:
        await self.bootstrapped()
        await self.ask(assign(**{SERVER + "EnableCWMP": OFF}))
        await self.assertFailure(Deferred.fromCoroutine(self.lab.connection_request(DEVICE)), UnreachableError)
        assert self.agent is not None
        call(self.agent)
        await self.pause(0.05)
        self.assertEqual(self.lab.sessions.seen, 2)


class InMemoryTests(SynchronousTestCase):
    def test_an_error_of_ours_after_a_session_keeps_no_reboot_from_coming(self) -> None:
        async def impossible(*arguments: object) -> None:
            raise RuntimeError("impossible")

        for what in ("_settle", "_close"):
            with self.subTest(what=what):
                simulated = SimulatedAgent()
                simulated.begin()
                self.patch(simulated.runtime.sessions, what, impossible)
                simulated.acs.asking.append(Reboot("bye"))
                simulated.happen(Event(PERIODIC))
                self.assertEqual(simulated.restarts.begun, ["bye"])
                self.assertTrue(simulated.ended()[-1].success)
                (warned,) = simulated.odd()
                self.assertIn("RuntimeError: impossible", str(warned))
                simulated.happen(Event(PERIODIC))
                self.assertEqual(len(simulated.acs.sessions), 2, "what follows the reboot is for its start to do")

    def test_sec_01_disabled_within_a_session(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.asking.append(assign(**{SERVER + "EnableCWMP": OFF}))
        simulated.begin()
        self.assertTrue(simulated.ended()[0].success)
        simulated.happen(Event(PERIODIC))
        simulated.run(86400)
        self.assertEqual(len(simulated.acs.sessions), 1)
        change = [ParameterAssignment(SERVER + "EnableCWMP", "true")]
        finished(simulated.runtime.changes.set_values(change, Origin.LOCAL))
        self.assertEqual(simulated.acs.event_codes()[1:], [("2 PERIODIC",)])

    def test_sec_01_a_retry_does_not_run_while_disabled(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.instead = lambda posted: TransportError("down")
        simulated.begin()
        change = [ParameterAssignment(SERVER + "EnableCWMP", "false")]
        finished(simulated.runtime.changes.set_values(change, Origin.LOCAL))
        simulated.run(86400)
        self.assertEqual(len(simulated.acs.sessions), 1)


def _message(exchange: Any) -> Any:
    return None if exchange.received is None else exchange.received.body
