"""The adapters of file transfers leave the choice of the reactor to the program."""

from __future__ import annotations

import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from tests.process import ROOT

PROGRAM = """
import sys
import cwmpagent.runtime.file_transfers
sys.exit("twisted.internet.reactor" in sys.modules)
"""


class ImportTests(SynchronousTestCase):
    def test_no_reactor_is_installed_by_an_import(self) -> None:
        ended = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, timeout=60)
        self.assertEqual(ended.returncode, 0)
