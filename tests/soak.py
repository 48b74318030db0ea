"""``make soak``: 200 kills with a new seed, which is printed so that a failure can be repeated."""

from __future__ import annotations

import os
import random
import subprocess
import sys


def main() -> int:
    """Run the rounds; exit status 0 where all passed."""
    seed = os.environ.get("CWMPAGENT_KILL_SEED", str(random.randrange(10**9)))
    kills = os.environ.get("CWMPAGENT_KILLS", "200")
    print(f"CWMPAGENT_KILL_SEED={seed} CWMPAGENT_KILLS={kills}", flush=True)
    environment = {**os.environ, "CWMPAGENT_KILL_SEED": seed, "CWMPAGENT_KILLS": kills}
    return subprocess.run([sys.executable, "-m", "twisted.trial", "tests.test_kill"], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
