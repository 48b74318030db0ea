"""``make soak``: 200 kills during changes and 500 during transfers, with a new seed.

The seed is printed, so that a failure can be repeated.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys


def main() -> int:
    """Run the rounds; exit status 0 where all passed."""
    seed = os.environ.get("CWMPAGENT_KILL_SEED", str(random.randrange(10**9)))
    kills = os.environ.get("CWMPAGENT_KILLS", "200")
    transfers = os.environ.get("CWMPAGENT_TRANSFER_KILLS", "500")
    settings = {"CWMPAGENT_KILL_SEED": seed, "CWMPAGENT_KILLS": kills, "CWMPAGENT_TRANSFER_KILLS": transfers}
    print(" ".join(f"{name}={value}" for name, value in settings.items()), flush=True)
    modules = ["tests.test_kill", "tests.test_transfer_kill"]
    return subprocess.run([sys.executable, "-m", "twisted.trial", *modules], env={**os.environ, **settings}).returncode


if __name__ == "__main__":
    sys.exit(main())
