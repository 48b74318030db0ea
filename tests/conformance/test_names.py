"""GetParameterNames (GPN) over loopback."""

from __future__ import annotations

from cwmpagent.protocol.rpc import AddObject, Fault, GetParameterNames, GetParameterNamesResponse, GetParameterValues
from tests.agent.bench import SERVER, BenchCase, assign
from tests.conformance.simulated import CODE, NTP, TABLE

ROUTES = "Device.Routing.Router.1.IPv4Forwarding."


class NamesTests(BenchCase):
    """Names and Writable of parameters and objects."""

    async def names(self, path: str, next_level: bool) -> dict[str, bool]:
        """Name -> Writable; each name occurs once."""
        (answer,) = await self.ask(GetParameterNames(path, next_level))
        self.assertIsInstance(answer, GetParameterNamesResponse, answer)
        found = {each.name: each.writable for each in answer.parameter_list}
        self.assertEqual(len(found), len(answer.parameter_list))
        return found

    async def code(self, path: str, next_level: bool) -> int:
        """The fault code of a request."""
        (answer,) = await self.ask(GetParameterNames(path, next_level))
        self.assertIsInstance(answer, Fault, answer)
        return int(answer.code)

    async def test_gpn_01_the_empty_path(self) -> None:
        await self.bootstrapped()
        self.assertEqual(await self.names("", True), {"Device.": False})
        everything = await self.names("", False)
        self.assertEqual(next(iter(everything)), "Device.")
        self.assertEqual(everything, await self.names("Device.", False))

    async def test_gpn_02_children_and_not_itself(self) -> None:
        await self.bootstrapped()
        children = await self.names("Device.", True)
        self.assertNotIn("Device.", children)
        self.assertEqual({name.removesuffix(".").count(".") for name in children}, {1})
        self.assertLessEqual(
            {"Device.RootDataModelVersion", "Device.DeviceInfo.", SERVER, "Device.NAT."}, set(children)
        )
        everything = await self.names("", False)
        self.assertEqual(set(children), {name for name in everything if name.removesuffix(".").count(".") == 1})

    async def test_gpn_03_itself_and_all_below(self) -> None:
        await self.bootstrapped()
        await self.ask(AddObject(TABLE, ""), AddObject(TABLE, ""))
        found = await self.names("Device.NAT.", False)
        self.assertEqual(next(iter(found)), "Device.NAT.")
        self.assertLessEqual(
            {TABLE, TABLE + "1.", TABLE + "2.", TABLE + "1.Enable", "Device.NAT.PortMappingNumberOfEntries"}, set(found)
        )
        self.assertTrue(all(name.startswith("Device.NAT.") for name in found))
        self.assertEqual(await self.names(TABLE, True), {TABLE + "1.": True, TABLE + "2.": True})
        row = await self.names(TABLE + "2.", False)
        self.assertEqual(next(iter(row)), TABLE + "2.")
        self.assertEqual(await self.names(TABLE + "2.", True), {n: w for n, w in row.items() if n != TABLE + "2."})

    async def test_gpn_03_the_whole_tree_is_the_tree_of_the_values(self) -> None:
        await self.bootstrapped()
        names = await self.names("", False)
        (answer,) = await self.ask(GetParameterValues(("",)))
        values = [each.name for each in answer.parameter_list]
        self.assertEqual([name for name in names if not name.endswith(".")], values)
        self.assertGreater(len(values), 150)
        # Every object is listed before its content.
        listed: set[str] = set()
        for name in names:
            parent = name.removesuffix(".").rpartition(".")[0] + "."
            self.assertTrue(parent == "." or parent in listed, name)
            listed.add(name)

    async def test_gpn_04_a_table_without_rows(self) -> None:
        await self.bootstrapped()
        self.assertEqual(await self.names(TABLE, True), {})
        self.assertEqual(await self.names(TABLE, False), {TABLE: True})
        body = next(
            exchange.body
            for exchange in self.lab.sessions[-2].exchanges
            if b"GetParameterNamesResponse" in exchange.body
        )
        self.assertIn(b"ParameterInfoStruct[0]", body)

    async def test_gpn_05_a_leaf_has_no_next_level(self) -> None:
        await self.bootstrapped()
        self.assertEqual(await self.code(CODE, True), 9003)
        self.assertEqual(await self.names(CODE, False), {CODE: True})

    async def test_gpn_06_unknown(self) -> None:
        await self.bootstrapped()
        paths = (
            "Device.Nowhere",
            "Device.Nowhere.",
            "Device",
            "device.",
            "Device.DeviceInfo",
            CODE + ".",
            TABLE + "7.",
            TABLE + "0.",
            TABLE + "{i}.",
            TABLE + "01.",
            TABLE + "Enable",
            "Device..",
            ".",
            " Device.",
            "InternetGatewayDevice.",
        )
        asked = [GetParameterNames(path, next_level) for path in paths for next_level in (True, False)]
        for request, answer in zip(asked, await self.ask(*asked), strict=True):
            self.assertIsInstance(answer, Fault, request)
            self.assertEqual(answer.code, 9005, request)

    async def test_gpn_07_writable_says_what_would_succeed(self) -> None:
        await self.bootstrapped()
        await self.ask(AddObject(TABLE, ""))
        found = await self.names("", False)
        for name, writable in (
            (CODE, True),
            (NTP, True),
            ("Device.DeviceInfo.SoftwareVersion", False),
            (SERVER + "ParameterKey", False),
            (SERVER + "Password", True),
            (TABLE, True),
            (TABLE + "1.", True),
            (TABLE + "1.Enable", True),
            (TABLE + "1.Status", False),
            ("Device.NAT.", False),
            ("Device.Ethernet.Interface.", False),
            ("Device.Ethernet.Interface.1.", False),
            ("Device.Routing.Router.1.", False),
            (ROUTES, True),
        ):
            self.assertIs(found[name], writable, name)
        # A write to every parameter: exactly those that are not Writable are refused.
        leaves = [name for name in found if not name.endswith(".")]
        (answer,) = await self.ask(assign("", **dict.fromkeys(leaves, "")))
        refused = {each.name for each in answer.parameters if each.code == 9008}
        self.assertEqual(refused, {name for name in leaves if not found[name]})
