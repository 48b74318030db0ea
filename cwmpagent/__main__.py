"""``python -m cwmpagent`` is the command `cwmpagent`."""

from __future__ import annotations

import sys

from cwmpagent.cli.main import main

sys.exit(main())
