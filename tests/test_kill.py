"""Kills of the process at random moments: no answered change is lost, and no change is made in part."""

from __future__ import annotations

import os

from tests.kills import Kills
from tests.test_tap import TapCase

SEED = int(os.environ.get("CWMPAGENT_KILL_SEED", "20261122"))
ROUNDS = int(os.environ.get("CWMPAGENT_KILLS", "20"))


class KillTests(TapCase):
    timeout = 60 + 30 * ROUNDS
    auth = "none"

    async def test_kill_at_random_moments(self) -> None:
        child = self.run_agent()
        await self.first()
        child.signal("TERM")
        await child.ended
        kills = Kills(self, SEED)
        for number in range(ROUNDS):
            await kills.round()
            if ROUNDS > 20 and number % 20 == 19:
                print(f"{number + 1} kills, {kills.answered} changes answered", flush=True)
        self.assertGreater(kills.answered, ROUNDS)
        print(
            f"seed {SEED}: {ROUNDS} kills, {kills.answered} changes, none lost and none there by half; "
            f"{kills.unanswered_but_done} kills hit between a commit and its answer"
        )
