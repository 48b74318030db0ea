"""The wall clock is set by +50 years, +1 hour and -1 hour while the agent waits: no event is lost, no storm."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import TransportError
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, PERIODIC, Event
from cwmpagent.protocol.rpc import ScheduleInform, SetParameterAttributes, SetParameterAttributesStruct
from cwmpagent.values import format_time
from tests.agent.ports import FIFTY_YEARS, NEW_YEAR_2026, Lives, finished

STEPS = (FIFTY_YEARS, 3600.0, -3600.0)
WATCHED = "Device.Time.NTPServer1"
ON = {"PeriodicInformEnable": "true", "PeriodicInformInterval": "1000"}


class StepTests(SynchronousTestCase):
    """Steps of the clock; ``timers_on_wall``: the timers of the reactor follow the wall clock, unlike under twistd."""

    timers_on_wall = False

    def each(self, **parameters: str) -> Iterator[tuple[float, Lives]]:
        """A bootstrapped device for each step."""
        for step in STEPS:
            if self.timers_on_wall and step < 0:
                continue  # the timers of such a reactor stand still for that hour
            lives = Lives(timers_on_wall=self.timers_on_wall, **parameters)
            lives.begin()
            yield step, lives

    def test_retry_wait(self) -> None:
        for step, lives in self.each():
            lives.acs.instead = lambda posted: TransportError("down")
            lives.happen(Event(PERIODIC))
            wait = lives.ended()[-1].retry_in
            assert wait is not None
            lives.run(wait / 2)
            lives.clock.step(step)
            lives.run(wait / 2 - 0.1)
            self.assertEqual(len(lives.acs.sessions), 2, step)
            lives.run(0.1 + 0.01)
            self.assertEqual([inform.retry_count for inform in lives.acs.informs()], [0, 0, 1])

    def test_periodic_without_a_reference(self) -> None:
        for step, lives in self.each(**ON):
            lives.run(1000)
            self.assertEqual(len(lives.acs.sessions), 2)
            tick = lives.acs.firsts()[-1].at
            lives.run(300)
            lives.clock.step(step)
            lives.run(5000)
            times = [posted.at for posted in lives.acs.firsts()[2:]]
            self.assertEqual(len(times), 5, step)
            for number, time in enumerate(times):
                self.assertAlmostEqual(time, tick + 1000 * (number + 1), places=2)

    def test_periodic_with_a_reference(self) -> None:
        for step, lives in self.each(**ON, PeriodicInformTime=format_time(NEW_YEAR_2026 + 70)):
            lives.run(400)
            self.assertEqual(len(lives.acs.sessions), 2)
            lives.clock.step(step)
            lives.run(3000)
            after = [posted.at - (lives.clock.monotonic() - lives.clock.wall()) for posted in lives.acs.firsts()[2:]]
            self.assertIn(len(after), (3, 4), step)
            # Every tick is in phase on the new wall clock. The first may be one that was due when the clock was set.
            for wall in after[-3:]:
                phase = (wall - NEW_YEAR_2026 - 70) % 1000
                self.assertLess(min(phase, 1000 - phase), 1, step)
            self.assertEqual(lives.acs.told()[-1], ("2 PERIODIC",))

    def test_schedule(self) -> None:
        for step, lives in self.each():
            lives.acs.asking.append(ScheduleInform(600, "later"))
            lives.happen(Event(CONNECTION_REQUEST))
            lives.run(300)
            lives.clock.step(step)
            lives.run(299.9)
            self.assertEqual(len(lives.acs.sessions), 2, step)
            lives.run(0.1 + 0.01)
            self.assertEqual(lives.acs.told()[2:], [("3 SCHEDULED", "M ScheduleInform")])

    def test_throttle(self) -> None:
        for step, lives in self.each(DefaultActiveNotificationThrottle="600"):
            watch = SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 2, False, ()),))
            lives.acs.asking.append(watch)
            lives.happen(Event(CONNECTION_REQUEST))
            finished(lives.runtime.changes.set_values([ParameterAssignment(WATCHED, "n.example")], Origin.LOCAL))
            lives.run(300)
            lives.clock.step(step)
            lives.run(299.9)
            self.assertEqual(len(lives.acs.sessions), 2, step)
            lives.run(0.1 + 0.01)
            self.assertEqual(lives.acs.told()[2:], [("4 VALUE CHANGE",)])

    def test_idle(self) -> None:
        for step, lives in self.each():
            lives.clock.step(step)
            lives.run(86400)
            self.assertEqual(len(lives.acs.sessions), 1, step)
            lives.happen(Event(CONNECTION_REQUEST))
            self.assertTrue(lives.ended()[-1].success)
            self.assertEqual(len(lives.acs.sessions), 2)

    def test_in_a_session(self) -> None:
        for step, lives in self.each(**ON):
            stepped = False

            def instead(posted: object, step: float = step, lives: Lives = lives) -> None:
                nonlocal stepped
                if not stepped:
                    stepped = True
                    lives.clock.step(step)

            lives.acs.instead = instead
            lives.happen(Event(CONNECTION_REQUEST))
            self.assertTrue(stepped and lives.ended()[-1].success)
            self.assertGreaterEqual(lives.ended()[-1].seconds, 0)
            self.assertLess(lives.ended()[-1].seconds, 1)
            lives.run(2000)
            self.assertIn(len(lives.acs.sessions), (3, 4))

    def test_from_1970_to_the_true_time_while_all_of_it_waits(self) -> None:
        lives = Lives(wall=100.0, timers_on_wall=self.timers_on_wall, **ON, PeriodicInformTime="2026-01-01T00:00:00Z")
        lives.acs.asking.append(ScheduleInform(3000, "later"))
        lives.begin()
        lives.run(100)
        told = len(lives.acs.sessions)
        lives.clock.step(NEW_YEAR_2026)
        lives.run(1000)
        self.assertIn(len(lives.acs.sessions) - told, (1, 2))
        lives.run(2000)
        codes = [code for told in lives.acs.told() for code in told]
        self.assertEqual(codes.count("M ScheduleInform"), 1)
        shift = lives.clock.wall() - lives.clock.monotonic()
        told_periodic = zip(lives.acs.firsts(), lives.acs.told(), strict=True)
        ticks = [posted.at + shift for posted, codes in told_periodic if "2 PERIODIC" in codes]
        phase = (ticks[-1] - NEW_YEAR_2026) % 1000
        self.assertLess(min(phase, 1000 - phase), 1)


class StepOfTheTimersTests(StepTests):
    timers_on_wall = True
