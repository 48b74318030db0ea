"""A program asks for a Download, and fetches and sends files by itself: ``Agent.request_download``, ``download`` ..."""

from __future__ import annotations

import json
from typing import Any

from cwmpagent.agent.facts import TransferEnded
from cwmpagent.errors import CwmpFault, MisuseError
from cwmpagent.protocol.rpc import RequestDownload
from tests.agent.bench import BenchCase
from tests.lab.files.serving import start

FIRMWARE = "1 Firmware Upgrade Image"
CONFIGURATION = "3 Vendor Configuration File"
LOG = "2 Vendor Log File"
CODE = "Device.DeviceInfo.ProvisioningCode"


class ProgramTests(BenchCase):
    async def result(self, number: int) -> TransferEnded:
        """The fact about the end of a transfer."""
        found: list[TransferEnded] = []

        def ended() -> bool:
            found[:] = [fact for fact in self.facts if isinstance(fact, TransferEnded) and fact.number == number]
            return bool(found)

        await self.until(ended)
        return found[-1]

    async def test_a_file_each_way(self) -> None:
        folder = self.state.parent / "files"
        folder.mkdir()
        _, port = start(self, folder, auth="basic", username="cpe", password="file-secret")
        files = f"http://127.0.0.1:{port}/"
        credentials = {"username": "cpe", "password": "file-secret"}
        await self.bootstrapped()
        assert self.agent is not None
        content = {"format": "cwmpagent configuration", "version": 1, "parameters": {CODE: "fetched"}}
        (folder / "new.cfg").write_text(json.dumps(content))
        number = await self.agent.download(CONFIGURATION, files + "new.cfg", **credentials)
        self.assertEqual(((await self.result(number)).fault, await self.agent.get(CODE)), (0, "fetched"))
        number = await self.agent.upload(LOG, files + "own.log", **credentials)
        self.assertEqual((await self.result(number)).fault, 0)
        self.assertTrue((folder / "uploads" / "own.log").exists())
        number = await self.agent.download(CONFIGURATION, files + "new.cfg", size=1, **credentials)
        self.assertEqual((await self.result(number)).fault, 9018)
        self.assertNotIn("file-secret", repr(self.facts))

    async def test_asks_for_a_download(self) -> None:
        await self.bootstrapped()
        assert self.agent is not None
        since = self.lab.sessions.seen
        self.assertIsNone(await self.agent.request_download(FIRMWARE, {"Version": "2"}))
        trace = await self.session(event="9 REQUEST DOWNLOAD", since=since)
        (request,) = [each for each in trace.requests if isinstance(each, RequestDownload)]
        self.assertEqual([(each.name, each.value) for each in request.file_type_arg], [("Version", "2")])

    async def test_misuse(self) -> None:
        agent = self.prepared()
        url = "http://127.0.0.1/f"
        self.assertRaises(MisuseError, agent.request_download, FIRMWARE)
        await self.assertFailure(agent.upload(LOG, url), MisuseError)
        agent.startService()
        await self.session(event="0 BOOTSTRAP")
        wrong: Any
        for wrong in (b"f", 1, None):
            self.assertRaises(MisuseError, agent.request_download, wrong)
            self.assertRaises(MisuseError, agent.request_download, FIRMWARE, {"n": wrong})
            await self.assertFailure(agent.upload(wrong, url), MisuseError)
            await self.assertFailure(agent.upload(LOG, wrong), MisuseError)
            await self.assertFailure(agent.upload(LOG, url, password=wrong), MisuseError)
        wrong = "1"
        await self.assertFailure(agent.download(FIRMWARE, url, size=wrong), MisuseError)
        error: Any = await self.assertFailure(agent.upload("9 Unheard Of", url), CwmpFault)
        self.assertEqual(error.code, 9003)
        await self.end()
        for work in (agent.request_download(FIRMWARE), agent.upload(LOG, url)):
            error = await self.assertFailure(work, CwmpFault)
            self.assertEqual(error.code, 9002)
