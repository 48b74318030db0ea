"""UDP connection requests through the NAT of the kernel (nftables): the agent is inside, the ACS outside."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet import reactor as global_reactor
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessOutputAndValue
from twisted.trial.unittest import TestCase

from tests.namespaces import Namespaces, has_masquerade
from tests.process import TWISTD, Child
from tests.skips import NO_NAT

reactor: Any = global_reactor
DEVICE = "00D09E-SN0001"
SERVER = "Device.ManagementServer."
ADDRESS = SERVER + "UDPConnectionRequestAddress"
LIFETIME = 6
"""Seconds after which the NAT removes an unused binding."""
_CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
serial_number = "SN0001"
provider = "simulated"
[acs]
url = "http://192.0.2.254:8069/"
username = "cpe"
password = "acs-secret"
[connection_request]
username = "acs"
password = "request-secret"
[state]
directory = "{state}"
[parameters]
"{server}STUNEnable" = true
"{server}STUNUsername" = "box"
"{server}STUNPassword" = "stun-secret"
"{server}STUNMinimumKeepAlivePeriod" = 2
"{server}STUNMaximumKeepAlivePeriod" = 2
"{server}PeriodicInformInterval" = 2
"""
_ASK = """
import sys, urllib.request, urllib.error
method, path, body = sys.argv[1:]
request = urllib.request.Request("http://127.0.0.1:8071" + path, body.encode() or None, method=method)
request.add_header("Content-Type", "application/json")
try:
    print(urllib.request.urlopen(request, timeout=10).read().decode())
except urllib.error.HTTPError as error:
    print(error.read().decode())
except OSError as error:
    print('{"error": "%s"}' % type(error).__name__)
"""


class NatTests(TestCase):
    timeout = 300

    def setUp(self) -> None:
        if not has_masquerade():
            raise SkipTest(NO_NAT)
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir()
        self.world = Namespaces("cpe", "nat", "acs")
        self.addCleanup(self.world.remove)
        self.world.make()
        self.world.join("cpe", "nat")
        self.world.join("nat", "acs")
        self.world.address("add", "cpe", "192.168.1.2/24", "nat")
        self.world.address("add", "nat", "192.168.1.1/24", "cpe")
        self.world.address("add", "nat", "192.0.2.1/24", "acs")
        self.world.address("add", "acs", "192.0.2.254/24", "nat")
        self.world.route("cpe", "192.168.1.1")
        self.world.masquerade("nat", "acs", lifetime=LIFETIME)

    def write(self, name: str, text: str) -> str:
        file = self.place / name
        file.touch(mode=0o600)
        file.write_text(text)
        return str(file)

    def run_in(self, place: str, *arguments: str) -> Child:
        child = Child.start(
            reactor,
            [*self.world.inside(place), *TWISTD, *arguments],
            environ={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
        )
        self.addCleanup(self.killed, child)
        return child

    async def killed(self, child: Child) -> None:
        child.signal("KILL")
        if not child.ended.called:
            await child.ended

    async def lab(self, method: str, path: str, data: object = None) -> Any:
        """The answer of the lab's console, which listens on the loopback of its own namespace."""
        command = [*self.world.inside("acs"), sys.executable, "-c", _ASK, method, path]
        body = "" if data is None else json.dumps(data)
        environ = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
        out, err, status = await getProcessOutputAndValue(command[0], [*command[1:], body], env=environ)
        self.assertEqual(status, 0, err)
        return json.loads(out)

    async def until(self, look: Any, seconds: float = 60) -> Any:
        """The first result of ``look`` that is true."""
        end = reactor.seconds() + seconds
        while not (found := await look()):
            if reactor.seconds() > end:
                self.fail(f"time-out; the output of the agent:\n{self.agent.out[-3000:]}")
            await deferLater(reactor, 0.3, lambda: None)
        return found

    async def told(self) -> tuple[str, str]:
        """UDPConnectionRequestAddress and NATDetected as the ACS knows them."""
        known = (await self.lab("GET", f"/devices/{DEVICE}")).get("parameters", {})
        return tuple(known.get(name, {}).get("value", "") for name in (ADDRESS, SERVER + "NATDetected"))  # type: ignore[return-value]  # there are two

    async def session_with(self, event: str, after: int) -> int:
        """Wait for a session with ``event`` that has ended; its number, which is above ``after``."""

        async def look() -> int:
            sessions = await self.lab("GET", "/sessions")
            ended = [one for one in sessions if one["ended"] and event in json.dumps(one["events"])]
            return max((one["number"] for one in ended), default=0)

        async def newer() -> int:
            number = await look()
            return number if number > after else 0

        found: int = await self.until(newer)
        return found

    async def called(self) -> int:
        """Send a connection request by UDP and wait for the session; its number."""
        sessions = await self.lab("GET", "/sessions")
        sent = await self.lab("POST", f"/devices/{DEVICE}/connection-request", {"by": "udp"})
        self.assertEqual((sent.get("copies"), sent.get("sent_to")), (3, (await self.told())[0]), sent)
        return await self.session_with("6 CONNECTION REQUEST", max(one["number"] for one in sessions))

    async def test_found_kept_alive_lost_and_found_again(self) -> None:
        acs, stun = self.write("acs", "acs-secret\n"), self.write("stun", "stun-secret\n")
        request = self.write("request", "request-secret\n")
        self.bench = self.run_in(
            "acs",
            "cwmplab",
            *("--acs", "tcp:8069:interface=192.0.2.254", "--acs-tls", "none", "--directory", str(self.place / "lab")),
            *("--stun", "udp:3478:interface=192.0.2.254", "--stun-username", "box", "--stun-password-file", stun),
            *("--username", "cpe", "--password-file", acs),
            *("--connection-request-username", "acs", "--connection-request-password-file", request),
        )
        config = self.write("agent.toml", _CONFIG.format(state=self.place / "state", server=SERVER))
        self.agent = self.run_in("cpe", "cwmpagent", "--config", config)

        async def known() -> bool:
            devices = await self.lab("GET", "/devices")
            return isinstance(devices, list) and any(one["id"] == DEVICE for one in devices)

        await self.until(known)
        attributes = {"notification_change": True, "notification": 2, "access_list_change": False, "access_list": []}
        silent = {"name": SERVER + "PeriodicInformEnable", "value": False, "type": "boolean"}
        tasks = [
            {"rpc": "SetParameterAttributes", "parameter_list": [{"name": ADDRESS, **attributes}]},
            {"rpc": "SetParameterValues", "parameter_list": [silent]},
            {"rpc": "GetParameterValues", "parameter_names": [SERVER]},
        ]
        await self.lab("POST", f"/devices/{DEVICE}/tasks", tasks)

        async def mapped() -> bool:
            address, nat = await self.told()
            return address.startswith("192.0.2.1:") and nat == "true"

        await self.until(mapped)
        stun_seen = await self.lab("GET", "/stun")
        self.assertTrue(any(one["username"] == "box" and one["signed"] for one in stun_seen["bindings"]), stun_seen)

        # Kept alive: no other traffic for three times the lifetime of a binding.
        await self.called()
        await deferLater(reactor, 3 * LIFETIME, lambda: None)
        number = await self.called()

        # Lost: the router gets another address, and the kernel removes every binding.
        self.world.address("del", "nat", "192.0.2.1/24", "acs")
        self.world.address("add", "nat", "192.0.2.77/24", "acs")
        await self.session_with("4 VALUE CHANGE", number)

        async def moved() -> bool:
            return (await self.told())[0].startswith("192.0.2.77:")

        await self.until(moved)
        await self.called()
        self.assertNotIn("Traceback", self.agent.out + self.agent.err + self.bench.out)
