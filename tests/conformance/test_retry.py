"""RTY-01 to RTY-07: times of retries after a failed session, and RetryCount; whole agents on a simulated clock."""

from __future__ import annotations

from itertools import pairwise

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import TransportError
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, PERIODIC, Event
from cwmpagent.protocol.rpc import Fault, SetParameterAttributes, SetParameterAttributesStruct, SetParameterValues
from cwmpagent.protocol.session import Reply
from cwmpagent.values import Value, ValueType
from tests.agent.bench import SERVER, assign
from tests.agent.ports import Posted, Said, SimulatedAgent, finished, reply

WATCHED = "Device.Time.NTPServer1"


def down(posted: Posted) -> Said:
    """The error of an ACS that cannot be reached."""
    return TransportError("connection refused")


def unsigned(**values: int) -> SetParameterValues:
    """A SetParameterValues of unsignedInt parameters of ManagementServer."""
    return assign(**{SERVER + name: Value(ValueType.UNSIGNED_INT, str(number)) for name, number in values.items()})


def gaps(simulated: SimulatedAgent, since: int = 0) -> list[float]:
    """Seconds between consecutive sessions."""
    return [later.at - earlier.at for earlier, later in pairwise(simulated.acs.firsts()[since:])]


class RetryTests(SynchronousTestCase):
    def bootstrapped(self, **parameters: str) -> SimulatedAgent:
        simulated = SimulatedAgent(**parameters)
        simulated.begin()
        self.assertEqual(len(simulated.acs.sessions), 1)
        return simulated

    def local(self, simulated: SimulatedAgent, name: str, text: str) -> None:
        finished(simulated.runtime.changes.set_values([ParameterAssignment(name, text)], Origin.LOCAL))

    def within(self, found: list[float], minimum: float, factor: float) -> None:
        for number, gap in enumerate(found):
            step = min(number, 9)
            shortest, longest = minimum * factor**step, minimum * factor ** (step + 1)
            self.assertTrue(shortest - 1e-3 <= gap <= longest + 1e-3, (number + 1, gap))

    def test_rty_01_twelve_failures(self) -> None:
        seen = []
        for seed in range(10):
            simulated = SimulatedAgent(seed=seed)
            simulated.acs.instead = down
            simulated.begin()
            simulated.run(30000)
            found = gaps(simulated)[:12]
            self.assertEqual(len(found), 12)
            self.within(found, 5, 2)
            seen.append(tuple(found))
        self.assertEqual(len(set(seen)), 10)

    def test_rty_01_a_day_of_retries_and_then_everything_is_told(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.instead = down
        simulated.begin()
        simulated.run(86400)
        simulated.acs.instead = lambda posted: None
        count = len(simulated.acs.sessions)
        self.assertTrue(20 < count < 50, count)
        simulated.run(5121)
        self.assertEqual(simulated.acs.event_codes()[-1], ("0 BOOTSTRAP", "1 BOOT"))
        self.assertEqual(simulated.acs.informs()[-1].retry_count, count)
        self.assertEqual(simulated.odd(), [])

    def test_rty_02_another_table(self) -> None:
        simulated = SimulatedAgent(CWMPRetryMinimumWaitInterval="2", CWMPRetryIntervalMultiplier="3000")
        simulated.acs.instead = down
        simulated.begin()
        simulated.run(100000)
        self.within(gaps(simulated)[:8], 2, 3)
        simulated = SimulatedAgent(CWMPRetryMinimumWaitInterval="7", CWMPRetryIntervalMultiplier="1000")
        simulated.acs.instead = down
        simulated.begin()
        simulated.run(100)
        self.within(gaps(simulated), 7, 1)

    def test_rty_02_the_acs_sets_it(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.asking.append(unsigned(CWMPRetryMinimumWaitInterval=100, CWMPRetryIntervalMultiplier=1500))
        simulated.begin()
        simulated.acs.instead = down
        simulated.happen(Event(PERIODIC))
        simulated.run(2000)
        self.within(gaps(simulated, 1), 100, 1.5)

    def test_rty_03_each_failure_counts(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.instead = down
        simulated.begin()
        simulated.run(20000)
        counts = [inform.retry_count for inform in simulated.acs.informs()]
        self.assertEqual(counts, list(range(len(counts))))
        self.assertGreater(len(counts), 10)

    def test_rty_03_whatever_fails_it(self) -> None:
        simulated = SimulatedAgent()
        wrongs: list[Said] = [
            TransportError("reset"),
            Reply(500, b""),
            Reply(204, b""),
            Reply(200, b"<a/>"),
            reply(Fault(8001, "no")),
            Reply(404, b"not found"),
        ]
        simulated.acs.instead = lambda posted: (
            wrongs[len(simulated.acs.sessions) - 1] if len(simulated.acs.sessions) < 7 else None
        )
        simulated.begin()
        simulated.run(1000)
        self.assertEqual([inform.retry_count for inform in simulated.acs.informs()], list(range(7)))
        self.assertTrue(simulated.ended()[-1].success)

    def test_rty_04_a_new_active_event_in_the_wait(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.asking.append(
            SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 2, False, ()),))
        )
        simulated.begin()
        simulated.acs.instead = down
        simulated.happen(Event(PERIODIC))
        simulated.run(3)
        self.local(simulated, WATCHED, "new.example")
        self.assertEqual([inform.retry_count for inform in simulated.acs.informs()], [0, 0, 1])
        self.assertEqual(simulated.acs.event_codes()[-1], ("2 PERIODIC", "4 VALUE CHANGE"))
        self.assertEqual(simulated.acs.firsts()[-1].at, simulated.clock.monotonic())
        simulated.run(20.1)
        self.assertEqual([inform.retry_count for inform in simulated.acs.informs()], [0, 0, 1, 2])
        self.assertTrue(10 <= gaps(simulated)[-1] <= 20.001)

    def test_rty_04_a_passive_change_does_not_cut_the_wait(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.asking.append(
            SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 1, False, ()),))
        )
        simulated.begin()
        simulated.acs.instead = down
        simulated.happen(Event(PERIODIC))
        self.local(simulated, WATCHED, "new.example")
        simulated.run(4.9)
        self.assertEqual(len(simulated.acs.sessions), 2)
        simulated.run(5.2)
        self.assertEqual(simulated.acs.event_codes()[-1], ("2 PERIODIC", "4 VALUE CHANGE"))

    def test_rty_05_a_reboot_starts_the_table_anew(self) -> None:
        simulated = self.bootstrapped()
        simulated.acs.instead = down
        simulated.happen(Event(PERIODIC))
        while len(simulated.acs.sessions) < 6:
            simulated.run(1)
        self.assertEqual(simulated.acs.informs()[-1].retry_count, 4)
        simulated.reboot()
        self.assertEqual(simulated.acs.informs()[-1].retry_count, 0)
        self.assertEqual(simulated.acs.event_codes()[-1], ("1 BOOT", "2 PERIODIC"))
        simulated.run(10.01)
        self.assertEqual(simulated.acs.informs()[-1].retry_count, 1)
        self.assertTrue(5 <= gaps(simulated)[-1] <= 10.001)

    def test_rty_05_a_restart_without_a_boot_goes_on_with_the_wait(self) -> None:
        simulated = self.bootstrapped()
        simulated.acs.instead = down
        simulated.happen(Event(PERIODIC))
        while len(simulated.acs.sessions) < 6:
            simulated.run(1)
        wait = simulated.ended()[-1].retry_in
        assert wait is not None
        ended = simulated.acs.firsts()[-1].at
        finished(simulated.runtime.stop())
        simulated.run(30)
        simulated.begin(booted=False)
        self.assertEqual(len(simulated.acs.sessions), 6)
        simulated.run(200)
        self.assertEqual(simulated.acs.informs()[6].retry_count, 5)
        self.assertAlmostEqual(simulated.acs.firsts()[6].at - ended, wait, places=2)

    def test_rty_06_a_connection_request_alone_is_not_retried(self) -> None:
        simulated = self.bootstrapped()
        simulated.acs.instead = down
        simulated.happen(Event(CONNECTION_REQUEST))
        self.assertIsNone(simulated.ended()[-1].retry_in)
        simulated.run(86400)
        self.assertEqual(len(simulated.acs.sessions), 2)
        simulated.acs.instead = lambda posted: None
        simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(simulated.acs.informs()[-1].retry_count, 1)

    def test_rty_06_beside_others_it_is_dropped(self) -> None:
        simulated = self.bootstrapped()
        simulated.acs.instead = down
        simulated.runtime.agenda.add(Event(PERIODIC), simulated.runtime.sessions.now())
        simulated.happen(Event(CONNECTION_REQUEST))
        simulated.acs.instead = lambda posted: None
        simulated.run(11)
        self.assertEqual(simulated.acs.event_codes()[1:], [("2 PERIODIC", "6 CONNECTION REQUEST"), ("2 PERIODIC",)])

    def test_rty_07_success_starts_anew(self) -> None:
        simulated = self.bootstrapped()
        for _ in range(2):
            simulated.acs.instead = down
            simulated.happen(Event(PERIODIC))
            simulated.run(30)
            simulated.acs.instead = lambda posted: None
            simulated.run(200)
            self.assertTrue(simulated.ended()[-1].success)
            self.assertGreater(simulated.acs.informs()[-1].retry_count, 0)
            simulated.happen(Event(PERIODIC))
            self.assertEqual(simulated.acs.informs()[-1].retry_count, 0)

    def test_throttle_holds_active_changes_back_and_nothing_else(self) -> None:
        simulated = SimulatedAgent(DefaultActiveNotificationThrottle="60")
        simulated.acs.asking.append(
            SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 2, False, ()),))
        )
        simulated.begin()
        simulated.run(5)
        self.local(simulated, WATCHED, "one.example")
        simulated.run(54.9)
        self.assertEqual(len(simulated.acs.sessions), 1)
        simulated.run(0.2)
        self.assertEqual(simulated.acs.event_codes()[1:], [("4 VALUE CHANGE",)])
        simulated.run(5)
        self.local(simulated, WATCHED, "two.example")
        simulated.happen(Event(PERIODIC))
        self.assertEqual(simulated.acs.event_codes()[2:], [("2 PERIODIC", "4 VALUE CHANGE")])
        self.local(simulated, WATCHED, "three.example")
        simulated.acs.instead = down
        simulated.run(60.1)
        simulated.run(10.1)
        self.assertEqual([inform.retry_count for inform in simulated.acs.informs()[3:]], [0, 1])
