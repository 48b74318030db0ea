"""Work after a session: record, restoration and effect of each kind, and of a kind of this test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Fact
from cwmpagent.agent.journal import PENDING, Journal
from cwmpagent.agent.rpcs.restart import FactoryResetKind, FactoryResetWork, RebootKind, RebootWork
from cwmpagent.agent.session.after_session import AfterSession
from cwmpagent.agent.session.dispatcher import AfterSessionWork
from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda import Agenda
from cwmpagent.protocol.agenda.events import M_REBOOT, Event
from cwmpagent.store.memory import MemoryStore
from tests.agent.ports import FakeClock, FakeRestart, finished
from tests.protocol.agenda_world import Middle


@dataclass(frozen=True, slots=True)
class Apply(AfterSessionWork):
    """Work that applies a file."""

    name: str


class ApplyKind:
    """The kind of :class:`Apply`; it does not reboot."""

    name = "apply"
    work = Apply

    def __init__(self) -> None:
        self.applied: list[str] = []
        self.waits: Deferred[None] | None = None

    def record(self, work: Apply) -> Sequence[str]:
        return [work.name]

    def read(self, members: Sequence[Any]) -> Apply:
        match members:
            case [str(name)]:
                return Apply(name)
        raise ValueError("a name is expected")

    def booted(self, work: Apply) -> bool:
        return work.name != "until the boot"

    async def carry_out(self, works: Sequence[Apply]) -> bool:
        if self.waits is not None:
            await self.waits
        if any(work.name == "impossible" for work in works):
            raise RuntimeError("impossible")
        self.applied += [work.name for work in works]
        return False


class AfterSessionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.facts: list[Fact] = []
        self.store = MemoryStore()
        self.agenda = Agenda(random=Middle())
        self.restarts = FakeRestart()
        self.resumed = 0
        self.apply = ApplyKind()
        clock = FakeClock(Clock())
        kinds = (FactoryResetKind(self.restarts), self.apply, RebootKind(self.agenda, clock, self.restarts))
        journal = Journal(self.store, self.agenda, self.facts.append)
        self.after = AfterSession(kinds, journal, self.resume, self.facts.append)

    def resume(self) -> None:
        self.resumed += 1

    def test_records_are_read_back(self) -> None:
        works = (RebootWork("k1"), Apply("a"), FactoryResetWork(), RebootWork("k2"))
        text = self.after.record(works)
        self.assertEqual(text, '[["reboot", "k1"], ["apply", "a"], ["factory_reset"], ["reboot", "k2"]]')
        assert text is not None
        self.assertEqual(self.after.restored(text), works)
        self.assertIsNone(self.after.record(()))

    def test_what_cannot_be_read_is_left_out(self) -> None:
        for text in (
            "",
            "{",
            "7",
            '{"a": 1}',
            "[]",
            "[7]",
            "[[]]",
            '[["reboot"]]',
            '[["reboot", 1]]',
            '[["dance", "x"]]',
        ):
            with self.subTest(text=text):
                self.assertEqual(self.after.restored(text), ())
        self.assertEqual(self.after.restored('[["dance"], ["apply", "a"], ["factory_reset", 1]]'), (Apply("a"),))

    def test_a_kind_that_is_not_registered(self) -> None:
        self.assertRaises(MisuseError, self.after.record, (AfterSessionWork(),))

    def test_promised(self) -> None:
        finished(self.after.promise((Apply("a"),)))
        self.assertEqual(self.store.load().notes[PENDING], '[["apply", "a"]]')

    def test_work_that_reboots_nothing(self) -> None:
        finished(self.after.promise((Apply("a"), Apply("b"))))
        self.after.begin((Apply("a"), Apply("b")))
        self.assertEqual((self.apply.applied, self.resumed, self.restarts.begun), (["a", "b"], 1, []))
        self.assertNotIn(PENDING, self.store.load().notes)

    def test_work_before_the_reboot(self) -> None:
        finished(self.after.promise((RebootWork("k1"), Apply("a"), RebootWork("k2"))))
        self.after.begin((RebootWork("k1"), Apply("a"), RebootWork("k2")))
        self.assertEqual((self.apply.applied, self.restarts.begun, self.resumed), (["a"], ["k2"], 0))
        self.assertIn(PENDING, self.store.load().notes, "promised until the boot")

    def test_a_factory_reset_includes_all_else(self) -> None:
        self.after.begin((RebootWork("k1"), Apply("a"), FactoryResetWork()))
        self.assertEqual((self.restarts.begun, self.apply.applied), ([None], []))

    def test_an_error_in_one_kind_keeps_the_others_going(self) -> None:
        self.after.begin((Apply("impossible"), RebootWork("k1")))
        self.assertEqual(self.restarts.begun, ["k1"])
        self.assertIn("RuntimeError: impossible", str(self.facts))

    def test_after_a_boot(self) -> None:
        works = (RebootWork("k1"), RebootWork("k2"), Apply("a"), Apply("until the boot"), FactoryResetWork())
        self.assertEqual(self.after.booted(works), (Apply("a"), FactoryResetWork()))
        events = [event for event in self.agenda.pending if event.code == M_REBOOT]
        self.assertEqual(events, [Event(M_REBOOT, "k1"), Event(M_REBOOT, "k2")])

    def test_stopped_in_the_middle_it_stays_promised(self) -> None:
        self.apply.waits = Deferred()
        finished(self.after.promise((Apply("a"),)))
        self.after.begin((Apply("a"),))
        finished(self.after.stop())
        self.assertEqual((self.apply.applied, self.resumed, self.facts), ([], 0, []))
        self.assertIn(PENDING, self.store.load().notes)
