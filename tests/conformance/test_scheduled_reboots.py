"""ScheduleReboot and DelayReboot (TR-181): with a whole agent, in simulated time and over loopback."""

from __future__ import annotations

from cwmpagent.agent.facts import Warned
from cwmpagent.protocol.rpc import Fault, GetParameterValues, Message, SetParameterValuesResponse
from cwmpagent.values import Value, ValueType, format_time
from tests.agent.bench import SERVER, BenchCase, assign
from tests.agent.ports import NEW_YEAR_2026
from tests.conformance.simulated import SimulatedAgentCase, SimulatedDiskAgent

DELAY, DATE = SERVER + "DelayReboot", SERVER + "ScheduleReboot"


def delay(seconds: int) -> Value:
    """A value for DelayReboot."""
    return Value(ValueType.INT, str(seconds))


def date(seconds: float) -> Value:
    """A value for ScheduleReboot; ``seconds``: since 1970."""
    return Value(ValueType.DATE_TIME, format_time(seconds))


class ScheduledRebootTests(SimulatedAgentCase):
    """In simulated time; the reboots that the agent begins are recorded, and carried out by the tests."""

    def started(self, **options: str) -> SimulatedDiskAgent:
        """A bootstrapped agent."""
        simulated = self.device(**options)
        simulated.bootstrapped()
        return simulated

    def set(self, simulated: SimulatedDiskAgent, **values: Value) -> Message:
        """Set parameters by the ACS."""
        (answer,) = simulated.ask(assign("", **values))
        return answer

    def restart(self, simulated: SimulatedDiskAgent) -> None:
        """Kill the process, and start it again."""
        simulated.kill()
        simulated.resume(booted=False)

    def test_rbt_01_a_delay_from_the_end_of_the_session(self) -> None:
        simulated = self.started()
        self.assertEqual(self.set(simulated, **{DELAY: delay(30)}), SetParameterValuesResponse(0))
        simulated.run(29)
        self.assertEqual(simulated.restarts.begun, [])
        simulated.run(1.1)
        self.assertEqual(simulated.restarts.begun, [""])
        simulated.reboot()
        self.assertEqual(simulated.acs.event_codes()[-1], ("1 BOOT",))
        self.assertEqual(simulated.value(DELAY), "-1")
        simulated.run(1000)
        self.assertEqual(simulated.restarts.begun, [""])

    def test_rbt_01_at_once_after_the_session(self) -> None:
        simulated = self.started()
        self.assertEqual(self.set(simulated, **{DELAY: delay(0)}), SetParameterValuesResponse(0))
        simulated.run(0.1)
        self.assertEqual(simulated.restarts.begun, [""])

    def test_rbt_01_withdrawn(self) -> None:
        simulated = self.started()
        self.set(simulated, **{DELAY: delay(30)})
        self.set(simulated, **{DELAY: delay(-1)})
        simulated.run(1000)
        self.assertEqual(simulated.restarts.begun, [])

    def test_rbt_01_the_same_delay_again_begins_anew(self) -> None:
        simulated = self.started()
        self.set(simulated, **{DELAY: delay(30)})
        simulated.run(20)
        self.set(simulated, **{DELAY: delay(30)})
        simulated.run(20)
        self.assertEqual(simulated.restarts.begun, [])
        simulated.run(11)
        self.assertEqual(simulated.restarts.begun, [""])

    def test_rbt_02_bad_values(self) -> None:
        simulated = self.started()
        for path, value in (
            (DELAY, delay(-2)),
            (DELAY, Value(ValueType.INT, "soon")),
            (DELAY, Value(ValueType.INT, str(2**31))),
            (DATE, Value(ValueType.DATE_TIME, "tomorrow")),
        ):
            answer = self.set(simulated, **{path: value})
            assert isinstance(answer, Fault)
            self.assertEqual((answer.code, [each.code for each in answer.parameters]), (9003, [9007]), value)
        simulated.run(1000)
        self.assertEqual(simulated.restarts.begun, [])

    def test_rbt_03_a_date(self) -> None:
        simulated = self.started()
        self.set(simulated, **{DATE: date(NEW_YEAR_2026 + 600)})
        simulated.run(590)
        self.assertEqual(simulated.restarts.begun, [])
        simulated.run(11)
        self.assertEqual(simulated.restarts.begun, [""])
        simulated.reboot()
        self.assertEqual(simulated.acs.event_codes()[-1], ("1 BOOT",))
        simulated.clock.step(-3600)  # the same date comes again: it is done
        simulated.run(10000)
        self.assertEqual(simulated.restarts.begun, [""])

    def test_rbt_03_a_past_date_is_none(self) -> None:
        simulated = self.started()
        for value in (date(NEW_YEAR_2026 - 1), Value(ValueType.DATE_TIME, "0001-01-01T00:00:00Z")):
            self.assertEqual(self.set(simulated, **{DATE: value}), SetParameterValuesResponse(0))
        simulated.run(1000)
        self.assertEqual(simulated.restarts.begun, [])

    def test_rbt_04_restarts_of_the_process_at_every_step(self) -> None:
        for path, value in ((DELAY, delay(600)), (DATE, date(NEW_YEAR_2026 + 600))):
            simulated = self.started()
            self.set(simulated, **{path: value})
            for _ in range(5):
                self.restart(simulated)
                simulated.run(100)
            self.assertEqual(simulated.restarts.begun, [])
            self.restart(simulated)
            simulated.run(101)
            self.assertEqual(simulated.restarts.begun, [""])
            self.restart(simulated)  # killed before the device went down: it still does
            simulated.run(1)
            self.assertEqual(simulated.restarts.begun, ["", ""])
            simulated.reboot()
            self.restart(simulated)
            simulated.run(1000)
            self.assertEqual(simulated.restarts.begun, ["", ""])

    def test_rbt_04_another_boot_ends_a_delay_and_keeps_a_date(self) -> None:
        simulated = self.started()
        self.set(simulated, **{DELAY: delay(60), DATE: date(NEW_YEAR_2026 + 600)})
        simulated.kill()
        simulated.resume(booted=True)
        simulated.run(500)
        self.assertEqual((simulated.restarts.begun, simulated.value(DELAY)), ([], "-1"))
        simulated.run(101)
        self.assertEqual(simulated.restarts.begun, [""])

    def test_rbt_05_steps_of_the_clock(self) -> None:
        simulated = self.started()
        self.set(simulated, **{DELAY: delay(7200), DATE: date(NEW_YEAR_2026 + 3600)})
        simulated.clock.step(-1800)
        simulated.run(3700)
        self.assertEqual(simulated.restarts.begun, [])
        simulated.clock.step(1800)
        simulated.run(61)
        self.assertEqual(simulated.restarts.begun, [""])

    def test_rbt_05_no_date_while_the_clock_is_not_trusted(self) -> None:
        simulated = self.device(wall=0.0)  # type: ignore[arg-type]  # no parameter
        simulated.bootstrapped()
        self.set(simulated, **{DATE: date(NEW_YEAR_2026 + 600)})
        simulated.run(1000)
        self.assertEqual(simulated.restarts.begun, [])
        simulated.clock.step(NEW_YEAR_2026 - simulated.clock.wall())
        simulated.run(590)
        self.assertEqual(simulated.restarts.begun, [])
        simulated.run(11)
        self.assertEqual(simulated.restarts.begun, [""])

    def test_rbt_06_a_reboot_that_failed_is_not_repeated(self) -> None:
        simulated = self.started()
        self.set(simulated, **{DELAY: delay(1)})
        simulated.run(2)
        simulated.runtime.scheduled_reboots.stop()
        simulated.runtime.scheduled_reboots.resume()
        simulated.run(1000)
        self.assertEqual(simulated.restarts.begun, [""])

    def test_rbt_06_a_damaged_note_schedules_nothing(self) -> None:
        simulated = self.started()
        self.set(simulated, **{DELAY: delay(60)})
        simulated.runtime.journal.save_soon({"scheduled_reboots": "{"})
        self.restart(simulated)
        simulated.run(1000)
        self.assertEqual(simulated.restarts.begun, [])
        warned = [fact.text for fact in simulated.odd() if isinstance(fact, Warned)]
        self.assertEqual([text.partition(",")[0] for text in warned], ["cannot read the saved reboots"])
        simulated.facts.clear()


class LoopbackTests(BenchCase):
    """Over loopback, with the lab's ACS."""

    async def test_rbt_01_one_boot_and_no_m_reboot(self) -> None:
        await self.bootstrapped()
        number = self.lab.sessions.seen
        done, read = await self.ask(assign("", **{DELAY: delay(0)}), GetParameterValues((DELAY,)))
        self.assertEqual(done, SetParameterValuesResponse(0))
        self.assertEqual(read.parameter_list[0].value.text, "0")
        trace = await self.session(event="1 BOOT", since=number)
        self.assertEqual(trace.event_codes, ("1 BOOT",))
        asked = next(each for each in self.lab.sessions if each.number == number + 1)
        self.assertEqual(asked.ended, "complete")
        (again,) = await self.ask(GetParameterValues((DELAY,)))
        self.assertEqual(again.parameter_list[0].value.text, "-1")
