"""The ACS gets exactly one answer to each RPC, for any behaviour of its function."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Fact, RpcCrashed, Warned
from cwmpagent.agent.rpcs.restart import RebootWork
from cwmpagent.agent.session.dispatcher import Answer, Dispatcher
from cwmpagent.errors import CwmpFault, MisuseError, ParameterFault
from cwmpagent.protocol.rpc import (
    Fault,
    GenericRequest,
    GenericResponse,
    GetRPCMethods,
    GetRPCMethodsResponse,
    Reboot,
    RebootResponse,
)

BLINK = "X_EXAMPLE_Blink"


class DispatcherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.facts: list[Fact] = []
        self.committing: Deferred[None] | None = None
        self.dispatcher = Dispatcher(self.clock, self.facts.append, rpc_timeout=20, settled=self.settled)

    async def settled(self) -> None:
        if self.committing is not None:
            await self.committing

    def answer(self, perform: Any, request: Any = None) -> Deferred[Answer]:
        self.dispatcher.register(BLINK, perform)
        return Deferred.fromCoroutine(self.dispatcher.dispatch(request or GenericRequest(BLINK, ())))

    def response(self, perform: Any) -> Any:
        return self.successResultOf(self.answer(perform)).response

    def assertFault(self, answer: Any, code: int) -> None:
        self.assertIsInstance(answer, Fault)
        self.assertEqual(answer.code, code)

    def test_unknown_rpc_is_9000(self) -> None:
        for request in (Reboot("key"), GenericRequest("X_OTHER_Dance", ())):
            answer = self.successResultOf(Deferred.fromCoroutine(self.dispatcher.dispatch(request)))
            self.assertFault(answer.response, 9000)

    def test_plain_function(self) -> None:
        done = GenericResponse(BLINK + "Response", (("Times", "3"),))
        self.assertEqual(self.response(lambda request: done), done)

    def test_function_gets_the_request(self) -> None:
        seen: list[object] = []
        request = GenericRequest(BLINK, (("Led", "1"),))

        def perform(request: GenericRequest) -> GenericResponse:
            seen.append(request)
            return GenericResponse(BLINK + "Response", ())

        self.successResultOf(self.answer(perform, request))
        self.assertEqual(seen, [request])

    def test_deferred_that_fires_later(self) -> None:
        later: Deferred[GenericResponse] = Deferred()
        answer = self.answer(lambda request: later)
        self.assertNoResult(answer)
        done = GenericResponse(BLINK + "Response", ())
        later.callback(done)
        self.assertEqual(self.successResultOf(answer).response, done)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_coroutine_with_work_for_later(self) -> None:
        async def perform(request: object) -> Answer:
            return Answer(GenericResponse(BLINK + "Response", ()), after=(RebootWork("key"),))

        answer = self.successResultOf(self.answer(perform))
        self.assertEqual(answer, Answer(GenericResponse(BLINK + "Response", ()), (RebootWork("key"),)))

    def test_fault_with_its_parameters(self) -> None:
        faults = (ParameterFault("Device.X", 9007, "must be 1"),)

        def perform(request: object) -> Any:
            raise CwmpFault(9003, "", faults)

        answer = self.response(perform)
        self.assertEqual((answer.code, answer.text, answer.parameters), (9003, "Invalid arguments", faults))
        self.assertEqual(self.facts, [])

    def test_any_exception_is_9002_and_a_traceback(self) -> None:
        async def late(request: object) -> Any:
            return {}["missing"]

        self.assertFault(self.response(late), 9002)
        (fact,) = self.facts
        self.assertIsInstance(fact, RpcCrashed)
        assert isinstance(fact, RpcCrashed)
        self.assertIn("KeyError", fact.trace)

    def test_the_crash_itself_is_not_told_to_the_acs(self) -> None:
        def perform(request: object) -> Any:
            raise RuntimeError("password=secret")

        self.assertNotIn("secret", repr(self.response(perform)))

    def test_what_is_no_response_is_9002(self) -> None:
        others = (None, 7, Reboot("x"), RebootResponse(), GenericResponse("X_OTHER_DanceResponse", ()))
        for result in (*others, Answer(RebootResponse(), after=(RebootWork("key"),))):
            with self.subTest(result=result):
                self.setUp()
                self.assertFault(self.response(lambda request, result=result: result), 9002)
                self.assertIsInstance(self.facts[0], Warned)

    def test_too_slow_is_cancelled_and_9002(self) -> None:
        cancelled: list[bool] = []
        never: Deferred[None] = Deferred(lambda deferred: cancelled.append(True))

        async def perform(request: object) -> Any:
            await never

        answer = self.answer(perform)
        self.clock.advance(19.9)
        self.assertNoResult(answer)
        self.clock.advance(0.2)
        self.assertFault(self.successResultOf(answer).response, 9002)
        self.assertEqual(cancelled, [True])
        self.assertEqual(self.facts, [])

    def test_late_result_of_a_stubborn_function_is_dropped(self) -> None:
        second: Deferred[None] = Deferred()

        async def stubborn(request: object) -> GenericResponse:
            try:
                await Deferred()
            except CancelledError:
                await second
            return GenericResponse(BLINK + "Response", ())

        answer = self._expired(stubborn)
        self.assertFault(self.successResultOf(answer).response, 9002)
        second.callback(None)
        self.assertEqual(self.facts, [])

    def test_late_crash_is_logged_once(self) -> None:
        second: Deferred[None] = Deferred()

        async def stubborn(request: object) -> Any:
            try:
                await Deferred()
            except CancelledError:
                await second
                raise ValueError("too late") from None

        self.successResultOf(self._expired(stubborn))
        second.callback(None)
        self.assertEqual([type(fact) for fact in self.facts], [RpcCrashed])

    def test_a_commit_under_way_is_answered_with_its_outcome(self) -> None:
        commit = _Commit()
        self.committing = Deferred()

        async def perform(request: object) -> GenericResponse:
            await commit
            assert self.committing is not None
            self.committing.callback(None)
            return GenericResponse(BLINK + "Response", ())

        answer = self.answer(perform)
        self.clock.advance(21)
        self.assertNoResult(answer)
        commit.callback(None)
        self.clock.advance(0)
        self.assertIsInstance(self.successResultOf(answer).response, GenericResponse)

    def test_vendor_names_and_doubles_are_checked(self) -> None:
        self.assertRaises(MisuseError, self.dispatcher.register, "Blink", lambda request: None)
        self.dispatcher.register(BLINK, lambda request: None)
        self.assertRaises(MisuseError, self.dispatcher.register, BLINK, lambda request: None)

    def test_names_are_what_is_registered(self) -> None:
        self.dispatcher.register(BLINK, lambda request: None)
        answer = self.successResultOf(Deferred.fromCoroutine(self.dispatcher.dispatch(GetRPCMethods())))
        self.assertEqual(answer.response, GetRPCMethodsResponse(("GetRPCMethods", BLINK)))

    def _expired(self, perform: Any) -> Deferred[Answer]:
        answer = self.answer(perform)
        self.clock.advance(21)
        self.clock.advance(0)
        return answer


class _Commit(Deferred[None]):
    def cancel(self) -> None:
        """Do nothing: a commit under way is completed."""
