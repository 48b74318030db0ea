"""State files that are deleted or replaced while the store is open: noticed, reported, and written anew."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from cwmpagent.errors import StoreLockedError, StoreWriteError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import Store
from cwmpagent.store.durable import CHECK_INTERVAL
from cwmpagent.store.lock import Lock
from tests.store.behaviour import FULL, after

NEW = Batch(notes={"new": "1"}, values={"Device.A": None})
EXPECTED = after(after(Saved(), FULL), NEW)


class LostFiles(TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "state"
        self.timers = Clock()
        self.lines: list[str] = []
        self.store = self.open()

    def open(self) -> Store:
        store = Store.open(self.directory, reactor=reactor, wall=lambda: 1_700_000_000.0)
        store.watch(self.lines.append, self.timers)
        self.addCleanup(store.close)
        return store

    def path(self, name: str) -> Path:
        return self.directory / name

    async def turn(self) -> None:
        """Let calls from the writer thread arrive."""
        await deferLater(reactor, 0.01)

    async def checked(self) -> None:
        """Let the time of a check pass."""
        self.timers.advance(CHECK_INTERVAL)
        await self.store.save(Batch())
        await self.turn()

    def copied_elsewhere(self) -> Saved:
        """The state as a start after a kill -9 at this moment would read it."""
        copy = Path(self.mktemp())
        shutil.copytree(self.directory, copy)
        store = Store.open(copy, reactor=reactor)
        self.assertIsNone(store.moved_aside)
        saved = store.load()
        store.close()
        return saved

    def damages(self) -> dict[str, Callable[[], object]]:
        """Ways to take the files away, by the line that reports them."""
        database, log, lock = map(self.path, ("state.sqlite", "state.sqlite-wal", "state.lock"))

        def replace(path: Path, content: bytes = b"of another program") -> None:
            other = path.with_name("other")
            other.write_bytes(content)
            other.replace(path)

        def rename_directory() -> None:
            self.directory.rename(f"{self.directory}.old")
            self.addCleanup(shutil.rmtree, f"{self.directory}.old")

        return {
            "state.sqlite was deleted": database.unlink,
            "state.sqlite-wal was deleted": log.unlink,
            "state.lock was deleted": lock.unlink,
            "state.sqlite was deleted and state.sqlite-wal was deleted": lambda: (database.unlink(), log.unlink()),
            "state.sqlite was replaced": lambda: replace(database),
            "state.sqlite-wal was replaced": lambda: replace(log),
            "state.lock was replaced": lambda: replace(lock),
            "state.sqlite was deleted and state.sqlite-wal was deleted and state.lock was deleted": rename_directory,
            "state.sqlite was deleted and state.sqlite-wal was deleted and state.lock was deleted ": lambda: (
                shutil.rmtree(self.directory)
            ),
        }

    async def test_each_is_noticed_at_the_next_commit(self) -> None:
        for number, line in enumerate(self.damages()):
            await self.store.close()
            shutil.rmtree(self.directory)
            self.lines.clear()
            self.store = self.open()
            await self.store.save(FULL)
            self.damages()[line]()
            await self.store.save(NEW)
            await self.turn()
            self.assertEqual(self.copied_elsewhere(), EXPECTED, line)
            (said,) = self.lines
            self.assertIn(f"{line.strip()} while the agent was running: the whole state is written anew", said)
            self.assertEqual(
                {path.name for path in self.directory.glob("state.*") if "replaced" not in path.name},
                {"state.sqlite", "state.sqlite-wal", "state.lock"},
                line,
            )
            await self.store.save(Batch(notes={"later": str(number)}))
            await self.checked()
            self.assertEqual(len(self.lines), 1, "it is said once")
            self.assertEqual(self.copied_elsewhere().notes["later"], str(number))
            with self.assertRaises(StoreLockedError):
                Store.open(self.directory, reactor=reactor)

    async def test_each_is_noticed_within_a_minute_without_any_commit(self) -> None:
        for line in self.damages():
            await self.store.close()
            shutil.rmtree(self.directory)
            self.lines.clear()
            self.store = self.open()
            await self.store.save(FULL)
            self.damages()[line]()
            await self.checked()
            self.assertEqual(len(self.lines), 1, line)
            self.assertEqual(self.copied_elsewhere(), after(Saved(), FULL), line)

    async def test_the_end_writes_it_too(self) -> None:
        await self.store.save(FULL)
        shutil.rmtree(self.directory)
        await self.store.close()
        self.store = self.open()
        self.assertEqual(self.store.load(), after(Saved(), FULL))

    async def test_the_file_of_another_is_kept(self) -> None:
        await self.store.save(FULL)
        self.path("mine").write_bytes(b"a backup")
        self.path("mine").replace(self.path("state.sqlite"))
        await self.store.save(NEW)
        await self.turn()
        kept = self.path("state.sqlite.replaced-20231114T221320Z")
        self.assertEqual(kept.read_bytes(), b"a backup")
        self.assertIn(f"the other files are kept as {kept}", self.lines[0])

    async def test_while_it_cannot_be_written_anew_nothing_is_acknowledged(self) -> None:
        await self.store.save(FULL)
        shutil.rmtree(self.directory)
        self.directory.write_text("in the way")
        for _ in range(3):
            error = await self.assertFailure(self.store.save(NEW), StoreWriteError)
            self.assertIn("cannot be written anew", str(error))
        self.assertEqual(self.store.load(), after(Saved(), FULL))
        await self.turn()
        self.assertEqual(len(self.lines), 1, "it is said once")
        self.assertIn("no change is saved until it can", self.lines[0])
        self.directory.unlink()
        await self.store.save(NEW)
        await self.turn()
        self.assertEqual(len(self.lines), 2)
        self.assertEqual(self.copied_elsewhere(), EXPECTED)

    async def test_another_process_that_has_the_directory_by_now_keeps_it(self) -> None:
        await self.store.save(FULL)
        shutil.rmtree(self.directory)
        self.directory.mkdir(0o700)
        other = Lock(self.path("state.lock"))
        error = await self.assertFailure(self.store.save(NEW), StoreWriteError)
        self.assertIn(f"is in use by process {os.getpid()}", str(error))
        self.assertEqual([path.name for path in self.directory.iterdir()], ["state.lock"])
        other.release()
        await self.store.save(NEW)
        self.assertEqual(self.copied_elsewhere(), EXPECTED)

    async def test_descriptors_do_not_grow(self) -> None:
        await self.store.save(FULL)
        counts = set()
        for number in range(5):
            self.path("state.sqlite").unlink()
            self.path("state.lock").unlink()
            await self.store.save(Batch(notes={"number": str(number)}))
            counts.add(len(list(Path("/proc/self/fd").iterdir())))
        self.assertEqual(len(counts), 1)

    async def test_the_check_ends_with_the_store(self) -> None:
        await self.store.save(FULL)
        await self.store.close()
        self.assertEqual(self.timers.getDelayedCalls(), [])
        self.timers.advance(10 * CHECK_INTERVAL)
        with self.path("state.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
