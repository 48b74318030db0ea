"""The programs in ``docs/embedding.md`` run up to the start of the agents, with the documented results."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from twisted.trial.unittest import TestCase

from cwmpagent.datamodel.tree import Tree
from tests.agent.bench import reactor
from tests.process import ROOT, Child

SHOW = """
print(sorted(agent._extensions._performers), len(agents), all(each.model.root.parameters for each in agents))
print([name for name, writable in Tree(agent.model).names("Device.", True) if "EXAMPLE" in name and writable])
print(setpoint(), reactor.seconds is time.monotonic)
"""


class GuideTests(TestCase):
    async def test_its_program_runs(self) -> None:
        blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "embedding.md").read_text(), re.M | re.S)
        self.assertEqual(len(blocks), 6)
        directory = Path(self.mktemp())
        directory.mkdir()
        program = directory / "program.py"
        program.write_text("\n".join([*blocks, f"from {Tree.__module__} import Tree", SHOW]))
        child = Child.start(reactor, [sys.executable, str(program.absolute())])
        self.assertEqual(await child.ended, 0, child.err)
        self.assertEqual(
            child.out.splitlines(),
            ["['X_EXAMPLE_Blink'] 3 True", "['Device.X_EXAMPLE_Setpoint']", "20 True"],
        )
        self.assertEqual([each.name for each in directory.iterdir()], ["program.py"])
