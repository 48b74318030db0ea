"""Kills of the process during transfers: each ends in one report, none is installed twice, and no file is left."""

from __future__ import annotations

import os

from tests.test_tap import TapCase
from tests.transfer_kills import TransferKills

SEED = int(os.environ.get("CWMPAGENT_KILL_SEED", "20261128"))
ROUNDS = int(os.environ.get("CWMPAGENT_TRANSFER_KILLS", "20"))


class TransferKillTests(TapCase):
    timeout = 180 + 30 * ROUNDS
    auth = "none"

    async def test_kill_at_random_moments(self) -> None:
        kills = TransferKills(self, SEED)
        child = self.run_agent()
        await self.first()
        child.signal("TERM")
        await child.ended
        for number in range(ROUNDS):
            await kills.round(cut=number < ROUNDS * 3 // 5)
            if ROUNDS > 20 and number % 20 == 19:
                print(f"{number + 1} kills, {len(kills.reports)} transfers reported", flush=True)
        await kills.finish()
        self.assertGreater(len(kills.reports), ROUNDS)
        failed = sum(report.fault_struct.fault_code != 0 for report in kills.reports.values())
        print(
            f"seed {SEED}: {ROUNDS} kills, {len(kills.reports)} transfers, each with one report ({failed} of a "
            f"failure); {kills.repeated} were sent again because a kill hit before the answer"
        )
