"""Common tests of every store, durable or not, and helpers for the tests of this package."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hypothesis import strategies as st

from cwmpagent.errors import MisuseError
from cwmpagent.records import Attributes, Batch, Saved

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
KEYS = st.sampled_from(["Device.A", "Device.B.1.C", "", "é\0\n'"])
NUMBERS = st.integers(0, 2**63 - 1)
ATTRIBUTES = st.builds(Attributes, st.integers(0, 6), st.lists(TEXTS, max_size=3).map(tuple))


def entries(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A strategy for one mapping of a batch."""
    return st.dictionaries(KEYS, st.none() | values, max_size=4)


BATCHES = st.builds(
    Batch,
    values=entries(TEXTS),
    attributes=entries(ATTRIBUTES),
    rows=entries(st.booleans()),
    counters=entries(NUMBERS),
    notes=entries(TEXTS),
    erase=st.sampled_from([False, False, False, True]),
)


def after(saved: Saved, batch: Batch) -> Saved:
    """Expected state after ``batch`` is saved on the state ``saved``."""
    old = Saved() if batch.erase else saved
    merged = {field: {**getattr(old, field), **getattr(batch, field)} for field in FIELDS}
    return Saved(
        **{field: {key: value for key, value in merged[field].items() if value is not None} for field in merged}
    )


FIELDS = tuple(asdict(Saved()))


FULL = Batch(
    values={"Device.A": "1", "Device.B": ""},
    attributes={"Device.A": Attributes(2, ()), "Device.B": Attributes(1, ("Subscriber", "X_ours"))},
    rows={"Device.T.1.": True, "Device.T.2.": False},
    counters={"Device.T.": 7},
    notes={"agenda": "{}"},
)
WRONG = (
    Batch(values={"Device.A": 1}),  # type: ignore[dict-item]  # wrong on purpose
    Batch(values={1: "Device.A"}),  # type: ignore[dict-item]  # wrong on purpose
    Batch(values={"Device.A": "\ud800"}),
    Batch(notes={"\udfff": "text"}),
    Batch(counters={"Device.T.": -1}),
    Batch(counters={"Device.T.": 2**63}),
    Batch(rows={"Device.T.1.": "yes"}),  # type: ignore[dict-item]  # wrong on purpose
    Batch(attributes={"Device.A": 2}),  # type: ignore[dict-item]  # wrong on purpose
)


class SameStore:
    """Mix-in for a TestCase that sets ``store`` in ``setUp`` and closes it."""

    store: Any

    async def test_a_new_one_is_empty(self) -> None:
        self.assertEqual(self.store.load(), Saved())
        self.assertIsNone(self.store.moved_aside)

    async def test_what_is_saved_is_loaded(self) -> None:
        await self.store.save(FULL)
        self.assertEqual(self.store.load(), after(Saved(), FULL))

    async def test_none_removes_one_entry_and_leaves_the_others(self) -> None:
        await self.store.save(FULL)
        removal = Batch(
            values={"Device.A": None, "Device.Never": None},
            attributes={"Device.B": None},
            rows={"Device.T.2.": None},
            counters={"Device.T.": None},
            notes={"agenda": None},
        )
        await self.store.save(removal)
        self.assertEqual(
            self.store.load(),
            Saved(values={"Device.B": ""}, attributes={"Device.A": Attributes(2, ())}, rows={"Device.T.1.": True}),
        )

    async def test_erase_goes_before_what_the_same_batch_says(self) -> None:
        await self.store.save(FULL)
        await self.store.save(Batch(values={"Device.B": "2", "Device.A": None}, erase=True))
        self.assertEqual(self.store.load(), Saved(values={"Device.B": "2"}))

    async def test_saves_fire_in_order(self) -> None:
        fired: list[int] = []
        saves = [self.store.save(Batch(counters={"n": number})) for number in range(20)]
        for number, save in enumerate(saves):
            save.addCallback(lambda _, number=number: fired.append(number))
        for save in saves:
            await save
        self.assertEqual(fired, list(range(20)))
        self.assertEqual(self.store.load().counters, {"n": 19})

    async def test_a_batch_changed_after_the_call_is_saved_as_it_was(self) -> None:
        values: dict[str, str | None] = {"Device.A": "before"}
        save = self.store.save(Batch(values=values))
        values["Device.A"] = "after"
        values["Device.B"] = "too late"
        await save
        self.assertEqual(self.store.load().values, {"Device.A": "before"})

    async def test_what_was_loaded_stays_as_it_was(self) -> None:
        await self.store.save(FULL)
        loaded = self.store.load()
        await self.store.save(Batch(erase=True))
        self.assertEqual(loaded, after(Saved(), FULL))

    async def test_a_batch_of_wrong_types_is_misuse_and_changes_nothing(self) -> None:
        await self.store.save(FULL)
        for wrong in WRONG:
            mixed = Batch(**{field: {"fine": None, **getattr(wrong, field)} for field in FIELDS}, erase=True)
            with self.assertRaises(MisuseError):
                await self.store.save(mixed)
        self.assertEqual(self.store.load(), after(Saved(), FULL))

    async def test_misuse_names_the_mapping_and_not_the_value(self) -> None:
        with self.assertRaises(MisuseError) as caught:
            await self.store.save(Batch(notes={"password": b"hush"}))  # type: ignore[dict-item]  # wrong on purpose
        self.assertIn("notes", str(caught.exception))
        self.assertNotIn("hush", str(caught.exception))

    async def test_closed_it_is_misuse_to_go_on(self) -> None:
        await self.store.close()
        with self.assertRaises(MisuseError):
            await self.store.save(FULL)
        self.assertRaises(MisuseError, self.store.load)

    async def test_closing_again_is_no_error(self) -> None:
        await self.store.save(FULL)
        first, second = self.store.close(), self.store.close()
        await first
        await second
        await self.store.close()
