"""The Linux providers on this machine, compared with /proc, /sys and psutil, and on prepared files."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace

import psutil
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import RpcCrashed, Warned
from cwmpagent.datamodel.names import Name, named
from cwmpagent.device.linux import links, linux_providers, netlink
from cwmpagent.device.linux.hostname import HostName
from cwmpagent.device.linux.info import Info
from cwmpagent.device.linux.ip import Ip
from cwmpagent.device.linux.processes import Processes
from cwmpagent.device.linux.timeservers import TimeServers
from cwmpagent.device.linux.timestatus import TimeStatus, kernel_synchronized
from cwmpagent.device.provider import Provider
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.rpc import Fault, GetParameterValues, GetParameterValuesResponse
from tests.agent.bench import assign
from tests.agent.ports import SimulatedAgent

INFO = "Device.DeviceInfo."


def names(*paths: str, **keys: str) -> list[Name]:
    return [named(path, {}) for path in paths]


class WholeMachineTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.simulated = SimulatedAgent()
        self.simulated.providers = list(linux_providers("Device."))
        self.simulated.begin()

    def values(self, *paths: str) -> dict[str, str]:
        self.simulated.acs.asking.append(GetParameterValues(paths))
        self.simulated.runtime.connection_requests.http.requested("198.51.100.1")
        self.simulated.run(5)
        (answer,) = self.simulated.acs.answers()
        assert not isinstance(answer, Fault), answer
        return {each.name: each.value.text for each in answer.parameter_list}

    def under(self, values: Iterable[str], name: str) -> dict[str, str]:
        return {path: text for path, text in values.items() if path.endswith("." + name)}  # type: ignore[attr-defined]

    def test_the_whole_tree_is_read_and_is_as_the_model_wants_it(self) -> None:
        found = self.values("")
        tree = self.simulated.runtime.tree
        for path, text in found.items():
            self.assertEqual(tree.definition(path).admitted(text), text, path)
        odd = [fact for fact in self.simulated.facts if isinstance(fact, RpcCrashed | Warned)]
        self.assertEqual(odd, [])

    def test_device_info(self) -> None:
        found = self.values(INFO)
        self.assertEqual(found[INFO + "HostName"], socket.gethostname())
        self.assertEqual(found[INFO + "AdditionalSoftwareVersion"], os.uname().release)
        self.assertEqual(found[INFO + "MemoryStatus.Total"], str(psutil.virtual_memory().total // 1024))
        self.assertTrue(found[INFO + "SoftwareVersion"])

    def test_this_process_is_in_the_table(self) -> None:
        found = self.values(INFO + "ProcessStatus.")
        rows = [
            path.removesuffix("PID")
            for path, text in found.items()
            if path.endswith(".PID") and text == str(os.getpid())
        ]
        self.assertEqual(len(rows), 1)
        me = psutil.Process()
        self.assertEqual(found[rows[0] + "Command"], me.name())
        self.assertEqual(found[rows[0] + "State"], "Running")
        self.assertGreater(int(found[rows[0] + "Size"]), 1000)
        count = found[INFO + "ProcessStatus.ProcessNumberOfEntries"]
        self.assertEqual(count, str(len([path for path in found if path.endswith(".PID")])))
        self.assertEqual(self.values(rows[0] + "PID"), {rows[0] + "PID": str(os.getpid())})

    def test_addresses_and_counters(self) -> None:
        found = self.values("Device.IP.Interface.")
        addresses = {text for path, text in found.items() if path.endswith(".IPAddress") and ".IPv4Address." in path}
        known = {
            each.address: each.netmask
            for all_of_one in psutil.net_if_addrs().values()
            for each in all_of_one
            if each.family is socket.AF_INET
        }
        self.assertEqual(addresses, known.keys())
        for path, text in found.items():
            if path.endswith(".SubnetMask"):
                self.assertEqual(text, known[found[path.replace("SubnetMask", "IPAddress")]])
        (loopback,) = [
            path.removesuffix("Name") for path, text in found.items() if path.endswith(".Name") and text == "lo"
        ]
        self.assertEqual((found[loopback + "Type"], found[loopback + "Status"]), ("Loopback", "Up"))
        now = psutil.net_io_counters(pernic=True)["lo"].bytes_sent
        self.assertLessEqual(int(found[loopback + "Stats.BytesSent"]), now)

    def test_ipv6_addresses(self) -> None:
        found = self.values("Device.IP.Interface.")
        shown = sorted(
            (found[path.partition("IPv6Address.")[0] + "Name"], text)
            for path, text in found.items()
            if path.endswith(".IPAddress") and ".IPv6Address." in path
        )
        known = sorted(
            (name, each.address.partition("%")[0])
            for name, all_of_one in psutil.net_if_addrs().items()
            for each in all_of_one
            if each.family is socket.AF_INET6
        )
        self.assertEqual(shown, known)
        counted = sum(int(text) for text in self.under(found, "IPv6AddressNumberOfEntries").values())
        self.assertEqual(counted, len(known))

    def test_hosts_are_the_neighbours(self) -> None:
        neighbours: set[str] | None = None
        while neighbours != (
            now := {each.mac for each in netlink.neighbours()}
        ):  # a neighbour may appear during the reading
            neighbours = now
            found = self.values("Device.Hosts.")
        macs = {text for path, text in found.items() if path.endswith(".PhysAddress")}
        self.assertEqual(macs, neighbours)
        arp = [line.split() for line in Path("/proc/net/arp").read_text().splitlines()[1:]]
        for address, _, flags, mac, *_ in arp:
            if int(flags, 16) & 2 and mac in macs:
                self.assertIn(address, found.values())

    def test_interfaces_are_configured_by_the_system(self) -> None:
        self.simulated.acs.asking.append(assign("", **{"Device.IP.Interface.1.Router": "", INFO + "HostName": "other"}))
        self.simulated.runtime.connection_requests.http.requested("198.51.100.1")
        self.simulated.run(5)
        (fault,) = self.simulated.acs.answers()
        assert isinstance(fault, Fault)
        codes = {each.name: each.code for each in fault.parameters}
        self.assertEqual(codes, {"Device.IP.Interface.1.Router": 9001, INFO + "HostName": 9001})


class MadeUpTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def info(self, name: str, *given: str) -> str | None:
        provider = Info("Device.", given, self.root / "etc", self.root / "sys")
        asked = names(INFO + name)
        return provider.read(asked).get(asked[0]) if asked[0] in provider.paths else None

    def test_versions(self) -> None:
        self.write("etc/os-release", 'NAME="Router OS"\n# x\nPRETTY_NAME=\'Router OS "7"\'\n')
        self.write("sys/class/dmi/id/product_name", "Box 3000\n")
        self.write("sys/class/dmi/id/product_version", "rev B\n")
        self.assertEqual(self.info("SoftwareVersion"), 'Router OS "7')
        self.assertEqual((self.info("ModelName"), self.info("HardwareVersion")), ("Box 3000", "rev B"))
        self.write("sys/firmware/devicetree/base/model", "Board X\0")
        self.assertEqual(self.info("ModelName"), "Board X")
        self.assertIsNone(self.info("ModelName", INFO + "ModelName"))

    def test_nothing_to_be_read(self) -> None:
        self.assertIsNone(self.info("ModelName"))
        self.assertEqual(self.info("SoftwareVersion"), os.uname().release)
        self.assertEqual(self.info("HardwareVersion"), os.uname().machine)

    def test_free_memory_is_what_is_available(self) -> None:
        memory = SimpleNamespace(total=8_388_608, available=4_194_304, free=1_048_576)
        self.patch(psutil, "virtual_memory", lambda: memory)
        self.assertEqual((self.info("MemoryStatus.Total"), self.info("MemoryStatus.Free")), ("8192", "4096"))

    def test_what_is_an_ethernet_port(self) -> None:
        for name, files in {
            "eth0": {"type": "1", "uevent": "INTERFACE=eth0\n", "device/vendor": "x"},
            "veth1": {"type": "1", "uevent": "INTERFACE=veth1\n", "iflink": "9", "ifindex": "4"},
            "br0": {"type": "1", "uevent": "DEVTYPE=bridge\n", "iflink": "5", "ifindex": "5"},
            "eth0.7": {"type": "1", "uevent": "DEVTYPE=vlan\n", "iflink": "2", "ifindex": "6"},
            "wlan0": {"type": "1", "uevent": "DEVTYPE=wlan\n", "device/vendor": "x"},
            "dummy0": {"type": "1", "uevent": "", "iflink": "8", "ifindex": "8"},
            "lo": {"type": "772", "uevent": ""},
        }.items():
            for file, text in files.items():
                self.write(f"{name}/{file}", text)
        found = [each.name for each in sorted(self.root.iterdir()) if links.is_ethernet(each.name, self.root)]
        self.assertEqual(found, ["eth0", "veth1"])

    def test_states_of_a_link(self) -> None:
        for flags, told, enable, status in (
            ("0x1003", "up", "true", "Up"),
            ("0x1002", "down", "false", "Down"),
            ("0x9", "unknown", "true", "Up"),
            ("0x1003", "lowerlayerdown", "true", "LowerLayerDown"),
            ("", "testing", "false", "Unknown"),
        ):
            self.write("x/flags", flags)
            self.write("x/operstate", told)
            self.assertEqual(links.state("x", self.root), {"Enable": enable, "Status": status})

    def test_what_the_kernel_says_of_an_ipv6_address(self) -> None:
        table = "Device.IP.Interface.{i}.IPv6Address."
        for address, flags, origin, status in (
            ("::1", 0x80, "WellKnown", "Preferred"),
            ("fe80::1", 0x80, "AutoConfigured", "Preferred"),
            ("2001:db8::1", 0x80, "Static", "Preferred"),
            ("2001:db8::2", 0x20, "AutoConfigured", "Deprecated"),
            ("2001:db8::3", 0x40, "AutoConfigured", "Tentative"),
            ("2001:db8::4", 0x44, "AutoConfigured", "Optimistic"),
            ("2001:db8::5", 0xC8, "Static", "Duplicate"),
        ):
            present = [
                netlink.InterfaceAddress("eth9", address, 64, flags),
                netlink.InterfaceAddress("eth9", "192.0.2.1", 24, 0x80),
            ]
            self.patch(netlink, "addresses", lambda present=present: present)
            interface = {"Device.IP.Interface.1.": "eth9"}
            provider = Ip("Device.")
            keys = provider.instances(named("Device.IP.Interface.1.IPv6Address.", interface))
            self.assertEqual(keys, [address])
            row = "Device.IP.Interface.1.IPv6Address.1."
            asked = [
                named(row + name, {**interface, row: address}) for name in ("IPAddress", "Origin", "IPAddressStatus")
            ]
            self.assertEqual(asked[0].template, table + "{i}.IPAddress")
            self.assertEqual(list(provider.read(asked).values()), [address, origin, status])

    def test_a_process_that_has_ended_is_no_error(self) -> None:
        provider = Processes("Device.")
        keys = provider.instances(named(INFO + "ProcessStatus.Process.", {}))
        self.assertEqual(len(set(keys)), len(keys))
        asked = [named(INFO + "ProcessStatus.Process.1.PID", {INFO + "ProcessStatus.Process.1.": "999999 1.00"})]
        self.assertEqual(provider.read(asked), {})

    def test_time(self) -> None:
        asked = names("Device.Time.Status")
        for synchronized, word in ((True, "Synchronized"), (False, "Unsynchronized")):
            provider = TimeStatus("Device.", lambda synchronized=synchronized: synchronized)
            self.assertEqual(provider.read(asked), {asked[0]: word})
        self.assertIn(kernel_synchronized(), (True, False))


class TimeServerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = Path(self.mktemp())
        self.root.mkdir()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def provider(self, *given: str) -> TimeServers:
        systemd = [self.root / "etc", self.root / "run", self.root / "lib"]
        return TimeServers("Device.", given, etc=self.root / "etc", systemd=systemd)

    def assert_servers(self, *expected: str) -> None:
        provider = self.provider()
        found = list(provider.read(names(*provider.paths)).values())
        self.assertEqual(found, [*expected, *[""] * (5 - len(expected))])

    def test_no_file_no_server(self) -> None:
        self.assert_servers()
        self.write("etc/systemd/timesyncd.conf", "[Time]\n#NTP=compiled.example\n")
        self.write("etc/chrony/chrony.conf", "# server off.example\n! pool off.example\nserver\nserverstats x\n")
        self.assert_servers()

    def test_timesyncd(self) -> None:
        self.write("lib/systemd/timesyncd.conf", "[Time]\nNTP=weaker.example\n")
        self.write("etc/systemd/timesyncd.conf", "[Time]\nNTP=\nFallbackNTP = f1.example f2.example\n")
        self.assert_servers("f1.example", "f2.example")
        self.write("etc/systemd/timesyncd.conf.d/10-a.conf", "[Time]\nNTP=a.example\n")
        self.write("run/systemd/timesyncd.conf.d/20-b.conf", "[Time]\nNTP=b.example 2001:db8::1 a.example\n")
        self.write("run/systemd/timesyncd.conf.d/10-a.conf", "[Time]\nNTP=hidden.example\n")
        self.assert_servers("a.example", "b.example", "2001:db8::1")
        self.write("lib/systemd/timesyncd.conf.d/15-none.conf", "[Time]\nNTP=\n")
        self.assert_servers("b.example", "2001:db8::1", "a.example")

    def test_chrony(self) -> None:
        self.write("etc/systemd/timesyncd.conf", "[Time]\nNTP=left.example\n")
        self.write("etc/ntp.conf", "server left.example\n")
        self.write("etc/chrony/chrony.conf", "pool one.example iburst # near\ndriftfile /x\nServer two.example\n")
        self.write("etc/chrony/conf.d/site.conf", "server three.example\n")
        self.write("etc/chrony/conf.d/site.bak", "server no.example\n")
        self.write("etc/chrony/sources.d/lan.sources", "server 192.0.2.1\nserver 192.0.2.2\nserver 192.0.2.3\n")
        self.assert_servers("one.example", "two.example", "three.example", "192.0.2.1", "192.0.2.2")

    def test_ntpd(self) -> None:
        self.write("etc/systemd/timesyncd.conf", "[Time]\nNTP=left.example\n")
        self.write("etc/ntpsec/ntp.conf", "server sec.example\n")
        self.assert_servers("sec.example")
        long = "x" * 65
        self.write("etc/ntp.conf", f"server 127.127.1.0\nserver {long}\npool -6 six.example\nserver -4\nrestrict x\n")
        self.assert_servers("six.example")

    def test_what_the_configuration_gives_is_not_read(self) -> None:
        self.assertEqual(len(self.provider("Device.Time.NTPServer2").paths), 4)

    def test_an_acs_that_sets_one_is_told_who_decides_and_nothing_is_stored(self) -> None:
        self.write("etc/ntp.conf", "server own.example\n")
        simulated = SimulatedAgent()
        simulated.providers = [self.provider()]
        simulated.begin()
        server = "Device.Time.NTPServer1"
        simulated.acs.asking += [assign("", **{server: "theirs.example"}), GetParameterValues((server,))]
        simulated.runtime.connection_requests.http.requested("198.51.100.1")
        simulated.run(5)
        fault, answer = simulated.acs.answers()
        assert isinstance(fault, Fault) and isinstance(answer, GetParameterValuesResponse)
        self.assertEqual([(each.name, each.code) for each in fault.parameters], [(server, 9001)])
        self.assertIn("the files of this machine", fault.parameters[0].text)
        self.assertEqual([each.value.text for each in answer.parameter_list], ["own.example"])
        self.assertNotIn("theirs.example", repr(simulated.store.load().values))


class HostNameTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.etc = Path(self.mktemp())
        self.etc.mkdir()
        (self.etc / "hostname").write_text("old\n")
        self.present = "old"

    def provider(self, **options: bool) -> HostName:
        return HostName("Device.", get=lambda: self.present, put=self.put, etc=self.etc, **options)  # type: ignore[arg-type]  # its options are flags

    def put(self, name: str) -> None:
        if name == "denied":
            raise PermissionError
        self.present = name

    def changes(self, text: str) -> dict[Name, str | None]:
        return dict.fromkeys(names(INFO + "HostName"), text)

    def test_only_where_it_is_permitted(self) -> None:
        (refusal,) = self.provider().check(self.changes("new")).values()
        assert isinstance(refusal, CwmpFault)
        self.assertEqual(refusal.code, 9001)
        self.assertEqual(self.provider(settable=True).check(self.changes("new")), {})

    def test_only_host_names(self) -> None:
        provider = self.provider(settable=True)
        for bad in ("", "-a", "a_b", "a b", "a\n", "x" * 65, "a..b", "ä"):
            self.assertEqual(len(provider.check(self.changes(bad))), 1, bad)
        for good in ("a", "box-1", "box.example.net", "x" * 63):
            self.assertEqual(provider.check(self.changes(good)), {}, good)

    def test_set_and_undone(self) -> None:
        provider = self.provider(settable=True)
        provider.apply(self.changes("new"))
        self.assertEqual((self.present, (self.etc / "hostname").read_text()), ("new", "new\n"))
        provider.undo(self.changes("old"))
        self.assertEqual((self.present, (self.etc / "hostname").read_text()), ("old", "old\n"))

    def test_without_the_right_nothing_is_changed(self) -> None:
        fault = self.assertRaises(CwmpFault, self.provider(settable=True).apply, self.changes("denied"))
        self.assertEqual(fault.code, 9001)
        self.assertEqual([file.name for file in self.etc.iterdir()], ["hostname"])
        self.assertEqual((self.etc / "hostname").read_text(), "old\n")

    def test_where_nothing_was_changed_nothing_is_undone(self) -> None:
        def refused(_: str) -> None:
            raise PermissionError

        provider = HostName("Device.", settable=True, get=lambda: "old", put=refused, etc=self.etc)
        self.assertRaises(CwmpFault, provider.apply, self.changes("new"))
        provider.undo(self.changes("old"))  # otherwise a later change would be refused

    def test_a_crash_while_it_goes_back_leaves_the_rest_to_the_next_time(self) -> None:
        provider = self.provider(settable=True)
        provider.apply(self.changes("new"))
        patch = self.patch(os, "replace", _ends)
        self.assertRaises(OSError, provider.undo, self.changes("old"))
        patch.restore()
        provider.undo(self.changes("old"))
        self.assertEqual((self.present, (self.etc / "hostname").read_text()), ("old", "old\n"))

    def test_a_given_name_is_not_read(self) -> None:
        provider: Provider = HostName("Device.", (INFO + "HostName",))
        self.assertEqual(tuple(provider.paths), ())


def _ends(*_: object) -> None:
    raise OSError(5, "the power is gone")
