"""Permissions of the state directory and its files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.errors import StoreError
from cwmpagent.store import Store, directory
from tests.store.behaviour import FULL

DATABASE = "state.sqlite"


def mode(path: Path) -> int:
    """The permission bits of ``path``."""
    return stat.S_IMODE(path.stat().st_mode)


class Permissions(TestCase):
    async def _modes(self, umask: int) -> dict[str, int]:
        top = Path(self.mktemp())
        old = os.umask(umask)
        try:
            store = Store.open(top / "parent" / "state", reactor=reactor)
            await store.save(FULL)
        finally:
            os.umask(old)
        found = {str(path.relative_to(top)): mode(path) for path in [top, *top.rglob("*")]}
        await store.close()
        return found

    async def test_whatever_the_umask(self) -> None:
        for umask in (0, 0o022, 0o777):
            self.assertEqual(
                await self._modes(umask),
                {
                    ".": 0o700,
                    "parent": 0o700,
                    "parent/state": 0o700,
                    "parent/state/state.lock": 0o600,
                    "parent/state/state.sqlite": 0o600,
                    "parent/state/state.sqlite-wal": 0o600,
                },
                f"umask {umask:o}",
            )

    async def test_files_that_somebody_opened_up_are_closed_again(self) -> None:
        state = Path(self.mktemp())
        store = Store.open(state, reactor=reactor)
        await store.close()
        for path in state.iterdir():
            path.chmod(0o666)
        store = Store.open(state, reactor=reactor)
        self.assertEqual({path.name: mode(path) & 0o077 for path in state.iterdir() if mode(path) & 0o077}, {})
        await store.close()


class Prepare(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.mkdir()

    def test_an_empty_one_that_others_may_enter_is_tightened(self) -> None:
        self.path.chmod(0o755)
        directory.prepare(self.path, DATABASE)
        self.assertEqual(mode(self.path), 0o700)

    def test_so_is_one_that_holds_our_database(self) -> None:
        (self.path / DATABASE).touch()
        (self.path / "other").touch()
        self.path.chmod(0o710)
        directory.prepare(self.path, DATABASE)
        self.assertEqual(mode(self.path), 0o700)

    def test_one_of_other_peoples_files_is_refused_and_stays_as_it_is(self) -> None:
        (self.path / "other").touch()
        self.path.chmod(0o755)
        error = self.assertRaises(StoreError, directory.prepare, self.path, DATABASE)
        self.assertIn("0755", str(error))
        self.assertIn(f"chmod 700 {self.path}", str(error))
        self.assertEqual(mode(self.path), 0o755)

    def test_a_private_one_with_other_files_is_fine(self) -> None:
        (self.path / "other").touch()
        self.path.chmod(0o700)
        directory.prepare(self.path, DATABASE)
        self.assertEqual([path.name for path in self.path.iterdir()], ["other"])
        self.assertEqual(mode(self.path), 0o700)

    def test_one_of_another_user_is_refused(self) -> None:
        self.patch(os, "geteuid", lambda: self.path.stat().st_uid + 1)
        error = self.assertRaises(StoreError, directory.prepare, self.path, DATABASE)
        self.assertIn("belongs to user", str(error))

    def test_a_file_in_its_place_is_refused(self) -> None:
        file = self.path / "file"
        file.touch()
        self.assertIn("not a directory", str(self.assertRaises(StoreError, directory.prepare, file, DATABASE)))
        below = file / "state"
        self.assertIn(str(below), str(self.assertRaises(StoreError, directory.prepare, below, DATABASE)))

    def test_a_new_one_survives_a_loss_of_power(self) -> None:
        synced: list[int] = []
        fsync = os.fsync
        self.patch(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), fsync(fd)))
        directory.prepare(self.path / "parent" / "state", DATABASE)
        self.assertEqual(synced, [self.path.stat().st_ino, (self.path / "parent").stat().st_ino])
