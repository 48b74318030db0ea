"""Lock of the state directory, with real second processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from cwmpagent.errors import StoreLockedError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import Store
from tests.store import children


class OneProcess(TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())

    def _holder(self) -> subprocess.Popen[bytes]:
        child = children.start("hold", self.directory)
        self.addCleanup(child.communicate)
        self.assertEqual(child.stdout and child.stdout.readline(), b"open\n")
        return child

    async def test_the_second_is_told_who_is_first(self) -> None:
        first = self._holder()
        error = self.assertRaises(StoreLockedError, Store.open, self.directory, reactor=reactor)
        self.assertEqual(error.pid, first.pid)
        self.assertIn(f"process {first.pid}", str(error))
        self.assertIn(str(self.directory), str(error))
        first.communicate()
        await Store.open(self.directory, reactor=reactor).close()

    async def test_the_first_is_not_disturbed(self) -> None:
        store = Store.open(self.directory, reactor=reactor)
        await store.save(Batch(notes={"n": "1"}))
        child = children.start("attempt", self.directory)
        said, _ = child.communicate()
        self.assertTrue(said.startswith(b"StoreLockedError "), said)
        self.assertIn(b"process %d" % os.getpid(), said)
        await store.save(Batch(notes={"n": "2"}))
        self.assertEqual(store.load(), Saved(notes={"n": "2"}))
        await store.close()

    async def test_twice_in_one_process_is_one_too_many(self) -> None:
        store = Store.open(self.directory, reactor=reactor)
        error = self.assertRaises(StoreLockedError, Store.open, self.directory, reactor=reactor)
        self.assertEqual(error.pid, os.getpid())
        await store.close()

    async def test_the_lock_of_a_killed_process_is_no_obstacle(self) -> None:
        first = self._holder()
        first.send_signal(signal.SIGKILL)
        first.wait()
        self.assertEqual((self.directory / "state.lock").read_text().strip(), str(first.pid))
        store = Store.open(self.directory, reactor=reactor)
        self.assertEqual((self.directory / "state.lock").read_text().strip(), str(os.getpid()))
        await store.close()

    async def test_a_program_started_meanwhile_does_not_keep_it(self) -> None:
        store = Store.open(self.directory, reactor=reactor)
        descriptor = store._files._lock._descriptor
        self.assertFalse(os.get_inheritable(descriptor))  # otherwise a started program would keep the lock
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[descriptor])
        self.addCleanup(child.communicate, b"\n")
        await store.close()
        await Store.open(self.directory, reactor=reactor).close()

    async def test_a_lock_file_that_says_nothing_names_nobody(self) -> None:
        store = Store.open(self.directory, reactor=reactor)
        (self.directory / "state.lock").write_text("")
        error = self.assertRaises(StoreLockedError, Store.open, self.directory, reactor=reactor)
        self.assertIsNone(error.pid)
        await store.close()
