"""A whole agent with ``[software]``: the RPC is there only with a directory."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cwmpagent.config import Config
from cwmpagent.config.settings import SoftwareConfig
from cwmpagent.errors import ConfigError
from cwmpagent.protocol.rpc import GetRPCMethods, GetRPCMethodsResponse
from tests.agent.bench import BenchCase


class SoftwareTests(BenchCase):
    software = SoftwareConfig()

    def config(self, *, boot: str = "process", acs: str = "", **parameters: str) -> Config:
        return replace(super().config(boot=boot, acs=acs, **parameters), software=self.software)

    async def methods(self) -> tuple[str, ...]:
        await self.bootstrapped()
        (answer,) = await self.ask(GetRPCMethods())
        assert isinstance(answer, GetRPCMethodsResponse)
        return answer.method_list

    async def test_with_a_directory(self) -> None:
        directory = Path(self.mktemp()).absolute()
        self.software = SoftwareConfig(directory=directory)
        self.assertIn("ChangeDUState", await self.methods())
        self.assertEqual(sorted(path.name for path in directory.iterdir()), ["fetched", "units"])

    async def test_a_directory_that_cannot_be_made(self) -> None:
        file = Path(self.mktemp()).absolute()
        file.touch()
        self.software = SoftwareConfig(directory=file / "directory")
        error = self.assertRaises(ConfigError, self.prepared().startService)
        self.assertEqual(error.key, "software.directory")

    async def test_without_one(self) -> None:
        self.assertNotIn("ChangeDUState", await self.methods())
