"""Changes by the device itself, found by polling: only watched parameters, grouped, and each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Warned
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.device.provider import Name, Provider
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.rpc import (
    GetParameterValues,
    SetParameterAttributes,
    SetParameterAttributesResponse,
    SetParameterAttributesStruct,
)
from cwmpagent.records import Batch
from cwmpagent.store.memory import MemoryStore
from tests.agent.bench import assign
from tests.agent.ports import SimulatedAgent, finished
from tests.conformance.simulated import down
from tests.protocol.test_lightweight_notification import told

NTP = "Device.Time.NTPServer1"
NTP2 = "Device.Time.NTPServer2"
UPTIME = "Device.DeviceInfo.UpTime"
PORTS = "Device.NAT.PortMapping."
HOSTS = "Device.Hosts.Host."
CHANGED = ("4 VALUE CHANGE",)


class Box(Provider):
    """A device whose values a test sets; it records the reads."""

    name = "box"
    paths = ("Device.Time.", "Device.Hosts.", UPTIME, PORTS)

    def __init__(self, **values: str) -> None:
        self.values: dict[str, Any] = {}
        self.rows: list[str] = []
        self.tables: Sequence[str] = ()
        self.asked: list[list[str]] = []
        self.answer: Any = None

    def read(self, names: Sequence[Name]) -> Any:
        self.asked.append(sorted(names))
        if self.answer is not None:
            return self.answer
        return {name: self.values[name] for name in names if name in self.values}

    def instances(self, table: Name) -> Sequence[str]:
        return self.rows

    def check(self, changes: Mapping[Name, str | None]) -> None:
        return None

    def apply(self, changes: Mapping[Name, str | None]) -> None:
        self.values.update({name: text for name, text in changes.items() if text is not None and name[-1] != "."})


class Counting(MemoryStore):
    """A store that records the batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []

    def save(self, batch: Batch) -> Deferred[None]:
        self.batches.append(batch)
        return super().save(batch)


class PollingTests(SynchronousTestCase):
    def begin(self, *watched: tuple[str, int], **options: str) -> None:
        """Start a bootstrapped device with a box that is polled every 5 seconds; ``watched``: names and levels."""
        self.box = Box()
        self.box.values |= {NTP: "one.example", NTP2: "two.example", UPTIME: "1"}
        self.store = Counting()
        self.simulated = SimulatedAgent(
            store=self.store, polling=5.0, LightweightNotificationProtocolsUsed="UDP", **options
        )
        self.simulated.providers.append(self.box)
        self.simulated.begin()
        self.watch(*watched)

    def watch(self, *watched: tuple[str, int]) -> None:
        asked = SetParameterAttributes(
            tuple(SetParameterAttributesStruct(name, True, level, False, ()) for name, level in watched)
        )
        answer = finished(self.simulated.runtime.dispatcher.dispatch(asked))
        self.assertEqual(answer.response, SetParameterAttributesResponse())
        self.box.asked.clear()
        self.sessions = len(self.simulated.acs.sessions)

    def told(self) -> list[tuple[str, ...]]:
        """EventCodes of the sessions since the ACS set the attributes."""
        return self.simulated.acs.event_codes()[self.sessions :]

    def last(self) -> dict[str, str]:
        return {each.name: each.value.text for each in self.simulated.acs.informs()[-1].parameter_list}

    def call(self) -> None:
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.simulated.run(0)

    def test_it_goes_on_after_a_reboot_that_did_not_come(self) -> None:
        self.begin((NTP, 2), (NTP2, 5))
        finished(self.simulated.runtime.stop())
        self.box.values |= {NTP: "other.example", NTP2: "other.example"}
        self.simulated.run(60)
        self.assertEqual((self.told(), self.box.asked, self.simulated.datagrams), ([], [], []))
        self.simulated.runtime.resume()
        self.simulated.run(60)
        self.assertEqual(self.told(), [CHANGED])
        self.assertEqual((self.last()[NTP], len(self.simulated.datagrams)), ("other.example", 1))
        self.assertEqual(self.simulated.watch.hosts(), ["acs.example"])

    def test_an_active_one_is_found_and_told_once(self) -> None:
        self.begin((NTP, 2))
        self.simulated.run(60)
        self.assertEqual(self.told(), [])
        self.box.values[NTP] = "new.example"
        self.simulated.run(5.1)
        self.assertEqual(self.told(), [CHANGED])
        self.assertEqual(self.last()[NTP], "new.example")
        self.simulated.run(600)
        self.assertEqual(self.told(), [CHANGED])
        self.assertEqual(self.simulated.odd(), [])

    def test_only_what_is_watched_is_read_in_one_call(self) -> None:
        self.begin((NTP, 2), (NTP2, 5), (UPTIME, 1))
        self.simulated.run(15.1)
        self.assertEqual(self.box.asked, [[NTP, NTP2]] * 3)

    def test_without_anything_watched_nothing_is_read_and_no_timer_runs(self) -> None:
        self.begin((NTP, 2))
        self.simulated.run(6)
        self.watch((NTP, 0))
        self.simulated.run(3600)
        self.assertEqual(self.box.asked, [])
        self.assertEqual(self.simulated.timers.getDelayedCalls(), [])

    def test_a_passive_one_opens_no_session_and_goes_with_the_next(self) -> None:
        self.begin((NTP, 1), (UPTIME, 1))
        self.box.values |= {NTP: "new.example", UPTIME: "2"}
        saved = len(self.store.batches)
        self.simulated.run(600)
        self.assertEqual(self.told(), [])
        self.assertEqual(len(self.store.batches), saved)
        self.call()
        self.assertEqual(self.told(), [("4 VALUE CHANGE", "6 CONNECTION REQUEST")])
        self.assertEqual((self.last()[NTP], self.last()[UPTIME]), ("new.example", "2"))

    def test_lightweight_ones_are_sent(self) -> None:
        self.begin((NTP, 5), (NTP2, 3), LightweightNotificationTriggerInterval="60")
        self.box.values[NTP] = "active.example"
        self.simulated.run(5.1)
        self.box.values[NTP2] = "passive.example"
        self.simulated.run(66)
        sent = [told(each) for _, _, each in self.simulated.datagrams]
        self.assertEqual(sent, [[(NTP, "xs:string", "active.example")], [(NTP2, "xs:string", "passive.example")]])
        self.assertEqual(self.told(), [])

    def test_what_the_acs_sets_is_no_news(self) -> None:
        self.begin((NTP, 2), (NTP2, 5))
        values = assign("", **{NTP: "acs.example", NTP2: "acs2.example"}).parameter_list
        finished(self.simulated.runtime.changes.set_values(values, Origin.ACS))
        self.simulated.run(60)
        self.assertEqual((self.told(), self.simulated.datagrams), ([], []))
        self.assertEqual(self.box.values[NTP], "acs.example")

    def test_what_a_person_sets_is_news_at_once_and_once(self) -> None:
        self.begin((NTP, 2))
        finished(self.simulated.runtime.changes.set_values([ParameterAssignment(NTP, "me.example")], Origin.LOCAL))
        self.simulated.run(60)
        self.assertEqual(self.told(), [CHANGED])

    def test_what_the_acs_read_meanwhile_is_told_nevertheless(self) -> None:
        self.begin((NTP, 2))
        self.simulated.run(6)
        self.box.values[NTP] = "new.example"
        finished(self.simulated.runtime.dispatcher.dispatch(GetParameterValues((NTP,))))
        self.simulated.run(5.1)
        self.assertEqual(self.told(), [CHANGED])

    def test_one_that_always_changes_opens_a_session_a_poll_at_most(self) -> None:
        self.begin((NTP, 2))
        ever = iter(range(1000))

        class Restless(dict[str, str]):
            def __contains__(self, name: object) -> bool:
                return name == NTP

            def __getitem__(self, name: str) -> str:
                return f"host{next(ever)}.example"

        self.box.values = Restless()
        self.simulated.run(60)
        self.assertLessEqual(len(self.told()), 12)
        self.assertGreaterEqual(len(self.told()), 10)

    def test_the_throttle_holds_for_them_too(self) -> None:
        self.begin((NTP, 2), DefaultActiveNotificationThrottle="100")
        self.box.values[NTP] = "new.example"
        self.simulated.run(90)
        self.assertEqual(self.told(), [])
        self.simulated.run(20)
        self.assertEqual(self.told(), [CHANGED])

    def test_towards_an_acs_that_is_down_polls_neither_hurry_retries_nor_write(self) -> None:
        self.begin((NTP, 2), CWMPRetryMinimumWaitInterval="600")
        self.simulated.acs.instead = down
        self.box.values[NTP] = "new.example"
        self.simulated.run(6)
        self.assertEqual(len(self.told()), 1)
        saved = len(self.store.batches)
        self.simulated.run(500)
        self.assertEqual(len(self.told()), 1)
        self.assertEqual(len(self.store.batches), saved)

    def test_changed_back_before_it_was_told_is_no_news(self) -> None:
        self.begin((NTP, 2), DefaultActiveNotificationThrottle="100")
        self.box.values[NTP] = "new.example"
        self.simulated.run(30)
        self.box.values[NTP] = "one.example"
        self.simulated.run(300)
        self.assertEqual(self.told(), [])

    def test_a_provider_in_trouble_is_no_news_and_no_storm(self) -> None:
        never: Deferred[Any] = Deferred(lambda _: None)
        for answer in (["no mapping"], {NTP: 7}, never):
            self.begin((NTP, 2))
            self.simulated.run(6)
            self.box.answer = answer
            self.simulated.run(120)
            self.assertEqual(self.told(), [])
            warned = [fact for fact in self.simulated.facts if isinstance(fact, Warned)]
            self.assertLessEqual(1, len(warned))
            self.assertLessEqual(len(warned), 3)
            self.box.answer = None
            self.box.values[NTP] = "new.example"
            if answer is not never:
                self.simulated.run(11)
                self.assertEqual(self.told(), [CHANGED])

    def test_rows_that_come_and_go_count(self) -> None:
        count = "Device.Hosts.HostNumberOfEntries"
        self.begin()
        self.box.tables = (HOSTS,)
        self.simulated.begin(booted=False)
        self.watch((count, 2))
        self.box.rows = ["a", "b"]
        self.simulated.run(6)
        self.assertEqual(self.told(), [CHANGED])
        self.assertEqual(self.last()[count], "2")

    def test_pushed_it_is_told_without_waiting_for_a_poll(self) -> None:
        self.begin((NTP, 2), (NTP2, 5))
        self.box.values |= {NTP: "new.example", NTP2: "other.example"}
        finished(self.simulated.runtime.look("Device.Time."))
        self.simulated.run(0)
        self.assertEqual(self.told(), [CHANGED])
        self.assertEqual([told(each)[0][2] for _, _, each in self.simulated.datagrams], ["other.example"])
        self.simulated.run(60)
        self.assertEqual((len(self.told()), len(self.simulated.datagrams)), (1, 1))

    def test_a_change_found_writes_its_own_baseline_and_no_others(self) -> None:
        self.begin()
        names = [f"{PORTS}{number}.Description" for number in range(1, 201)]
        for _ in names:
            finished(self.simulated.runtime.changes.add_object(PORTS, Origin.ACS))
        self.box.values |= dict.fromkeys(names, "before")
        self.watch(*((name, 2) for name in names))
        self.simulated.run(6)
        self.store.batches.clear()
        self.box.values[names[7]] = "after"
        self.simulated.run(6)
        self.assertEqual(self.told(), [CHANGED])
        written = {note for batch in self.store.batches for note in batch.notes if note.startswith("baseline:")}
        self.assertEqual(written, {"baseline:" + names[7]})

    def test_after_the_stop_nothing_is_read(self) -> None:
        self.begin((NTP, 2))
        hanging: Deferred[Any] = Deferred()
        self.box.answer = hanging
        self.simulated.run(6)
        finished(self.simulated.runtime.stop())
        self.box.asked.clear()
        self.simulated.run(60)
        self.assertEqual(self.box.asked, [])
        self.assertEqual(self.simulated.timers.getDelayedCalls(), [])

    def test_never_where_the_interval_is_none(self) -> None:
        self.begin()
        self.simulated._polling = 0.0
        self.simulated.begin(booted=False)
        self.watch((NTP, 2))
        self.simulated.run(60)
        self.assertEqual(self.box.asked, [])
