"""A file that is synchronised in threads: bounded in what is not safe, closed at its end, failures told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from cwmpagent.transport.files.written_file import WrittenFile

PIECE = b"x" * (1 << 18)


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
        work()
        done.callback(None)

    def open(self, begun: int = 0) -> WrittenFile:
        return WrittenFile(
            str(self.path),
            begun,
            elsewhere=self.elsewhere,
            free=lambda path: self.free,
            synced=lambda: self.calls.append("synced"),
            failed=lambda error: self.calls.append(f"failed {error.errno}"),
        )

    def close(self, file: WrittenFile) -> None:
        file.close(lambda: self.calls.append("closed"))

    def test_each_piece_is_in_the_file_at_once(self) -> None:
        file = self.open()
        for number in range(100):
            file.write(b"%02d" % number)
            self.assertEqual(self.path.stat().st_size, 2 * number + 2)
        self.assertEqual(self.works, [])
        self.close(file)
        self.assertEqual(self.calls, ["closed"])

    def test_full_while_the_disk_is_slow(self) -> None:
        file = self.open()
        for _ in range(15):
            file.write(PIECE)
        self.assertFalse(file.full)
        file.write(PIECE)
        self.assertTrue(file.full)
        self.assertEqual(len(self.works), 1, "one synchronisation at a time")
        self.work()
        self.assertEqual(self.calls, ["synced"])
        self.assertFalse(file.full)
        self.assertEqual(len(self.works), 1, "the rest")
        self.close(file)
        self.assertEqual(self.calls, ["synced"], "not closed meanwhile")
        self.work()
        self.assertEqual(self.calls, ["synced", "synced", "closed"])
        self.assertEqual(self.path.stat().st_size, 16 << 18)

    def test_behind_what_there_is(self) -> None:
        self.path.write_bytes(b"0123456789")
        file = self.open(4)
        file.write(b"abc")
        self.close(file)
        self.assertEqual(self.path.read_bytes(), b"0123abc")

    def test_no_space(self) -> None:
        self.free = 100
        file = self.open()
        self.assertEqual(self.assertRaises(OSError, file.write, b"x").errno, 28)
        self.close(file)
        self.assertEqual(self.calls, ["closed"])

    def test_a_disk_that_fails(self) -> None:
        file = self.open()
        for _ in range(8):
            file.write(PIECE)
        _, done = self.works.pop()
        file._on_failed = lambda error: self.close(file)
        done.errback(OSError(5, os.strerror(5)))
        self.assertEqual(self.calls, ["closed"])

    def test_no_directory(self) -> None:
        self.path = self.path / "gone"
        self.assertRaises(OSError, self.open)
