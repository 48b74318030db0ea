"""A file that is written in threads: bounded in memory, whole at its end, one failure told once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from cwmpagent.transport.files.written_file import WrittenFile


class WrittenFileTests(TestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.works: list[tuple[Callable[[], None], Deferred[None]]] = []
        self.calls: list[str] = []
        self.free = 1 << 40

    def elsewhere(self, work: Callable[[], None]) -> Deferred[None]:
        done: Deferred[None] = Deferred()
        self.works.append((work, done))
        return done

    def work(self) -> None:
        """Let the thread do what it was given."""
        work, done = self.works.pop(0)
        try:
            work()
        except Exception:
            done.errback()
        else:
            done.callback(None)

    def open(self, begun: int = 0) -> WrittenFile:
        return WrittenFile(
            str(self.path),
            begun,
            elsewhere=self.elsewhere,
            free=lambda path: self.free,
            written=lambda: self.calls.append("written"),
            failed=lambda error: self.calls.append(f"failed {error.errno}"),
        )

    def close(self, file: WrittenFile) -> None:
        file.close(lambda: self.calls.append("closed"))

    def test_small_pieces_wait_for_each_other(self) -> None:
        file = self.open()
        for number in range(2000):
            file.add(b"%03d " % (number % 1000))
        self.assertEqual(self.works, [])
        self.close(file)
        self.work()
        self.assertEqual(self.calls[-1], "closed")
        self.assertEqual(self.path.read_bytes(), b"".join(b"%03d " % (number % 1000) for number in range(2000)))

    def test_full_while_a_write_is_slow(self) -> None:
        file = self.open()
        piece = os.urandom(1 << 18)
        for _ in range(4):
            file.add(piece)
        self.assertFalse(file.full)
        file.add(piece)
        self.assertTrue(file.full)
        self.assertEqual(len(self.works), 1, "one write at a time")
        self.work()
        self.assertEqual(self.calls, ["written"])
        file.flush()
        self.assertFalse(file.full)
        self.close(file)
        self.assertEqual(self.calls, ["written"], "not closed during a write")
        self.work()
        self.assertEqual(self.calls[-1], "closed")
        self.assertEqual(self.path.read_bytes(), piece * 5)

    def test_behind_what_there_is(self) -> None:
        self.path.write_bytes(b"0123456789")
        file = self.open(4)
        file.add(b"abc")
        self.close(file)
        self.work()
        self.assertEqual(self.path.read_bytes(), b"0123abc")

    def test_no_space(self) -> None:
        self.free = 100
        file = self.open()
        file.add(b"x" * (1 << 18))
        file.add(b"y")
        self.work()
        self.assertEqual(self.calls, ["failed 28"])
        self.close(file)
        self.assertEqual(self.calls, ["failed 28", "closed"])
        self.assertEqual(self.path.read_bytes(), b"")

    def test_closed_by_the_one_that_is_told_of_the_failure(self) -> None:
        self.free = 100
        file = self.open()
        file._on_failed = lambda error: self.close(file)
        file.add(b"x" * (1 << 18))
        self.work()
        self.assertEqual(self.calls, ["closed"])

    def test_no_directory(self) -> None:
        self.path = self.path / "gone"
        self.assertRaises(OSError, self.open)
