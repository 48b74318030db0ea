"""Tests of the NAT report: with this project's agent, an agent without Informs, and an agent in another process."""

from __future__ import annotations

import json
import re
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.cli.arguments import KINDS
from cwmpagent.cli.lab import lines
from cwmpagent.errors import StoreError
from cwmpagent.lab.nat_report import bench as nat_bench
from cwmpagent.lab.nat_report.bench import NatBench, NatResult
from cwmpagent.lab.nat_report.report import NatReport, our_agent
from cwmpagent.lab.network.nat_kind import NatKind
from tests.process import Child

reactor: Any = global_reactor
COMMAND = [sys.executable, "-c", "import sys; from cwmpagent.cli.main import main; sys.exit(main())", "lab"]
_CONFIG = """
[device]
manufacturer = "Other"
oui = "00D09E"
serial_number = "OTHER1"
provider = "simulated"
[acs]
url = "{url}"
username = "{username}"
password = "{password}"
[connection_request]
endpoint = "tcp:0:interface=127.0.0.1"
udp_port = 0
[state]
directory = "{state}"
"""


class ReportTests(TestCase):
    timeout = 240

    def place(self) -> Path:
        place = Path(self.mktemp()).absolute()
        place.mkdir()
        return place

    def start(self, *arguments: str) -> Child:
        child = Child.start(reactor, [*COMMAND, *arguments])
        self.addCleanup(self.killed, child)
        return child

    async def killed(self, child: Child) -> None:
        child.signal("KILL")
        if not child.ended.called:
            await child.ended

    async def test_our_agent_and_another_one(self) -> None:
        """Two kinds at the same time; each waits for most of a minute."""
        kinds = ("--kind", "none", "--kind", "port-restricted")
        ours = self.start("nat-report", *kinds, "--lifetime", "4", "--requests", "4", "--json")
        await self.another_agent()
        self.assertEqual(await ours.ended, 0, ours.err)
        none, restricted = json.loads(ours.out)["results"]
        for kind in ("none", "port-restricted"):
            for progress in ("has sent an Inform", "the address is ", "request 4 of 4: answered after ", "done"):
                self.assertRegex(ours.err, rf"(?m)^{kind}: .*{progress}")
        self.assertEqual((none["kind"], none["found"], none["sent"], none["lost"]), ("none", True, 4, 0))
        self.assertEqual((restricted["kind"], restricted["found"], restricted["lost"]), ("port-restricted", True, 0))
        self.assertIn(restricted["median"], [sum(pair) / 2 for pair in combinations(restricted["delays"], 2)])
        self.assertRegex(restricted["address"], r"^127\.1\.0\.1:\d+$")
        self.assertLess(restricted["period"], 4.0)
        self.assertGreaterEqual(restricted["period"], 1.0)
        self.assertIsNotNone(restricted["found_again"])

    async def another_agent(self) -> None:
        """An external agent: here this project's, as a process of its own."""
        child = self.start(
            *("nat-report", "--agent", "external", "--kind", "full-cone", "--lifetime", "4", "--requests", "4")
        )
        while not (told := re.search(r"Give the agent the ACS URL (\S+), user name (\S+), password (\S+) ", child.err)):
            await deferLater(reactor, 0.05, lambda: None)
        place = self.place()
        config = place / "agent.toml"
        config.touch(mode=0o600)
        config.write_text(_CONFIG.format(url=told[1], username=told[2], password=told[3], state=place / "state"))
        agent = Child.agent(reactor, config)
        self.addCleanup(self.killed, agent)
        self.assertEqual(await child.ended, 0, child.err + agent.out)
        self.assertIn("00D09E-OTHER1 has sent an Inform", child.err)
        self.assertRegex(child.out, r"full-cone +yes +127\.1\.0\.1:\d+ +\d\.\d s of 4 s +4 +0 +\d+ ms +\d+\.\d s")

    async def test_a_deaf_agent(self) -> None:
        """An agent that never sends an Inform."""
        report = NatReport(
            reactor,
            self.place(),
            [NatKind.SYMMETRIC],
            make=lambda bench, reactor, directory, number: _Deaf(),
            informed_within=0.2,
        )
        [result] = await report.run()
        self.assertEqual((result.found, result.sent), (False, 0))
        self.assertEqual(result.problems, ("symmetric: no Inform within 0.2 s",))

    async def test_what_is_mistyped(self) -> None:
        for arguments, words in (
            (["nat-report", "--lifetime", "0"], "from 1 to 3600"),
            (["nat-report", "--loss", "2"], "from 0 to 1"),
            (["nat-report", "--kind", "cone"], "invalid choice"),
            (["nat-report", "--port", "70000"], "from 0 to 65535"),
            (["nat-report", "--requests", "0"], "from 1 to 1000"),
            (["nat-report", "--host", "0.0.0.0"], "an IPv4 address of this machine"),
            (["nat-report", "--agent", "external"], "exactly one --kind"),
            (
                ["nat-report", "--agent", "external", "--kind", "none", "--kind", "symmetric"],
                "exactly one --kind",
            ),
            ([], "COMMAND"),
        ):
            child = self.start(*arguments)
            self.assertEqual(await child.ended, 2, child.err)
            self.assertIn(words, child.err)
            self.assertEqual(len(child.err.strip().splitlines()), 1)

    async def test_where_it_cannot_listen(self) -> None:
        child = self.start("nat-report", "--agent", "external", "--kind", "symmetric", "--host", "192.0.2.99")
        self.assertEqual(await child.ended, 1, child.err)
        self.assertRegex(child.err, r"^cwmpagent: Couldn't listen on 192\.0\.2\.99:0: .*\n$")
        self.assertEqual(child.out, "")

    async def test_all_that_an_agent_is_sent_to_is_where_it_was_told(self) -> None:
        for kind in (None, NatKind.SYMMETRIC):
            bench = NatBench(reactor, kind, host="127.0.0.5")
            self.addCleanup(bench.close)
            bench.open()
            self.assertRegex(bench.url, r"^http://127\.0\.0\.5:")
            self.assertEqual(bench._server.host, "127.0.0.5")

    async def test_interrupted(self) -> None:
        """An interrupt closes everything, leaves no file and prints no table."""
        place = self.place()
        command = [*COMMAND, "nat-report", "--kind", "none", "--kind", "symmetric"]
        child = Child.start(reactor, command, environ={"TMPDIR": str(place)})
        self.addCleanup(self.killed, child)
        while len(list(place.glob("*/state*/state.lock"))) < 2:
            await deferLater(reactor, 0.05, lambda: None)
        child.signal("INT")
        self.assertEqual(await child.ended, 130, child.err)
        self.assertEqual((child.out, list(place.iterdir())), ("", []))
        progress = [line for line in child.err.splitlines() if line.endswith(" has sent an Inform")]
        self.assertEqual(child.err.splitlines(), progress, "nothing but the progress up to then")

    async def test_one_that_cannot_begin_ends_the_others(self) -> None:
        agents: list[_Deaf] = []

        def make(bench: NatBench, reactor: Any, directory: Path, number: int) -> _Deaf:
            if number == 1:
                raise StoreError("no room")
            agents.append(_Deaf())
            return agents[-1]

        report = NatReport(reactor, self.place(), [None, NatKind.SYMMETRIC, NatKind.FULL_CONE], make=make)
        with self.assertRaises(StoreError):
            await report.run()
        self.assertEqual([each.stopped for each in agents], [True, True])

    async def test_requests_that_do_not_arrive(self) -> None:
        """Lost requests are counted, and reported in one line."""
        bench = NatBench(reactor, None, requests=2)
        self.addCleanup(bench.close)
        bench.open()
        agent = our_agent(bench, reactor, self.place() / "state", 0)
        agent.startService()
        self.addCleanup(agent.stopService)
        self.patch(nat_bench, "ANSWERED_WITHIN", 0.3)
        self.patch(bench._stun, "send", lambda data, to: True)  # sent, but never received
        result = await bench.measure(informed_within=30)
        self.assertEqual((result.sent, result.lost), (2, 2))
        self.assertEqual(result.problems, ("none: 2 of 2 requests were lost",))


class _Deaf:
    stopped = False

    def startService(self) -> None:
        """Do nothing."""

    async def stopService(self) -> None:
        """Record the stop."""
        self.stopped = True


class TableTests(SynchronousTestCase):
    def test_the_table(self) -> None:
        shown = list(
            lines(
                [
                    NatResult(
                        kind="none", lifetime=None, address="127.0.0.1:1", found=True, sent=2, delays=(0.004, 0.006)
                    ),
                    NatResult(
                        kind="symmetric",
                        lifetime=6.0,
                        address="x\x1b[2J",
                        found=True,
                        period=4.96,
                        sent=3,
                        delays=(0.01,),
                        found_again=3.75,
                    ),
                    NatResult(kind="full-cone", lifetime=6.0, problems=("full-cone: no Inform",)),
                ]
            )
        )
        self.assertEqual(shown[1].split(), ["none", "yes", "127.0.0.1:1", "-", "2", "0", "5", "ms", "-"])
        self.assertRegex(shown[2], r"symmetric +yes +x\\x1b\[2J +5\.0 s of 6 s +3 +2 +10 ms +3\.8 s")
        self.assertRegex(shown[3], r"full-cone +no +- +0 +0 +- +-")

    def test_the_kinds_that_can_be_typed(self) -> None:
        self.assertEqual(KINDS, ("none", *(kind.value for kind in NatKind)))
