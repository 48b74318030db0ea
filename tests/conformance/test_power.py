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
from tests.agent.ports import Lives, finished

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

    __slots__ = ("cuts", "lives")

    def __init__(self) -> None:
        super().__init__()
        self.lives: Lives
        self.cuts: list[Cut] = []

    def save(self, batch: Batch) -> Deferred[None]:
        done = super().save(batch)
        had = self.had()
        if self.cuts:
            self.cuts[-1].until = had
        self.cuts.append(Cut(self.load(), self.lives.timers.seconds(), had))
        return done

    def had(self) -> list[Message]:
        """The messages that the ACS has received since the recording began, and the last POST sent."""
        return [
            posted.message for session in self.lives.acs.sessions for posted in session if posted.message is not None
        ]


class PowerCutTests(SynchronousTestCase):
    def cuts(self) -> Iterator[Cut]:
        """A session with all kinds of changes, and each moment at which the power can fail."""
        store = Recorder()
        lives = store.lives = Lives(store=store)
        watch = SetParameterAttributes((SetParameterAttributesStruct(WATCHED, True, 1, False, ()),))
        lives.acs.asking.extend([watch, AddObject(TABLE, ""), assign(**{CODE: "old"})])
        lives.begin()
        lives.acs.sessions.clear()
        store.cuts.clear()
        finished(lives.runtime.changes.set_values([ParameterAssignment(WATCHED, "ntp.example")], Origin.LOCAL))
        lives.runtime.agenda.add(Event(PERIODIC), lives.runtime.sessions.now())
        finished(lives.runtime.journal.save())
        begun = len(store.cuts) - 1
        lives.acs.asking.extend(
            [
                assign("key", **{CODE: "new"}),
                AddObject(TABLE, "key"),
                ScheduleInform(60, "soon"),
                SetParameterAttributes((SetParameterAttributesStruct(OTHER, True, 2, False, ()),)),
                DeleteObject(TABLE + "1.", "key"),
                Reboot("bye"),
            ]
        )
        lives.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(lives.acs.told(), [("2 PERIODIC", "4 VALUE CHANGE", "6 CONNECTION REQUEST")])
        self.assertEqual(lives.restarts.begun, ["bye"])
        store.cuts[-1].until = store.had()
        self.assertGreater(len(store.cuts), begun + 8)
        return iter(store.cuts[begun:])

    def test_per_01_restart(self) -> None:
        for cut in self.cuts():
            lives = self.after(cut, booted=False)
            if lives.restarts.begun:
                self.assertEqual(lives.restarts.begun, ["bye"])
                lives.reboot()
                lives.run(200)
            self.check(cut, lives)

    def test_per_01_boot(self) -> None:
        for cut in self.cuts():
            self.check(cut, self.after(cut, booted=True))

    def test_per_01_cut_again_and_again(self) -> None:
        for cut in self.cuts():
            saved = cut.saved
            for _ in range(3):
                once = Lives(store=MemoryStore(saved))
                once.timers.advance(cut.at - once.timers.seconds())
                once.acs.instead = lambda posted: Deferred()
                once.begin(booted=False)
                saved = once.store.load()
                once.acs.instead = lambda posted: None
            again = Cut(saved, cut.at, cut.before, cut.until)
            lives = self.after(again, booted=True)
            self.check(again, lives)

    def after(self, cut: Cut, *, booted: bool) -> Lives:
        """The device after a start from this state."""
        lives = Lives(store=MemoryStore(cut.saved))
        lives.timers.advance(cut.at - lives.timers.seconds())
        lives.begin(booted=booted)
        lives.run(200)
        return lives

    def check(self, cut: Cut, lives: Lives) -> None:
        told = [(event.event_code, event.command_key) for inform in lives.acs.informs() for event in inform.event]
        if not any(isinstance(message, Inform) for message in cut.before):  # answered before the next save
            self.assertIn(("2 PERIODIC", ""), told)
            self.assertIn(("4 VALUE CHANGE", ""), told)
        for code in ("2 PERIODIC", "4 VALUE CHANGE", "M Reboot", "M ScheduleInform"):
            self.assertLessEqual([each for each, _ in told].count(code), 1, code)

        answered = [type(message) for message in cut.until]
        tree = lives.runtime.tree
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
        self.assertEqual(tree.value(CODE).text == "new", self.key(lives) == "key")
        lives.acs.asking.append(AddObject(TABLE, ""))
        lives.happen(Event(CONNECTION_REQUEST))
        (added,) = lives.acs.answers()
        assert isinstance(added, AddObjectResponse)
        self.assertGreaterEqual(added.instance_number, 3 if AddObjectResponse in answered else 2)
        self.assertEqual(lives.odd(), [])

    def key(self, lives: Lives) -> Any:
        return lives.runtime.tree.value("Device.ManagementServer.ParameterKey").text
