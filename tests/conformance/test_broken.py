"""Sessions broken at each of the first twelve messages, in every way: they are retried, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.lab.acs.misbehaviour import Delay, Drop, FaultAnswer, Garbage, Misbehaviour, Status, Truncate, WrongId
from cwmpagent.lab.acs.tasks import Unanswered
from cwmpagent.protocol.rpc import (
    AcsRequest,
    AddObject,
    DeleteObject,
    GetParameterAttributes,
    GetParameterNames,
    GetParameterValues,
    GetRPCMethods,
    ScheduleInform,
    SetParameterAttributes,
    SetParameterAttributesStruct,
)
from tests.agent.bench import DEVICE, assign
from tests.conformance.stage import SteppedCase, call

STEPS = range(1, 13)
WATCHED = "Device.Time.NTPServer1"
TABLE = "Device.NAT.PortMapping."
DEEP = "<a>" * 5000
DTD = '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'


def requests() -> list[AcsRequest]:
    """Eleven requests, so that the twelfth message still has an answer."""
    return [
        GetRPCMethods(),
        GetParameterNames("Device.", True),
        GetParameterValues(("Device.",)),
        assign("key", **{"Device.DeviceInfo.ProvisioningCode": "set"}),
        GetParameterAttributes((WATCHED,)),
        SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 1, False, ()),)),
        AddObject(TABLE, "key"),
        DeleteObject(TABLE + "999.", "key"),
        ScheduleInform(10**6, "far"),
        GetParameterValues(("Device.Nowhere",)),
        GetParameterValues(("Device.DeviceInfo.",)),
    ]


class BrokenTests(SteppedCase):
    async def test_connection_closed(self) -> None:
        await self.at_every_step(lambda step: Drop(at=step, times=0))

    async def test_connection_closed_once_the_message_was_taken(self) -> None:
        await self.at_every_step(lambda step: Drop(at=step, times=0, processed=True))

    async def test_connection_reset(self) -> None:
        await self.at_every_step(lambda step: Drop(at=step, times=0, reset=True))

    async def test_truncated_answer(self) -> None:
        await self.at_every_step(lambda step: Truncate(at=step, keep=150))

    async def test_truncated_answer_that_is_declared_whole(self) -> None:
        await self.at_every_step(lambda step: Truncate(at=step, keep=150, honest=True))

    async def test_garbage(self) -> None:
        texts = ("<soap:Envelope><unclosed", DEEP, DTD, "\x00\xff", "<a/>", "{}")
        await self.at_every_step(lambda step: Garbage(at=step, text=texts[step % len(texts)]))

    async def test_http_500(self) -> None:
        await self.at_every_step(lambda step: Status(at=step, status=500, body="Internal Server Error"))

    async def test_wrong_id(self) -> None:
        await self.at_every_step(lambda step: WrongId(at=step, id="another" if step % 2 else None))

    async def test_fault_8001(self) -> None:
        await self.at_every_step(lambda step: FaultAnswer(at=step, code=8001))

    async def test_silence(self) -> None:
        await self.at_every_step(lambda step: Delay(at=step, seconds=3600), silence=30.5)

    async def at_every_step(self, wrong: Callable[[int], Misbehaviour], silence: float = 0) -> None:
        agent = self.begin()
        await self.session(event="0 BOOTSTRAP")
        await self.lived(SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 1, False, ()),)))
        for step in STEPS:
            change = [ParameterAssignment(WATCHED, f"ntp{step}.example")]
            await agent.runtime.changes.set_values(change, Origin.LOCAL)
            answers = [self.lab.queue(DEVICE, request) for request in requests()]
            before, seen = len(self.ended()), self.lab.sessions.seen
            self.lab.misbehave(wrong(step))
            call(agent)
            if silence:
                await self.until(lambda: not self.lab.misbehaviours.waiting())
                await self.pause(0.02)
                self.time.advance(silence)
            await self.sessions_ended(before + 1)
            self.lab.misbehaviours.clear()
            failed = self.ended()[-1]
            self.assertEqual((failed.success, failed.retry_count), (False, 0), f"{wrong(step)}: {failed}")
            self.assertEqual(failed.events, ("4 VALUE CHANGE", "6 CONNECTION REQUEST"))
            assert failed.retry_in is not None
            self.assertTrue(1 <= failed.retry_in <= 2, failed)

            first = self.lab.sessions[-1].number if self.lab.sessions.seen > seen else seen
            self.time.advance(failed.retry_in)
            trace = await self.session(since=first)
            self.assertEqual(trace.informs[0].retry_count, 1)
            told = {each.name: each.value.text for each in trace.informs[0].parameter_list}
            if step == 1:
                self.assertEqual(trace.event_codes, ("4 VALUE CHANGE",))
                self.assertEqual(told[WATCHED], f"ntp{step}.example")
            else:
                self.assertEqual(trace.event_codes, ())
                self.assertNotIn(WATCHED, told)
            await self.until(lambda answers=answers: all(answer.called for answer in answers))
            lost = [answer for answer in answers if isinstance(answer.result, Unanswered)]
            self.assertLessEqual(len(lost), 1, step)
            self.assertTrue(self.ended()[-1].success)
            self.assertEqual(trace.violations, [])
        self.assertEqual(self.odd(), [])

    async def lived(self, request: AcsRequest) -> None:
        """Send one request in its own session."""
        assert self.agent is not None
        answer = self.lab.queue(DEVICE, request)
        number = self.lab.sessions.seen
        call(self.agent)
        await self.session(since=number)
        await answer
