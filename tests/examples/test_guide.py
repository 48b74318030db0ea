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


def code() -> list[str]:
    """The blocks of code in the guide."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / "embedding.md").read_text(), re.M | re.S)


class GuideTests(TestCase):
    async def test_its_types_are_right(self) -> None:
        program = Path(self.mktemp()).with_suffix(".py")
        program.write_text("\n".join(code()))
        for configuration in (str(ROOT / "pyproject.toml"), ""):  # with the plugin of this project, and with none
            arguments = ["-m", "mypy", "--strict", "--config-file", configuration, str(program.absolute())]
            child = Child.start(reactor, [sys.executable, *arguments], environ={"MYPYPATH": str(ROOT)})
            self.assertEqual(await child.ended, 0, child.out + child.err)

    async def test_a_type_checker_finds_misuse(self) -> None:
        program = Path(self.mktemp()).with_suffix(".py")
        wrong = (
            'Agent(acs={"url": "http://a/", "pasword": "x"})',
            'Agent(devise={"oui": "00D09E"})',
            'Agent(device={"provider": "windows"})',
            "agent.observe(3)",
            'agent.parameter("Device.X_EXAMPLE_A", type="integer")',
        )
        program.write_text("\n".join(["from cwmpagent import Agent", "agent = Agent()", *wrong]))
        arguments = ["-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(program.absolute())]
        child = Child.start(reactor, [sys.executable, *arguments], environ={"MYPYPATH": str(ROOT)})
        self.assertEqual(await child.ended, 1, child.out + child.err)
        found = {int(line.split(":")[1]) for line in child.out.splitlines() if ": error:" in line}
        self.assertEqual(found, set(range(3, 3 + len(wrong))), child.out)

    async def test_its_program_runs(self) -> None:
        blocks = code()
        self.assertEqual(len(blocks), 8)
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
