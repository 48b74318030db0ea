"""A start with one damaged value in an otherwise sound database: any value of any note and table."""

from __future__ import annotations

import copy
import json
import random
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Fact, Noted, Warned
from cwmpagent.agent.journal import (
    AGENDA,
    BASELINE,
    BOOT_ID,
    BOOTSTRAPPED,
    FILE_VALUES,
    LIGHTWEIGHT,
    PENDING,
    REQUEST_PATH,
)
from cwmpagent.agent.parameters.provider_rows import ROWS
from cwmpagent.agent.parameters.transaction import FORMER, LATER
from cwmpagent.agent.session.acs_discovery import DISCOVERED
from cwmpagent.protocol.agenda.events import Event
from cwmpagent.protocol.rpc import (
    AddObject,
    GetParameterValues,
    ParameterValueStruct,
    Reboot,
    ScheduleInform,
    SetParameterAttributes,
    SetParameterAttributesStruct,
    SetParameterValues,
)
from cwmpagent.records import Attributes, Saved
from cwmpagent.runtime.saved_notes import MOST_REPORTED, check_notes
from cwmpagent.store.memory import MemoryStore
from cwmpagent.values import Value, ValueType
from tests.agent.bench import BenchCase, assign
from tests.agent.box import CODE, PORTS, Fuse, Part
from tests.agent.ports import SERVER, SimulatedAgent, device2, finished

HOSTS = "Device.Hosts.Host."
NAME = "Device.Time.NTPServer1"


class Hosts(Part):
    """A provider with a table."""

    tables = (HOSTS,)

    def instances(self, table: Any) -> Any:
        return ["aa", "bb"]


def device(store: MemoryStore) -> SimulatedAgent:
    """A device with a provider of a value and of a table."""
    simulated = SimulatedAgent(store=store, LightweightNotificationProtocolsUsed="UDP")
    part = Hosts("hosts", (HOSTS, NAME), Fuse())
    simulated.providers.append(part)
    return simulated


def sound_state() -> Saved:
    """The state of a device in use; every kind of note is in it."""
    store = MemoryStore()
    simulated = device(store)
    simulated.begin()
    simulated.run(5)
    every = (
        ScheduleInform(3600, "later"),
        SetParameterAttributes(
            (
                SetParameterAttributesStruct(CODE, True, 2, False, ()),
                SetParameterAttributesStruct(NAME, True, 1, False, ()),
                SetParameterAttributesStruct(SERVER + "Username", True, 5, True, ()),
            )
        ),
        SetParameterValues((ParameterValueStruct(CODE, Value(ValueType.STRING, "set")),), "key"),
        AddObject(PORTS, ""),
        GetParameterValues((HOSTS,)),
        Reboot("reboot-key"),
    )
    simulated.acs.asking.extend(every)
    simulated.happen(Event("6 CONNECTION REQUEST"))
    simulated.run(30)
    simulated.kill()
    saved = store.load()
    notes = {
        **saved.notes,
        FORMER: json.dumps({NAME: "former"}),
        LATER: json.dumps({NAME: "later"}),
        DISCOVERED: "http://acs.example/",
        PENDING: '[["reboot","reboot-key"]]',
    }
    return replace(saved, notes=notes)


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 7, 2**31, 2**53, 2**64, -(2**63), 10**400, 1e299, -1e299, 0.5]),
    st.sampled_from(["", "\x01", "a" * 300, "Device.", "é\0", "\u2028", "/", "1" * 5000]),
    st.sampled_from([[], {}, [[]], [{}], {"a": 1}, [None], ["reboot"], ["reboot", {}], [["reboot", 1]]]),
)
"""Values of the wrong kind, or of the right kind that no agent has saved."""
NONSENSE = ("", "{", "[" * 100_000, '{"a":' * 100_000, "null", "[]", "{}", "1e999", "NaN", "-1", "1" * 5000, "\x01/\0")
RAW = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def damaged_json(text: str, seeded: random.Random, odd: Any) -> str:
    """The JSON ``text`` with one value in it replaced."""
    try:
        value = json.loads(text)
    except ValueError:
        return json.dumps(odd)
    holder: dict[str, Any] = {"": copy.deepcopy(value)}
    place: Any = holder
    key: Any = ""
    while isinstance(place[key], dict | list) and place[key] and seeded.random() < 0.9:
        place = place[key]
        key = seeded.choice(list(place)) if isinstance(place, dict) else seeded.randrange(len(place))
    place[key] = odd
    return json.dumps(holder[""])


class DamagedValues(SynchronousTestCase):
    def setUp(self) -> None:
        self.sound = sound_state()

    def with_note(self, name: str, text: str) -> Saved:
        """The sound state with another text in one note."""
        return replace(self.sound, notes={**self.sound.notes, name: text})

    def start(self, saved: Saved, *, booted: bool) -> SimulatedAgent:
        """Start a device with this state; it holds its first session, and is started once more."""
        simulated = device(MemoryStore(saved))
        simulated.begin(booted=booted)
        simulated.run(120)
        self.assertTrue(any(fact.success for fact in simulated.ended()) or not booted, simulated.facts)
        finished(simulated.runtime.stop())
        again = device(simulated.store)
        again.begin(booted=True)
        again.run(120)
        self.assertTrue(any(fact.success for fact in again.ended()), again.facts)
        lines = [fact.text for fact in again.facts if isinstance(fact, Warned | Noted)]
        self.assertEqual([line for line in lines if "damaged" in line], [], "it is said once")
        finished(again.runtime.stop())
        for fact in (*simulated.odd(), *again.odd()):
            self.assertIsInstance(fact, Warned)
            self.assertNotIn("internal error", str(fact))
            self.assertNotIn("Traceback", str(fact))
        self.assertEqual(self.flushLoggedErrors(), [])
        return simulated

    def test_the_sound_state_has_every_kind_of_note_and_nothing_is_said(self) -> None:
        kinds = {BASELINE, LIGHTWEIGHT, ROWS}
        found = {name.partition(":")[0] + ":" if ":" in name else name for name in self.sound.notes}
        self.assertLessEqual(
            {AGENDA, BOOTSTRAPPED, FILE_VALUES, PENDING, REQUEST_PATH, DISCOVERED, FORMER, LATER, *kinds}, found
        )
        said: list[object] = []
        self.assertEqual(check_notes(self.sound, device2(), said.append), (self.sound, ()))
        self.assertEqual(said, [])
        self.start(self.sound, booted=False)

    def test_the_row_zero_of_a_provider_is_sound(self) -> None:
        saved = Saved(notes={ROWS + HOSTS: json.dumps({"eth0": 0, "eth1": 1})})
        facts: list[Fact] = []
        self.assertEqual(check_notes(saved, device2(), facts.append), (saved, ()))
        self.assertEqual(facts, [])

    def test_a_damaged_note_that_is_written_anew_is_kept(self) -> None:
        """Its deletion comes before all else that a start saves."""
        watched = {**self.sound.attributes, HOSTS + "1.HostName": Attributes(1)}
        damaged = replace(self.with_note(ROWS + HOSTS, "nonsense"), attributes=watched)
        simulated = device(MemoryStore(damaged))
        simulated.begin(booted=False)
        simulated.run(5)
        simulated.kill()
        self.assertEqual(set(json.loads(simulated.store.load().notes[ROWS + HOSTS])), {"aa", "bb"})

    def test_work_beside_a_damaged_entry_is_still_done(self) -> None:
        simulated = self.start(self.with_note(PENDING, '[["reboot","reboot-key"],["nonsense"]]'), booted=True)
        self.assertTrue(any("M Reboot" in codes for codes in simulated.acs.event_codes()), simulated.acs.event_codes())
        (line,) = [fact.text for fact in simulated.odd() if "after a session" in str(fact)]
        self.assertIn("1 of 2 left out", line)

    def test_very_many_damaged_notes_are_counted(self) -> None:
        notes = {f"{ROWS}{HOSTS}{number}.": "nonsense" for number in range(5000)}
        facts: list[Any] = []
        sound, damaged = check_notes(Saved(notes=notes), device2(), facts.append)
        self.assertEqual((sound.notes, len(damaged)), ({}, 5000))
        self.assertEqual(len(facts), MOST_REPORTED + 1)
        self.assertEqual(facts[-1].text, "4980 more saved notes are damaged: their defaults are used")

    def test_a_damaged_request_path_becomes_another_one(self) -> None:
        for text in ("", "no slash", "/a b", "/%2", "//", "/é", "/" + "a" * 300, "/\n"):
            simulated = self.start(self.with_note(REQUEST_PATH, text), booted=False)
            path = simulated.store.load().notes[REQUEST_PATH]
            self.assertRegex(path, r"^/[0-9a-f]{32}$")
            (line,) = [fact.text for fact in simulated.odd() if REQUEST_PATH in str(fact)]
            self.assertEqual(
                line,
                "the saved note connection_request_path is damaged "
                "(a path such as /6513270e269e0d37 is expected): its default is used",
            )

    def test_nonsense_in_place_of_each_note(self) -> None:
        for text in NONSENSE:
            for name in self.sound.notes:
                if text == "" or name not in (BOOT_ID, BOOTSTRAPPED):
                    self.start(self.with_note(name, text), booted=False)

    @given(st.data())
    @settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
    def test_any_damaged_note(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.sound.notes)))
        seeded = random.Random(data.draw(st.integers(0, 2**32)))
        text = self.sound.notes[name]
        damage = data.draw(st.sampled_from(["json", "raw", "cut", "byte"]))
        if damage == "json":
            text = damaged_json(text, seeded, data.draw(ODD))
        elif damage == "raw":
            text = data.draw(RAW)
        elif text and damage == "cut":
            text = text[: seeded.randrange(len(text))]
        elif text:
            at = seeded.randrange(len(text))
            text = text[:at] + chr(seeded.choice([0, 10, 34, 48, 57, 92, 0xE9])) + text[at + 1 :]
        self.start(self.with_note(name, text), booted=data.draw(st.booleans()))

    @given(st.data())
    @settings(deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))
    def test_any_damaged_entry_of_a_table(self, data: st.DataObject) -> None:
        field = data.draw(st.sampled_from(["values", "attributes", "rows", "counters"]))
        entries: dict[str, Any] = dict(getattr(self.sound, field))
        odd_path = st.sampled_from(
            [
                "",
                ".",
                "Device",
                "Device.",
                "Device..1.",
                "X.Y",
                PORTS,
                PORTS + "9999999999.",
                PORTS + "0.",
                PORTS + "2147483648.",
                "a\0b",
                NAME,
                CODE,
                HOSTS + "7.",
            ]
        )
        path = data.draw(st.sampled_from(sorted(entries)) | odd_path)
        entries[path] = data.draw(
            {
                "values": st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
                | st.sampled_from(["", "-1", "1e9", "true", "0001-01-01T00:00:00Z", "http://[", "a" * 100_000]),
                "attributes": st.builds(
                    Attributes, st.integers(0, 6), st.lists(st.text("a\0é*", max_size=3), max_size=3).map(tuple)
                ),
                "rows": st.booleans(),
                "counters": st.sampled_from([0, 1, 2**31 - 1, 2**31, 2**63 - 1]),
            }[field]
        )
        simulated = self.start(replace(self.sound, **{field: entries}), booted=data.draw(st.booleans()))
        self.assertEqual([fact for fact in simulated.facts if isinstance(fact, Warned) and "damaged" in fact.text], [])


class DamagedDatabase(BenchCase):
    async def test_one_damaged_value_in_each_table_costs_itself_alone(self) -> None:
        agent = self.begin()
        await self.session(event="0 BOOTSTRAP")
        await self.ask(assign(**{CODE: "kept"}))
        await self.end(agent)
        with closing(sqlite3.connect(self.state / "state.sqlite")) as database:
            for sql in (
                f"INSERT INTO parameter_value VALUES ('{SERVER}Username', CAST(x'ff' AS TEXT))",
                f"INSERT INTO parameter_value VALUES ('{SERVER}PeriodicInformInterval', 'soon')",
                f"INSERT INTO parameter_attributes VALUES ('{CODE}', 2, '[')",
                f"INSERT INTO object_row VALUES ('{PORTS}1.', -1)",
                f"INSERT INTO object_counter VALUES ('{PORTS}', 'many')",
                "UPDATE note SET text = 'no path' WHERE name = 'connection_request_path'",
                "UPDATE note SET text = '{}' WHERE name = 'agenda'",
            ):
                database.execute(sql)
            database.commit()
        for complaints in (6, 0):
            self.facts.clear()
            agent = self.begin()
            await self.session(event="1 BOOT")
            self.assertEqual(await agent.get(CODE), "kept")
            lines = [fact.text for fact in self.facts if isinstance(fact, Warned)]
            self.assertEqual(len(lines), complaints, lines)
            self.assertEqual(sum("saved" in fact.text for fact in self.facts if isinstance(fact, Warned)), complaints)
            await self.end(agent)
