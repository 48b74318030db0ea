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
from tests.agent.ports import FIFTY_YEARS, NEW_YEAR_2026, SimulatedAgent, finished

STEPS = (FIFTY_YEARS, 3600.0, -3600.0)
WATCHED = "Device.Time.NTPServer1"
ON = {"PeriodicInformEnable": "true", "PeriodicInformInterval": "1000"}


class StepTests(SynchronousTestCase):
    """Steps of the clock; ``timers_on_wall``: the timers of the reactor follow the wall clock, unlike under twistd."""

    timers_on_wall = False

    def each(self, **parameters: str) -> Iterator[tuple[float, SimulatedAgent]]:
        """A bootstrapped device for each step."""
        for step in STEPS:
            if self.timers_on_wall and step < 0:
                continue  # the timers of such a reactor stand still for that hour
            simulated = SimulatedAgent(timers_on_wall=self.timers_on_wall, **parameters)
            simulated.begin()
            yield step, simulated

    def test_retry_wait(self) -> None:
        for step, simulated in self.each():
            simulated.acs.instead = lambda posted: TransportError("down")
            simulated.happen(Event(PERIODIC))
            wait = simulated.ended()[-1].retry_in
            assert wait is not None
            simulated.run(wait / 2)
            simulated.clock.step(step)
            simulated.run(wait / 2 - 0.1)
            self.assertEqual(len(simulated.acs.sessions), 2, step)
            simulated.run(0.1 + 0.01)
            self.assertEqual([inform.retry_count for inform in simulated.acs.informs()], [0, 0, 1])

    def test_periodic_without_a_reference(self) -> None:
        for step, simulated in self.each(**ON):
            simulated.run(1000)
            self.assertEqual(len(simulated.acs.sessions), 2)
            tick = simulated.acs.firsts()[-1].at
            simulated.run(300)
            simulated.clock.step(step)
            simulated.run(5000)
            times = [posted.at for posted in simulated.acs.firsts()[2:]]
            self.assertEqual(len(times), 5, step)
            for number, time in enumerate(times):
                self.assertAlmostEqual(time, tick + 1000 * (number + 1), places=2)

    def test_periodic_with_a_reference(self) -> None:
        for step, simulated in self.each(**ON, PeriodicInformTime=format_time(NEW_YEAR_2026 + 70)):
            simulated.run(400)
            self.assertEqual(len(simulated.acs.sessions), 2)
            simulated.clock.step(step)
            simulated.run(3000)
            after = [
                posted.at - (simulated.clock.monotonic() - simulated.clock.wall())
                for posted in simulated.acs.firsts()[2:]
            ]
            self.assertIn(len(after), (3, 4), step)
            # Every tick is in phase on the new wall clock. The first may be one that was due when the clock was set.
            for wall in after[-3:]:
                phase = (wall - NEW_YEAR_2026 - 70) % 1000
                self.assertLess(min(phase, 1000 - phase), 1, step)
            self.assertEqual(simulated.acs.event_codes()[-1], ("2 PERIODIC",))

    def test_schedule(self) -> None:
        for step, simulated in self.each():
            simulated.acs.asking.append(ScheduleInform(600, "later"))
            simulated.happen(Event(CONNECTION_REQUEST))
            simulated.run(300)
            simulated.clock.step(step)
            simulated.run(299.9)
            self.assertEqual(len(simulated.acs.sessions), 2, step)
            simulated.run(0.1 + 0.01)
            self.assertEqual(simulated.acs.event_codes()[2:], [("3 SCHEDULED", "M ScheduleInform")])

    def test_throttle(self) -> None:
        for step, simulated in self.each(DefaultActiveNotificationThrottle="600"):
            watch = SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 2, False, ()),))
            simulated.acs.asking.append(watch)
            simulated.happen(Event(CONNECTION_REQUEST))
            finished(simulated.runtime.changes.set_values([ParameterAssignment(WATCHED, "n.example")], Origin.LOCAL))
            simulated.run(300)
            simulated.clock.step(step)
            simulated.run(299.9)
            self.assertEqual(len(simulated.acs.sessions), 2, step)
            simulated.run(0.1 + 0.01)
            self.assertEqual(simulated.acs.event_codes()[2:], [("4 VALUE CHANGE",)])

    def test_idle(self) -> None:
        for step, simulated in self.each():
            simulated.clock.step(step)
            simulated.run(86400)
            self.assertEqual(len(simulated.acs.sessions), 1, step)
            simulated.happen(Event(CONNECTION_REQUEST))
            self.assertTrue(simulated.ended()[-1].success)
            self.assertEqual(len(simulated.acs.sessions), 2)

    def test_in_a_session(self) -> None:
        for step, simulated in self.each(**ON):
            stepped = False

            def instead(posted: object, step: float = step, simulated: SimulatedAgent = simulated) -> None:
                nonlocal stepped
                if not stepped:
                    stepped = True
                    simulated.clock.step(step)

            simulated.acs.instead = instead
            simulated.happen(Event(CONNECTION_REQUEST))
            self.assertTrue(stepped and simulated.ended()[-1].success)
            self.assertGreaterEqual(simulated.ended()[-1].seconds, 0)
            self.assertLess(simulated.ended()[-1].seconds, 1)
            simulated.run(2000)
            self.assertIn(len(simulated.acs.sessions), (3, 4))

    def test_from_1970_to_the_true_time_while_all_of_it_waits(self) -> None:
        simulated = SimulatedAgent(
            wall=100.0, timers_on_wall=self.timers_on_wall, **ON, PeriodicInformTime="2026-01-01T00:00:00Z"
        )
        simulated.acs.asking.append(ScheduleInform(3000, "later"))
        simulated.begin()
        simulated.run(100)
        told = len(simulated.acs.sessions)
        simulated.clock.step(NEW_YEAR_2026)
        simulated.run(1000)
        self.assertIn(len(simulated.acs.sessions) - told, (1, 2))
        simulated.run(2000)
        codes = [code for told in simulated.acs.event_codes() for code in told]
        self.assertEqual(codes.count("M ScheduleInform"), 1)
        shift = simulated.clock.wall() - simulated.clock.monotonic()
        told_periodic = zip(simulated.acs.firsts(), simulated.acs.event_codes(), strict=True)
        ticks = [posted.at + shift for posted, codes in told_periodic if "2 PERIODIC" in codes]
        phase = (ticks[-1] - NEW_YEAR_2026) % 1000
        self.assertLess(min(phase, 1000 - phase), 1)


class StepOfTheTimersTests(StepTests):
    timers_on_wall = True
