"""GetRPCMethods of the agent, in whole sessions."""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import CwmpFault, TransportError
from cwmpagent.protocol.agenda.events import Event
from cwmpagent.protocol.rpc import Fault, GetRPCMethods
from tests.agent.ports import Posted, Said, SimulatedAgent, finished, reply

EVENT = Event("X 00D09E Local Inform")


class AcsMethodRequestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.simulated = SimulatedAgent()
        self.simulated.begin()

    def ask(self) -> Deferred[tuple[str, ...]]:
        return self.simulated.runtime.acs_methods.ask(EVENT)

    def sent(self) -> int:
        """Number of these requests in all sessions."""
        return sum(isinstance(posted.message, GetRPCMethods) for each in self.simulated.acs.sessions for posted in each)

    def test_one_request_for_all_who_ask(self) -> None:
        self.simulated.runtime.sessions._running = False
        first, second = self.ask(), self.ask()
        self.simulated.runtime.sessions.start()
        self.assertEqual((self.successResultOf(first), self.successResultOf(second)), (("Inform",), ("Inform",)))
        self.assertEqual(self.sent(), 1)
        self.assertEqual(self.successResultOf(self.ask()), ("Inform",))
        self.assertEqual(self.sent(), 2)

    def test_repeated_until_it_is_answered(self) -> None:
        self.simulated.acs.instead = lambda posted: TransportError("down")
        asked = self.ask()
        self.assertNoResult(asked)
        self.simulated.acs.instead = lambda posted: None
        self.simulated.run(100)
        self.assertEqual(self.successResultOf(asked), ("Inform",))

    def test_refused(self) -> None:
        def refuse(posted: Posted) -> Said:
            return reply(Fault(8001, "no"), posted) if isinstance(posted.message, GetRPCMethods) else None

        self.simulated.acs.instead = refuse
        fault = self.failureResultOf(self.ask(), CwmpFault).value
        self.assertEqual((fault.code, fault.text), (8001, "no"))
        self.assertTrue(self.simulated.ended()[-1].success)

    def test_cancelled(self) -> None:
        self.simulated.acs.instead = lambda posted: TransportError("down")
        asked = self.ask()
        asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.simulated.acs.instead = lambda posted: None
        self.simulated.run(100)
        self.assertEqual(self.sent(), 0)

    def test_the_agent_stops(self) -> None:
        self.simulated.acs.instead = lambda posted: TransportError("down")
        asked = self.ask()
        finished(Deferred.fromCoroutine(self.simulated.runtime.stop()))
        self.assertEqual(self.failureResultOf(asked, CwmpFault).value.code, 9002)
