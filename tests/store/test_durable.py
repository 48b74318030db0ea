"""The durable store: its thread, write errors and closing."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, DeferredList
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from cwmpagent.errors import MisuseError, StoreError, StoreLockedError, StoreNewerError, StoreWriteError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import Store, schema
from tests.store import children
from tests.store.behaviour import FULL, SameStore, after


def note(text: str) -> Batch:
    """A batch of one note."""
    return Batch(notes={"n": text})


def opened() -> list[Path]:
    """Open files of this process."""
    found = []
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(descriptor.readlink())
    return found


class StoreTestCase(TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.store = self.open()

    def open(self) -> Store:
        store = Store.open(self.directory, reactor=reactor, wall=lambda: 1_700_000_000.0)
        self.addCleanup(store.close)
        return store

    async def reopened(self) -> Store:
        await self.store.close()
        self.store = self.open()
        return self.store

    def hold(self) -> threading.Lock:
        """Block the writer before its next commit, like a disk that hangs."""
        self.store._using.acquire()
        return self.store._using


class SameAsMemory(SameStore, StoreTestCase):
    pass


class Durable(StoreTestCase):
    async def test_everything_survives_closing(self) -> None:
        await self.store.save(FULL)
        self.assertEqual((await self.reopened()).load(), after(Saved(), FULL))

    async def test_a_damaged_one_is_moved_aside_and_the_state_begins_empty(self) -> None:
        await self.store.save(FULL)
        await self.store.close()
        (self.directory / "state.sqlite").write_bytes(b"damaged")
        store = self.open()
        self.assertEqual(store.moved_aside, self.directory / "state.sqlite.corrupt-20231114T221320Z")
        self.assertEqual(store.load(), Saved())
        await store.save(FULL)
        await store.close()
        store = self.open()
        self.assertIsNone(store.moved_aside)
        self.assertEqual(store.load(), after(Saved(), FULL))

    async def test_one_that_cannot_be_opened_is_not_locked_for_ever(self) -> None:
        await self.store.close()
        steps = schema.STEPS
        self.patch(schema, "STEPS", ())
        self.assertRaises(StoreNewerError, self.open)
        self.patch(schema, "STEPS", steps)
        await self.open().close()

    async def test_what_the_reactor_does_meanwhile_waits_for_no_disk(self) -> None:
        disk = self.hold()
        save = self.store.save(FULL)
        for _ in range(3):
            await deferLater(reactor, 0)
        self.assertNoResult(save)
        disk.release()
        await save

    async def test_loading_and_committing_take_turns(self) -> None:
        using: list[bool] = []
        self.store._files.connection.set_trace_callback(lambda statement: using.append(self.store._using.locked()))
        self.store.load()
        await self.store.save(FULL)
        self.assertTrue(all(using))
        self.assertGreater(len(using), 6)

    async def test_what_queues_up_is_committed_together(self) -> None:
        disk = self.hold()
        first = self.store.save(note("first"))
        while not self.store._writer._queue.empty():  # the thread has taken it
            await deferLater(reactor, 0)
        statements: list[str] = []
        self.store._files.connection.set_trace_callback(statements.append)
        others = [self.store.save(note(str(number))) for number in range(50)]
        disk.release()
        await DeferredList([first, *others], fireOnOneErrback=True)
        self.assertEqual(statements.count("COMMIT"), 2)
        self.assertEqual(self.store.load().notes, {"n": "49"})

    async def test_cancelled_in_the_queue_it_fails_at_once_and_is_not_saved(self) -> None:
        disk = self.hold()
        saves = [self.store.save(Batch(notes={name: name})) for name in "abc"]
        saves[1].cancel()
        self.failureResultOf(saves[1], CancelledError)
        disk.release()
        await saves[2]
        self.successResultOf(saves[0])
        self.assertEqual((await self.reopened()).load().notes, {"a": "a", "c": "c"})

    async def test_cancelling_what_is_saved_is_nothing(self) -> None:
        save = self.store.save(FULL)
        await save
        save.cancel()
        self.assertEqual(self.store.load(), after(Saved(), FULL))


class Refusing(StoreTestCase):
    """A disk that is full or read-only."""

    async def _fails(self, batch: Batch) -> str:
        with self.assertRaises(StoreWriteError) as caught:
            await self.store.save(batch)
        return str(caught.exception)

    async def test_read_only(self) -> None:
        await self.store.save(note("before"))
        self.store._files.connection.execute("PRAGMA query_only = ON")
        self.assertIn("could not be saved", await self._fails(Batch(erase=True)))
        self.assertEqual(self.store.load(), Saved(notes={"n": "before"}))
        self.store._files.connection.execute("PRAGMA query_only = OFF")
        await self.store.save(note("after"))
        self.assertEqual((await self.reopened()).load(), Saved(notes={"n": "after"}))

    async def test_full_for_one_is_not_full_for_the_others(self) -> None:
        await self.store.save(note("before"))
        self.store._files.connection.execute("PRAGMA max_page_count = 12")
        disk = self.hold()
        big = Batch(values={f"Device.{number}": "x" * 1000 for number in range(300)}, erase=True)
        saves = [self.store.save(batch) for batch in (Batch(values={"a": "1"}), big, Batch(values={"b": "2"}))]
        disk.release()
        results = await DeferredList(saves, consumeErrors=True)
        self.assertEqual([succeeded for succeeded, _ in results], [True, False, True])
        results[1][1].trap(StoreWriteError)
        self.assertIn("full", str(results[1][1].value))
        expected = Saved(values={"a": "1", "b": "2"}, notes={"n": "before"})
        self.assertEqual(self.store.load(), expected)
        self.store._files.connection.execute("PRAGMA max_page_count = 100000")
        await self.store.save(big)
        self.assertEqual(len((await self.reopened()).load().values), 300)

    def test_a_file_that_the_kernel_lets_grow_no_further(self) -> None:
        child = children.start("full", Path(self.mktemp()))
        said, _ = child.communicate()
        self.assertEqual(
            said.decode().splitlines(),
            ["StoreWriteError", "saved", "[('Device.A', 'before'), ('Device.B', 'small')]", "301 after"],
        )

    async def test_a_directory_that_cannot_be_made(self) -> None:
        def refuse(path: Path, mode: int = 0o777) -> None:
            raise OSError(30, "Read-only file system")

        self.patch(Path, "mkdir", refuse)
        error = self.assertRaises(StoreError, Store.open, self.directory / "below", reactor=reactor)
        self.assertIn("Read-only file system", str(error))


class Closing(StoreTestCase):
    async def test_it_waits_for_what_is_queued(self) -> None:
        disk = self.hold()
        saves = [self.store.save(Batch(counters={"n": number})) for number in range(5)]
        first, second = self.store.close(), self.store.close()
        self.failureResultOf(self.store.save(FULL), MisuseError)
        await deferLater(reactor, 0)
        self.assertNoResult(first)
        disk.release()
        await first
        for save in saves:
            self.successResultOf(save)
        await second
        self.assertEqual(self.open().load().counters, {"n": 4})

    async def test_nothing_is_left_behind(self) -> None:
        before = threading.enumerate()
        directory = Path(self.mktemp()).absolute()
        store = Store.open(directory, reactor=reactor)
        await store.save(FULL)
        self.assertEqual(len(threading.enumerate()), len(before) + 1)
        self.assertIn(directory / "state.lock", opened())
        await store.close()
        self.assertEqual(threading.enumerate(), before)
        self.assertEqual([path for path in opened() if directory in path.parents], [])

    def test_one_that_never_saved_has_no_thread_and_closes_at_once(self) -> None:
        before = threading.enumerate()
        store = Store.open(Path(self.mktemp()), reactor=reactor)
        store.load()
        self.assertEqual(threading.enumerate(), before)
        self.successResultOf(store.close())

    async def test_the_directory_is_free_when_it_says_so_and_not_before(self) -> None:
        disk = self.hold()
        self.store.save(FULL)
        closed = self.store.close()
        self.assertRaises(StoreLockedError, self.open)
        disk.release()
        await closed
        self.open()

    async def test_only_the_database_and_the_lock_remain(self) -> None:
        await self.store.save(FULL)
        await self.store.close()
        self.assertEqual(sorted(path.name for path in self.directory.iterdir()), ["state.lock", "state.sqlite"])

    async def test_whoever_stops_waiting_for_it_stops_nobody_else(self) -> None:
        disk = self.hold()
        self.store.save(FULL)
        impatient, patient = self.store.close(), self.store.close()
        impatient.cancel()
        self.failureResultOf(impatient, CancelledError)
        disk.release()
        await patient
