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
from tests.agent.ports import Lives, Posted, Said, finished, reply

WATCHED = "Device.Time.NTPServer1"


def down(posted: Posted) -> Said:
    """The error of an ACS that cannot be reached."""
    return TransportError("connection refused")


def unsigned(**values: int) -> SetParameterValues:
    """A SetParameterValues of unsignedInt parameters of ManagementServer."""
    return assign(**{SERVER + name: Value(ValueType.UNSIGNED_INT, str(number)) for name, number in values.items()})


def gaps(lives: Lives, since: int = 0) -> list[float]:
    """Seconds between consecutive sessions."""
    return [later.at - earlier.at for earlier, later in pairwise(lives.acs.firsts()[since:])]


class RetryTests(SynchronousTestCase):
    def bootstrapped(self, **parameters: str) -> Lives:
        lives = Lives(**parameters)
        lives.begin()
        self.assertEqual(len(lives.acs.sessions), 1)
        return lives

    def local(self, lives: Lives, name: str, text: str) -> None:
        finished(lives.runtime.changes.set_values([ParameterAssignment(name, text)], Origin.LOCAL))

    def within(self, found: list[float], minimum: float, factor: float) -> None:
        for number, gap in enumerate(found):
            step = min(number, 9)
            shortest, longest = minimum * factor**step, minimum * factor ** (step + 1)
            self.assertTrue(shortest - 1e-3 <= gap <= longest + 1e-3, (number + 1, gap))

    def test_rty_01_twelve_failures(self) -> None:
        seen = []
        for seed in range(10):
            lives = Lives(seed=seed)
            lives.acs.instead = down
            lives.begin()
            lives.run(30000)
            found = gaps(lives)[:12]
            self.assertEqual(len(found), 12)
            self.within(found, 5, 2)
            seen.append(tuple(found))
        self.assertEqual(len(set(seen)), 10)

    def test_rty_01_a_day_of_retries_and_then_everything_is_told(self) -> None:
        lives = Lives()
        lives.acs.instead = down
        lives.begin()
        lives.run(86400)
        lives.acs.instead = lambda posted: None
        count = len(lives.acs.sessions)
        self.assertTrue(20 < count < 50, count)
        lives.run(5121)
        self.assertEqual(lives.acs.told()[-1], ("0 BOOTSTRAP", "1 BOOT"))
        self.assertEqual(lives.acs.informs()[-1].retry_count, count)
        self.assertEqual(lives.odd(), [])

    def test_rty_02_another_table(self) -> None:
        lives = Lives(CWMPRetryMinimumWaitInterval="2", CWMPRetryIntervalMultiplier="3000")
        lives.acs.instead = down
        lives.begin()
        lives.run(100000)
        self.within(gaps(lives)[:8], 2, 3)
        lives = Lives(CWMPRetryMinimumWaitInterval="7", CWMPRetryIntervalMultiplier="1000")
        lives.acs.instead = down
        lives.begin()
        lives.run(100)
        self.within(gaps(lives), 7, 1)

    def test_rty_02_the_acs_sets_it(self) -> None:
        lives = Lives()
        lives.acs.asking.append(unsigned(CWMPRetryMinimumWaitInterval=100, CWMPRetryIntervalMultiplier=1500))
        lives.begin()
        lives.acs.instead = down
        lives.happen(Event(PERIODIC))
        lives.run(2000)
        self.within(gaps(lives, 1), 100, 1.5)

    def test_rty_03_each_failure_counts(self) -> None:
        lives = Lives()
        lives.acs.instead = down
        lives.begin()
        lives.run(20000)
        counts = [inform.retry_count for inform in lives.acs.informs()]
        self.assertEqual(counts, list(range(len(counts))))
        self.assertGreater(len(counts), 10)

    def test_rty_03_whatever_fails_it(self) -> None:
        lives = Lives()
        wrongs: list[Said] = [
            TransportError("reset"),
            Reply(500, b""),
            Reply(204, b""),
            Reply(200, b"<a/>"),
            reply(Fault(8001, "no")),
            Reply(404, b"not found"),
        ]
        lives.acs.instead = lambda posted: wrongs[len(lives.acs.sessions) - 1] if len(lives.acs.sessions) < 7 else None
        lives.begin()
        lives.run(1000)
        self.assertEqual([inform.retry_count for inform in lives.acs.informs()], list(range(7)))
        self.assertTrue(lives.ended()[-1].success)

    def test_rty_04_a_new_active_event_in_the_wait(self) -> None:
        lives = Lives()
        lives.acs.asking.append(SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 2, False, ()),)))
        lives.begin()
        lives.acs.instead = down
        lives.happen(Event(PERIODIC))
        lives.run(3)
        self.local(lives, WATCHED, "new.example")
        self.assertEqual([inform.retry_count for inform in lives.acs.informs()], [0, 0, 1])
        self.assertEqual(lives.acs.told()[-1], ("2 PERIODIC", "4 VALUE CHANGE"))
        self.assertEqual(lives.acs.firsts()[-1].at, lives.clock.monotonic())
        lives.run(20.1)
        self.assertEqual([inform.retry_count for inform in lives.acs.informs()], [0, 0, 1, 2])
        self.assertTrue(10 <= gaps(lives)[-1] <= 20.001)

    def test_rty_04_a_passive_change_does_not_cut_the_wait(self) -> None:
        lives = Lives()
        lives.acs.asking.append(SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 1, False, ()),)))
        lives.begin()
        lives.acs.instead = down
        lives.happen(Event(PERIODIC))
        self.local(lives, WATCHED, "new.example")
        lives.run(4.9)
        self.assertEqual(len(lives.acs.sessions), 2)
        lives.run(5.2)
        self.assertEqual(lives.acs.told()[-1], ("2 PERIODIC", "4 VALUE CHANGE"))

    def test_rty_05_a_reboot_starts_the_table_anew(self) -> None:
        lives = self.bootstrapped()
        lives.acs.instead = down
        lives.happen(Event(PERIODIC))
        while len(lives.acs.sessions) < 6:
            lives.run(1)
        self.assertEqual(lives.acs.informs()[-1].retry_count, 4)
        lives.reboot()
        self.assertEqual(lives.acs.informs()[-1].retry_count, 0)
        self.assertEqual(lives.acs.told()[-1], ("1 BOOT", "2 PERIODIC"))
        lives.run(10.01)
        self.assertEqual(lives.acs.informs()[-1].retry_count, 1)
        self.assertTrue(5 <= gaps(lives)[-1] <= 10.001)

    def test_rty_05_a_restart_without_a_boot_goes_on_with_the_wait(self) -> None:
        lives = self.bootstrapped()
        lives.acs.instead = down
        lives.happen(Event(PERIODIC))
        while len(lives.acs.sessions) < 6:
            lives.run(1)
        wait = lives.ended()[-1].retry_in
        assert wait is not None
        ended = lives.acs.firsts()[-1].at
        finished(lives.runtime.stop())
        lives.run(30)
        lives.begin(booted=False)
        self.assertEqual(len(lives.acs.sessions), 6)
        lives.run(200)
        self.assertEqual(lives.acs.informs()[6].retry_count, 5)
        self.assertAlmostEqual(lives.acs.firsts()[6].at - ended, wait, places=2)

    def test_rty_06_a_connection_request_alone_is_not_retried(self) -> None:
        lives = self.bootstrapped()
        lives.acs.instead = down
        lives.happen(Event(CONNECTION_REQUEST))
        self.assertIsNone(lives.ended()[-1].retry_in)
        lives.run(86400)
        self.assertEqual(len(lives.acs.sessions), 2)
        lives.acs.instead = lambda posted: None
        lives.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(lives.acs.informs()[-1].retry_count, 1)

    def test_rty_06_beside_others_it_is_dropped(self) -> None:
        lives = self.bootstrapped()
        lives.acs.instead = down
        lives.runtime.agenda.add(Event(PERIODIC), lives.runtime.sessions.now())
        lives.happen(Event(CONNECTION_REQUEST))
        lives.acs.instead = lambda posted: None
        lives.run(11)
        self.assertEqual(lives.acs.told()[1:], [("2 PERIODIC", "6 CONNECTION REQUEST"), ("2 PERIODIC",)])

    def test_rty_07_success_starts_anew(self) -> None:
        lives = self.bootstrapped()
        for _ in range(2):
            lives.acs.instead = down
            lives.happen(Event(PERIODIC))
            lives.run(30)
            lives.acs.instead = lambda posted: None
            lives.run(200)
            self.assertTrue(lives.ended()[-1].success)
            self.assertGreater(lives.acs.informs()[-1].retry_count, 0)
            lives.happen(Event(PERIODIC))
            self.assertEqual(lives.acs.informs()[-1].retry_count, 0)

    def test_throttle_holds_active_changes_back_and_nothing_else(self) -> None:
        lives = Lives(DefaultActiveNotificationThrottle="60")
        lives.acs.asking.append(SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 2, False, ()),)))
        lives.begin()
        lives.run(5)
        self.local(lives, WATCHED, "one.example")
        lives.run(54.9)
        self.assertEqual(len(lives.acs.sessions), 1)
        lives.run(0.2)
        self.assertEqual(lives.acs.told()[1:], [("4 VALUE CHANGE",)])
        lives.run(5)
        self.local(lives, WATCHED, "two.example")
        lives.happen(Event(PERIODIC))
        self.assertEqual(lives.acs.told()[2:], [("2 PERIODIC", "4 VALUE CHANGE")])
        self.local(lives, WATCHED, "three.example")
        lives.acs.instead = down
        lives.run(60.1)
        lives.run(10.1)
        self.assertEqual([inform.retry_count for inform in lives.acs.informs()[3:]], [0, 1])
