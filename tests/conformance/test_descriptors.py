"""A whole agent whose process has no descriptor left, or a few: it says so, and works again afterwards."""

from __future__ import annotations

import re
import socket
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.control.socket_path import address
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from tests.agent.bench import DEVICE, assign, reactor
from tests.control.client import Client
from tests.descriptors import FREE, only_free
from tests.test_tap import TapCase

CODE = "Device.DeviceInfo.ProvisioningCode"
ODD = re.compile(r"Traceback|Unhandled|internal error|Main loop error")


class LastDescriptorTests(TapCase):
    timeout = 240
    settings = "[connection_request]\nudp_port = 0\n"

    async def status(self) -> Any:
        """The answer of the control socket to a request, None where it gave none."""
        try:
            client = await Client.connected(reactor, self.state / "control.sock")
        except Exception:  # refused or not accepted in time
            return None
        client.say({"command": "status"})
        waiting: Deferred[Any] = Deferred.fromCoroutine(client.line())
        end = reactor.callLater(1.0, client.transport.abortConnection)
        line = await waiting
        if end.active():
            end.cancel()
        client.transport.abortConnection()
        return line

    async def called(self) -> int:
        """The status of a ConnectionRequest by HTTP, 0 where there was no answer."""
        try:
            return await self.lab.connection_request(DEVICE)
        except UnreachableError:
            return 0

    async def test_each_number_of_free_descriptors(self) -> None:
        self.write(url=self.url.replace("127.0.0.1", "localhost"))
        child = self.run_agent()
        await self.first()
        await self.until(lambda: "session done" in child.out)
        for number in FREE:
            with only_free(number, child.pid):
                clients = [socket.socket(socket.AF_UNIX) for _ in range(4)]
                for client in clients:
                    client.setblocking(False)
                    with address(self.state / "control.sock") as where:
                        client.connect(where)
                await self.pause(0.1)
                line = await self.status()
                self.assertTrue(line is None or "error" in line or "result" in line, line)
                self.assertIn(await self.called(), (0, 200))
                child.signal("HUP")
                await self.pause(0.3)
                for client in clients:
                    client.close()
            for _ in range(40):
                line = await self.status()
                if line is not None and "result" in line:
                    break
                await self.pause(0.1)
            self.assertIn("result", line or {}, f"{number} free: the control socket is deaf")
            value = f"after {number}"
            answer = self.lab.queue(DEVICE, assign("", **{CODE: value}))
            self.assertEqual(await self.called(), 200, f"{number} free")
            await answer
        child.signal("TERM")
        self.assertEqual(await child.ended, 0)
        everything = child.out + child.err
        self.assertIsNone(ODD.search(everything), everything[-20000:])
