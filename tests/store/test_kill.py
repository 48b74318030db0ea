"""``kill -9`` at seeded moments of a process that saves as fast as it can."""

from __future__ import annotations

import random
import time
from pathlib import Path

from twisted.internet import reactor
from twisted.trial.unittest import TestCase

from cwmpagent.records import Saved
from cwmpagent.store import Store
from tests.store import children

KILLS = 10


class Kill(TestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())

    def _kill(self, seeded: random.Random) -> list[int]:
        """Kill a saving process at a time from ``seeded``; returns the numbers that it reported as saved."""
        child = children.start("count", self.directory)
        assert child.stdout is not None
        self.assertEqual(child.stdout.readline(), b"open\n")
        for _ in range(seeded.randrange(60)):
            child.stdout.readline()
        time.sleep(seeded.random() * 0.01)  # at any time in a commit, not only after its end
        child.kill()
        said, _ = child.communicate()
        return [int(line) for line in said.split() if said.endswith(b"\n")]

    def _check(self, saved: Saved, acknowledged: int) -> int:
        """Check that acknowledged batches are complete and others complete or absent; returns the last saved number."""
        last = saved.counters.get("Device.", 0)
        self.assertGreaterEqual(last, acknowledged)
        first = max(1, last // children.ERASE_EVERY * children.ERASE_EVERY)
        numbers = range(first, last + 1)
        batches = [children.numbered(number) for number in numbers]
        expected = Saved(
            values={path: text for batch in batches for path, text in batch.values.items()},
            attributes={path: attributes for batch in batches for path, attributes in batch.attributes.items()},
            rows={path: present for batch in batches for path, present in batch.rows.items()},
            counters={"Device.": last} if last else {},
            notes={name: text for batch in batches for name, text in batch.notes.items()},
        )
        self.assertEqual(saved, expected)
        return last

    async def test_nothing_acknowledged_is_lost_and_nothing_is_half_there(self) -> None:
        seeded = random.Random(20)
        last = 0
        for kill in range(KILLS):
            said = self._kill(seeded)
            store = Store.open(self.directory, reactor=reactor)
            self.assertIsNone(store.moved_aside, f"after kill {kill}")
            last = self._check(store.load(), max([last, *said]))
            await store.close()
        self.assertGreater(last, KILLS)
