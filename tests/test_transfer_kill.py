"""Kills of the process during transfers: each ends in one report, none is installed twice, and no file is left."""

from __future__ import annotations

import os
from collections import Counter

from cwmpagent.protocol.transfers.record import State
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
                print(f"{number + 1} kills, {len(kills.reports.reported)} transfers reported", flush=True)
        await kills.finish()
        reported = kills.reports.reported
        self.assertGreater(len(reported), ROUNDS)
        failed = sum(report.fault_struct.fault_code != 0 for report in reported.values())
        print(
            f"seed {SEED}: {ROUNDS} kills, {kills.started} more during a start, {len(reported)} transfers, each with "
            f"one report ({failed} of a failure); {kills.reports.repeated} were sent again because a kill hit before "
            "the answer"
        )
        kinds = Counter(order.name for order in kills.accepted.values())
        for title, counts in (("states at the kills", kills.states), ("transfers", kinds)):
            print(f"{title}: " + ", ".join(f"{number} {name}" for name, number in sorted(counts.items())))
        self.assertEqual({state.value for state in State} - kills.states.keys(), set(), "states that no kill has hit")
        self.assertGreater(kills.reports.repeated, 0, "no kill between a report and its answer")
