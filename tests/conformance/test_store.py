"""A full or read-only disk: changes that cannot be saved are refused, the agent continues, and no event is lost."""

from __future__ import annotations

import contextlib
import shutil
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Warned
from cwmpagent.errors import TransportError
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, M_REBOOT, M_SCHEDULE_INFORM, PERIODIC, Event
from cwmpagent.protocol.rpc import (
    AcsRequest,
    AddObject,
    AddObjectResponse,
    DeleteObject,
    FactoryReset,
    Fault,
    GetParameterAttributes,
    GetParameterNames,
    GetParameterValues,
    Message,
    Reboot,
    ScheduleInform,
    ScheduleInformResponse,
    SetParameterAttributes,
    SetParameterAttributesStruct,
)
from cwmpagent.records import Batch
from cwmpagent.store.memory import MemoryStore
from tests.agent.bench import DEVICE, SERVER, assign
from tests.agent.ports import SimulatedAgent
from tests.test_tap import TapCase

CODE = "Device.DeviceInfo.ProvisioningCode"
WATCHED = "Device.Time.NTPServer1"
TABLE = "Device.NAT.PortMapping."
FULL = "database or disk is full"
CHANGES: tuple[AcsRequest, ...] = (
    assign("new key", **{CODE: "new", WATCHED: "new.example"}),
    AddObject(TABLE, "new key"),
    DeleteObject(TABLE + "1.", "new key"),
    SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 2, True, ()),)),
    ScheduleInform(60, "never"),
    Reboot("never"),
    FactoryReset(),
)
LOOKS: tuple[AcsRequest, ...] = (
    GetParameterValues((CODE, WATCHED, SERVER + "ParameterKey", TABLE)),
    GetParameterNames(TABLE, False),
    GetParameterAttributes((WATCHED,)),
)


class Commit(Deferred[None]):
    """A commit under way."""

    def cancel(self) -> None:
        """Do nothing: a commit cannot be cancelled."""


class SlowStore(MemoryStore):
    """A store whose commits, while ``slow``, last until :meth:`finish`."""

    def __init__(self) -> None:
        super().__init__()
        self.slow = False
        self.under_way: list[tuple[Batch, Deferred[None]]] = []

    def save(self, batch: Batch) -> Deferred[None]:
        if not self.slow:
            return super().save(batch)
        self.under_way.append((batch, Commit()))
        return self.under_way[-1][1]

    def finish(self) -> None:
        self.slow = False
        for batch, done in self.under_way:
            super().save(batch).chainDeferred(done)


class SlowStoreTests(SynchronousTestCase):
    def test_the_acs_is_told_what_a_commit_came_to_that_outlasts_its_rpc(self) -> None:
        scheduled = [("3 SCHEDULED", M_SCHEDULE_INFORM)]
        for request, response, later in (
            (ScheduleInform(60, "later"), ScheduleInformResponse(), scheduled),
            (AddObject(TABLE, "key"), AddObjectResponse(1, 0), []),
        ):
            store = SlowStore()
            simulated = SimulatedAgent(store=store)
            simulated.begin()
            simulated.acs.asking.append(request)
            simulated.acs.instead = lambda posted, store=store: setattr(store, "slow", posted.number == 2)
            simulated.happen(Event(CONNECTION_REQUEST))
            self.assertEqual(len(store.under_way), 1, request)
            simulated.run(25)
            self.assertEqual(simulated.acs.answers(), [], request)
            store.finish()
            simulated.run(1)
            self.assertEqual(simulated.acs.answers(), [response])
            simulated.run(60)
            self.assertEqual(simulated.acs.event_codes()[2:], later)
            self.assertEqual(simulated.odd(), [])


class RefusingStoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.simulated = SimulatedAgent()
        self.simulated.acs.asking.extend([assign("key", **{CODE: "old"}), AddObject(TABLE, "key")])
        self.simulated.begin()

    def ask(self, *requests: AcsRequest) -> list[Message]:
        """The answers to ``requests``, all in one successful session."""
        self.simulated.acs.asking.extend(requests)
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.assertTrue(self.simulated.ended()[-1].success)
        return self.simulated.acs.answers()

    def test_every_change_is_refused_whole(self) -> None:
        before = self.ask(*LOOKS)
        saved = self.simulated.store.load()
        self.simulated.store.refusing = FULL
        for request in CHANGES:
            (answer,) = self.ask(request)
            assert isinstance(answer, Fault), answer
            self.assertEqual(answer.code, 9002, request)
            self.assertEqual(self.ask(*LOOKS), before, request)
        self.assertEqual(self.simulated.store.load(), saved)
        self.assertEqual(self.simulated.restarts.begun, [])
        count = len(self.simulated.acs.sessions)
        self.simulated.run(1000)
        self.assertEqual(len(self.simulated.acs.sessions), count)

    def test_once_there_is_room_again_all_is_as_it_was(self) -> None:
        self.simulated.store.refusing = FULL
        self.ask(*CHANGES)
        self.simulated.store.refusing = None
        (*done, _) = answers = self.ask(*CHANGES[:-1], *LOOKS[:1])
        self.assertFalse([answer for answer in answers if isinstance(answer, Fault)])
        self.assertEqual(done[1], AddObjectResponse(2, 0))
        self.assertEqual(len(self.simulated.restarts.begun), 1)
        self.simulated.reboot()
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("1 BOOT", M_REBOOT))

    def test_events_are_kept_in_memory(self) -> None:
        self.simulated.store.refusing = FULL
        self.simulated.acs.instead = lambda posted: TransportError("down")
        self.simulated.happen(Event(PERIODIC))
        self.simulated.run(100)
        self.simulated.acs.instead = lambda posted: None
        self.simulated.run(1000)
        self.assertIn("2 PERIODIC", self.simulated.acs.event_codes()[-1])
        self.assertGreater(self.simulated.acs.informs()[-1].retry_count, 2)
        warnings = [fact for fact in self.simulated.odd() if isinstance(fact, Warned)]
        self.assertEqual(len(warnings), 1, "said once, not at every save")
        self.assertIn(FULL, warnings[0].text)
        self.simulated.happen(Event(PERIODIC))
        self.assertEqual(self.simulated.acs.informs()[-1].retry_count, 0)

    def test_what_could_not_be_saved_is_told_twice_and_never_lost(self) -> None:
        self.simulated.acs.instead = lambda posted: TransportError("down")
        self.simulated.happen(Event(PERIODIC))
        self.simulated.acs.instead = lambda posted: None
        self.simulated.store.refusing = FULL
        self.simulated.run(11)
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("2 PERIODIC",))
        self.simulated.runtime.sessions._disarm()
        self.simulated.store.refusing = None
        self.simulated.begin(booted=False)
        self.simulated.run(100)
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("2 PERIODIC",))

    def test_a_url_that_cannot_be_kept_is_said_once_until_it_can(self) -> None:
        def said() -> int:
            return sum("ConnectionRequestURL" in fact.text for fact in self.simulated.odd() if isinstance(fact, Warned))

        for address in ("192.0.2.7", "192.0.2.8"):
            self.simulated.store.refusing = FULL
            self.simulated.address = address
            before = said()
            for _ in range(3):
                self.ask()
                self.assertEqual(said(), before + 1)
            self.simulated.store.refusing = None
            self.ask()
            self.assertIn(address, self.simulated.runtime.server.text("ConnectionRequestURL"))

    def test_a_device_that_never_could_save(self) -> None:
        simulated = SimulatedAgent()
        simulated.store.refusing = "attempt to write a readonly database"
        simulated.begin()
        self.assertEqual(simulated.acs.event_codes(), [("0 BOOTSTRAP", "1 BOOT")])
        self.assertTrue(simulated.ended()[0].success)
        simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(simulated.acs.event_codes()[1:], [("6 CONNECTION REQUEST",)])


class LostStateTests(TapCase):
    async def test_a_state_that_is_deleted_while_the_agent_runs_is_written_anew(self) -> None:
        child = self.run_agent()
        await self.first()
        await self.until(lambda: "session done" in child.out)
        await self.asked(assign(**{CODE: "before"}))
        shutil.rmtree(self.state)
        await self.asked(assign(**{SERVER + "STUNUsername": "after"}))
        child.signal("KILL")
        await child.ended
        self.assertIn("while the agent was running: the whole state is written anew", child.out)
        self.run_agent()
        values, *_ = await self.asked(GetParameterValues((CODE, SERVER + "STUNUsername")))
        self.assertEqual([each.value.text for each in values.parameter_list], ["before", "after"])

    async def asked(self, *requests: AcsRequest) -> list[Any]:
        """The answers to ``requests``; the agent is called until it is there."""
        answers = [self.lab.queue(DEVICE, request) for request in requests]
        while not all(answer.called for answer in answers):
            with contextlib.suppress(UnreachableError):
                await self.lab.connection_request(DEVICE)
            await self.pause(0.1)
        return [await answer for answer in answers]
