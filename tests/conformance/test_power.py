"""PER-01: power cuts after each save of a session. Answers stay true; undelivered events are reported again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, PERIODIC, Event
from cwmpagent.protocol.rpc import (
    AddObject,
    AddObjectResponse,
    DeleteObject,
    DeleteObjectResponse,
    Inform,
    Message,
    Reboot,
    RebootResponse,
    ScheduleInform,
    ScheduleInformResponse,
    SetParameterAttributes,
    SetParameterAttributesResponse,
    SetParameterAttributesStruct,
    SetParameterValuesResponse,
)
from cwmpagent.records import Batch, Saved
from cwmpagent.store.memory import MemoryStore
from tests.agent.bench import assign
from tests.agent.ports import SimulatedAgent, finished

CODE = "Device.DeviceInfo.ProvisioningCode"
WATCHED = "Device.Time.NTPServer1"
OTHER = "Device.Time.NTPServer2"
TABLE = "Device.NAT.PortMapping."


@dataclass
class Cut:
    """The state on the disk, and the messages received by the ACS ``before`` this write, and ``until`` the next one."""

    saved: Saved
    at: float
    before: list[Message]
    until: list[Message] = field(default_factory=list)


class Recorder(MemoryStore):
    """A store that records every state of the disk."""

    __slots__ = ("cuts", "simulated")

    def __init__(self) -> None:
        super().__init__()
        self.simulated: SimulatedAgent
        self.cuts: list[Cut] = []

    def save(self, batch: Batch) -> Deferred[None]:
        done = super().save(batch)
        had = self.had()
        if self.cuts:
            self.cuts[-1].until = had
        self.cuts.append(Cut(self.load(), self.simulated.timers.seconds(), had))
        return done

    def had(self) -> list[Message]:
        """The messages that the ACS has received since the recording began, and the last POST sent."""
        return [
            posted.message
            for session in self.simulated.acs.sessions
            for posted in session
            if posted.message is not None
        ]


class PowerCutTests(SynchronousTestCase):
    def cuts(self) -> Iterator[Cut]:
        """A session with all kinds of changes, and each moment at which the power can fail."""
        store = Recorder()
        simulated = store.simulated = SimulatedAgent(store=store)
        watch = SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 1, False, ()),))
        simulated.acs.asking.extend([watch, AddObject(TABLE, ""), assign(**{CODE: "old"})])
        simulated.begin()
        simulated.acs.sessions.clear()
        store.cuts.clear()
        finished(simulated.runtime.changes.set_values([ParameterAssignment(WATCHED, "ntp.example")], Origin.LOCAL))
        simulated.runtime.agenda.add(Event(PERIODIC), simulated.runtime.sessions.now())
        finished(simulated.runtime.journal.save())
        begun = len(store.cuts) - 1
        simulated.acs.asking.extend(
            [
                assign("key", **{CODE: "new"}),
                AddObject(TABLE, "key"),
                ScheduleInform(60, "soon"),
                SetParameterAttributes((SetParameterAttributesStruct(OTHER, True, 2, False, ()),)),
                DeleteObject(TABLE + "1.", "key"),
                Reboot("bye"),
            ]
        )
        simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(simulated.acs.event_codes(), [("2 PERIODIC", "4 VALUE CHANGE", "6 CONNECTION REQUEST")])
        self.assertEqual(simulated.restarts.begun, ["bye"])
        store.cuts[-1].until = store.had()
        self.assertGreater(len(store.cuts), begun + 8)
        return iter(store.cuts[begun:])

    def test_per_01_restart(self) -> None:
        for cut in self.cuts():
            simulated = self.after(cut, booted=False)
            if simulated.restarts.begun:
                self.assertEqual(simulated.restarts.begun, ["bye"])
                simulated.reboot()
                simulated.run(200)
            self.check(cut, simulated)

    def test_per_01_boot(self) -> None:
        for cut in self.cuts():
            self.check(cut, self.after(cut, booted=True))

    def test_per_01_cut_again_and_again(self) -> None:
        for cut in self.cuts():
            saved = cut.saved
            for _ in range(3):
                once = SimulatedAgent(store=MemoryStore(saved))
                once.timers.advance(cut.at - once.timers.seconds())
                once.acs.instead = lambda posted: Deferred()
                once.begin(booted=False)
                saved = once.store.load()
                once.acs.instead = lambda posted: None
            again = Cut(saved, cut.at, cut.before, cut.until)
            simulated = self.after(again, booted=True)
            self.check(again, simulated)

    def after(self, cut: Cut, *, booted: bool) -> SimulatedAgent:
        """The device after a start from this state."""
        simulated = SimulatedAgent(store=MemoryStore(cut.saved))
        simulated.timers.advance(cut.at - simulated.timers.seconds())
        simulated.begin(booted=booted)
        simulated.run(200)
        return simulated

    def check(self, cut: Cut, simulated: SimulatedAgent) -> None:
        told = [(event.event_code, event.command_key) for inform in simulated.acs.informs() for event in inform.event]
        if not any(isinstance(message, Inform) for message in cut.before):  # answered before the next save
            self.assertIn(("2 PERIODIC", ""), told)
            self.assertIn(("4 VALUE CHANGE", ""), told)
        for code in ("2 PERIODIC", "4 VALUE CHANGE", "M Reboot", "M ScheduleInform"):
            self.assertLessEqual([each for each, _ in told].count(code), 1, code)

        answered = [type(message) for message in cut.until]
        tree = simulated.runtime.tree
        if SetParameterValuesResponse in answered:
            self.assertEqual(tree.value(CODE).text, "new")
        if AddObjectResponse in answered:
            self.assertTrue(tree.exists(TABLE + "2."))
        if DeleteObjectResponse in answered:
            self.assertFalse(tree.exists(TABLE + "1."))
        if SetParameterAttributesResponse in answered:
            self.assertEqual(tree.attributes(OTHER).notification, 2)
        if ScheduleInformResponse in answered:
            self.assertIn(("M ScheduleInform", "soon"), told)
        if RebootResponse in answered:
            self.assertIn(("M Reboot", "bye"), told)
        # All or nothing: key and value are in one transaction.
        self.assertEqual(tree.value(CODE).text == "new", self.key(simulated) == "key")
        simulated.acs.asking.append(AddObject(TABLE, ""))
        simulated.happen(Event(CONNECTION_REQUEST))
        (added,) = simulated.acs.answers()
        assert isinstance(added, AddObjectResponse)
        self.assertGreaterEqual(added.instance_number, 3 if AddObjectResponse in answered else 2)
        self.assertEqual(simulated.odd(), [])

    def key(self, simulated: SimulatedAgent) -> Any:
        return simulated.runtime.tree.value("Device.ManagementServer.ParameterKey").text
