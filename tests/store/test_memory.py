"""The store in memory."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.errors import StoreWriteError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import MemoryStore
from tests.store.behaviour import BATCHES, FULL, SameStore, after


class SameAsDurable(SameStore, TestCase):
    def setUp(self) -> None:
        self.store = MemoryStore()


class Memory(SynchronousTestCase):
    @given(st.lists(BATCHES, max_size=6))
    @settings(deadline=None, max_examples=60)
    def test_any_row_of_batches_means_what_it_says(self, batches: list[Batch]) -> None:
        store, expected = MemoryStore(), Saved()
        for batch in batches:
            self.successResultOf(store.save(batch))
            expected = after(expected, batch)
        self.assertEqual(store.load(), expected)

    def test_it_begins_with_what_it_is_given_and_leaves_that_alone(self) -> None:
        begin = Saved(notes={"agenda": "{}"})
        store = MemoryStore(begin)
        self.successResultOf(store.save(Batch(notes={"agenda": None}, values={"Device.A": "1"})))
        self.assertEqual(store.load(), Saved(values={"Device.A": "1"}))
        self.assertEqual(begin, Saved(notes={"agenda": "{}"}))

    def test_while_it_refuses_nothing_changes(self) -> None:
        store = MemoryStore()
        store.refusing = "no room"
        failure = self.failureResultOf(store.save(FULL), StoreWriteError)
        self.assertIn("no room", str(failure.value))
        self.assertEqual(store.load(), Saved())
        store.refusing = None
        self.successResultOf(store.save(FULL))
        self.assertEqual(store.load(), after(Saved(), FULL))
