"""A device whose address changes, on real interfaces: it reports the new ConnectionRequestURL (CR-09)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import SkipTest

from twisted.internet import reactor as global_reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from tests.namespaces import Namespaces, has_namespaces
from tests.process import TWISTD, Child
from tests.skips import NO_NETNS

reactor: Any = global_reactor
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
endpoint = "tcp:7547"
username = "acs"
password = "request-secret"
[state]
directory = "{state}"
[log]
level = "debug"
envelopes = true
"""


class MovingTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        if not has_namespaces():
            raise SkipTest(NO_NETNS)
        self.place = Path(self.mktemp()).absolute()
        self.place.mkdir()
        self.world = Namespaces("cpe", "acs")
        self.addCleanup(self.world.remove)
        self.world.make()
        self.world.join("cpe", "acs")
        self.world.address("add", "acs", "192.0.2.254/24", "cpe")
        self.world.address("add", "cpe", "192.0.2.1/24", "acs")

    def write(self, name: str, text: str) -> Path:
        file = self.place / name
        file.touch(mode=0o600)
        file.write_text(text)
        return file

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

    async def said(self, child: Child, *words: str, after: int = 0) -> None:
        """Wait until the output has all ``words``."""
        for _ in range(1000):
            if all(word in child.out[after:] for word in words):
                return
            self.assertFalse(child.ended.called, child.err)
            await deferLater(reactor, 0.03, lambda: None)
        self.fail(f"not said: {words}\n{child.out[after:]}\n{child.err}")

    async def test_cr_09_another_address_on_the_interface(self) -> None:
        password = self.write("password", "acs-secret\n")
        lab = self.run_in(
            "acs",
            "cwmplab",
            *("--acs", "tcp:8069:interface=192.0.2.254", "--acs-tls", "none", "--console", "none"),
            *("--username", "cpe", "--password-file", str(password), "--directory", str(self.place / "lab")),
        )
        await self.said(lab, "192.0.2.254:8069")
        config = self.write("agent.toml", _CONFIG.format(state=self.place / "state"))
        agent = self.run_in("cpe", "cwmpagent", "--config", str(config))
        await self.said(agent, "session done", "0 BOOTSTRAP", "http://192.0.2.1:7547/")
        before = len(agent.out)
        self.world.address("del", "cpe", "192.0.2.1/24", "acs")
        self.world.address("add", "cpe", "192.0.2.7/24", "acs")
        await self.said(agent, "session done", "4 VALUE CHANGE", "http://192.0.2.7:7547/", after=before)
        self.assertNotIn("0 BOOTSTRAP", agent.out[before:])
