"""Parameters on the control socket: secrets are masked, parameters that cannot be read have their last known value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.parameters.masked_values import masked_value
from cwmpagent.agent.parameters.provider_values import FRESH
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.provider import Name, Provider
from cwmpagent.values import Value, ValueType
from tests.agent.bench import reactor
from tests.conformance.stage import SteppedCase
from tests.control.client import Client
from tests.datamodel.sample import build

MODEL = build(
    """
[objects."Box.".parameters]
Pin = { type = "string", hidden = true }
Limit = { type = "unsignedInt", hidden = true }
KeyPassphrase = { type = "string" }
Link = { type = "string" }

[objects."Box.Part.".parameters]
Size = { type = "int" }
"""
)
CODE = "Device.DeviceInfo.ProvisioningCode"
SERIAL = "Device.DeviceInfo.SerialNumber"


class ShownTests(SynchronousTestCase):
    tree = Tree(MODEL)

    def text(self, name: str, text: str, kind: ValueType = ValueType.STRING) -> str:
        return masked_value(self.tree, "Box." + name, Value(kind, text)).text

    def test_hidden_ones_say_only_whether_there_is_a_value(self) -> None:
        self.assertEqual(self.text("Pin", "1234"), "***")
        self.assertEqual(self.text("Pin", ""), "")
        self.assertEqual(self.text("Limit", "7", ValueType.UNSIGNED_INT), "***")
        self.assertEqual(self.text("Limit", "0", ValueType.UNSIGNED_INT), "")

    def test_what_is_called_a_secret_or_is_unknown(self) -> None:
        self.assertEqual(self.text("KeyPassphrase", "opensesame"), "***")
        self.assertEqual(self.text("Gone.With.Its.Row", "opensesame"), "***")
        self.assertEqual(self.text("Link", "http://user:opensesame@x/"), "http://***@x/")
        self.assertEqual(self.text("Link", "plain"), "plain")


class Broken(Provider):
    """A provider of one parameter that raises once ``down`` is set."""

    paths = (CODE,)
    down = False

    def read(self, names: Sequence[Name]) -> Mapping[str, str]:
        if self.down:
            raise OSError("gone")
        return dict.fromkeys(names, "from the device")


class UnreadTests(SteppedCase):
    async def test_the_rest_is_shown_all_the_same(self) -> None:
        broken = Broken()
        agent = self.prepared()
        agent.add_provider(broken)
        agent.startService()
        await self.sessions_ended(1)
        client = await Client.connected(reactor, self.state / "control.sock")
        items = await self.items(client, CODE, SERIAL)
        self.assertEqual((items[CODE]["value"], items[CODE].get("unread")), ("from the device", None))
        broken.down = True
        self.time.advance(FRESH)
        items = await self.items(client, CODE, SERIAL)
        self.assertEqual((items[CODE]["unread"], items[SERIAL]["value"]), (True, "SN0001"))
        self.assertNotIn("unread", items[SERIAL])
        client.transport.abortConnection()
        await self.until(lambda: client.ended)

    async def items(self, client: Client, *paths: str) -> Mapping[str, Any]:
        items, last = await client.ask("get", paths=list(paths))
        self.assertIn("result", last)
        return {item["name"]: item for item in items}


class WritableTests(SteppedCase):
    """What an ACS is told of Writable, a person is told, too."""

    async def test_what_the_device_cannot_change_is_not_writable(self) -> None:
        agent = self.prepared()
        agent.add_provider(Broken())
        agent.startService()
        await self.sessions_ended(1)
        client = await Client.connected(reactor, self.state / "control.sock")
        items, _ = await client.ask("get", paths=[CODE, "Device.Time.NTPServer1"])
        self.assertEqual([item["writable"] for item in items], [False, True])
        for every in (True, False):
            items, _ = await client.ask("names", path="Device.DeviceInfo.", all=every)
            self.assertFalse(next(item["writable"] for item in items if item["name"] == CODE))
        items, _ = await client.ask("export")
        parts = {item["part"]["name"]: item["part"] for item in items if "part" in item}
        self.assertEqual((parts[CODE]["writable"], parts["Device.Time.NTPServer1"]["writable"]), (False, True))
        client.transport.abortConnection()
        await self.until(lambda: client.ended)
