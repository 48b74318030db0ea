"""An agent and the ACS of the lab in one process, connected by sockets on loopback, for tests of whole sessions."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from cwmpagent.agent.facts import Fact, RpcCrashed, SessionEnded, Warned
from cwmpagent.config import Config, parse
from cwmpagent.device.models import find_model
from cwmpagent.embedding.service import Agent
from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import AcsRequest, ParameterValueStruct, SetParameterValues
from cwmpagent.values import Value, ValueType

reactor: Any = global_reactor
PATIENCE = 60.0
"""Seconds to wait for a condition, enough for a busy machine."""
DEVICE = "00D09E-Gateway-SN0001"
SERVER = "Device.ManagementServer."
FACTORY: Mapping[str, str] = {SERVER + "CWMPRetryMinimumWaitInterval": "1", SERVER + "PeriodicInformEnable": "false"}
"""Retries follow soon. Periodic Informs, whose phase is random, do not happen during a test."""
_CONFIG = """
[device]
manufacturer = "Example"
oui = "00D09E"
product_class = "Gateway"
serial_number = "SN0001"
provider = "simulated"
boot = "{boot}"
[acs]
url = "{url}"
username = "cpe"
password = "acs-secret"
{acs}
[connection_request]
endpoint = "tcp:0:interface=127.0.0.1"
username = "acs"
password = "request-secret"
[state]
directory = "{state}"
[parameters]
{parameters}
"""


def assign(key: str = "", **values: Value | str) -> SetParameterValues:
    """A SetParameterValues of strings by their full names (as keyword arguments in a dict: ``**{path: text}``)."""
    return SetParameterValues(
        tuple(
            ParameterValueStruct(name, value if isinstance(value, Value) else Value(ValueType.STRING, value))
            for name, value in values.items()
        ),
        key,
    )


class BenchCase(TestCase):
    """``self.lab`` listens on loopback; :meth:`begin` starts an agent. All agents of a test use the same state."""

    timeout = 120
    auth: Any = "digest"
    lab_reactor: Any = reactor

    def setUp(self) -> None:
        self.facts: list[Fact] = []
        self.state = Path(self.mktemp()).absolute() / "state"
        self.state.parent.mkdir()
        self.lab = LabAcs(
            self.lab_reactor,
            auth=self.auth,
            username="cpe",
            password="acs-secret",
            connection_request=Credentials("acs", "request-secret"),
        )
        self.port = self.listen()
        self.addCleanup(self._close_lab)
        self.agent: Agent | None = None
        self.model = find_model("device2")

    def listen(self) -> Any:
        """Port on which the lab listens; a subclass may use TLS."""
        return reactor.listenTCP(0, self.lab.site(), interface="127.0.0.1")

    @property
    def url(self) -> str:
        """URL of the ACS."""
        return f"http://127.0.0.1:{self.port.getHost().port}/"

    def config(self, *, boot: str = "process", acs: str = "", **parameters: str) -> Config:
        """Configuration of the agent; ``parameters``: factory values by full path."""
        lines = (f'"{name}" = "{text}"' for name, text in {**FACTORY, **parameters}.items())
        text = _CONFIG.format(boot=boot, url=self.url, acs=acs, state=self.state, parameters="\n".join(lines))
        return parse(text, self.state.parent)

    def prepared(self, config: Config | None = None, **options: Any) -> Agent:
        """An agent that is not started, with the same random numbers in every run. ``options``: those of Agent."""
        given = {"reactor": reactor, "observer": self.facts.append, "chance": random.Random(7), "model": self.model}
        self.agent = agent = Agent(config or self.config(), **{**given, **options})
        self.addCleanup(self.end, agent)
        return agent

    def begin(self, config: Config | None = None, **options: Any) -> Agent:
        """Start an agent; it is stopped at the end of the test."""
        agent = self.prepared(config, **options)
        agent.startService()
        return agent

    async def end(self, agent: Agent | None = None) -> None:
        """Stop the agent as SIGTERM does, and wait until its state is saved."""
        agent = agent or self.agent
        if agent is not None and agent.running:
            await agent.stopService()

    async def bootstrapped(self, **parameters: str) -> SessionTrace:
        """Start an agent and wait for its first session."""
        self.begin(self.config(**parameters))
        return await self.session(event="0 BOOTSTRAP")

    async def session(self, event: str | None = None, since: int | None = None) -> SessionTrace:
        """Wait for the next complete session; with ``since``, also one after that number that has already ended."""
        trace = await self.lab.wait_for_session(DEVICE, event=event, ended="complete", since=since)
        await self.until(lambda: self.agent is None or not self.agent.runtime.sessions.in_session)
        return trace

    async def ask(self, *requests: AcsRequest) -> list[Any]:
        """Send a ConnectionRequest, and return the answers to ``requests``, all of one session."""
        answers = [self.lab.queue(DEVICE, request) for request in requests]
        number = self.lab.sessions.seen
        status = await self.lab.connection_request(DEVICE)
        self.assertEqual(status, 200)
        await self.session(since=number)
        return [await answer for answer in answers]

    async def until(self, condition: Any, seconds: float = PATIENCE) -> None:
        """Wait until ``condition`` holds; the test fails after ``seconds``."""
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                self.fail("the condition was not met in time")
            await self.pause(0.005)

    async def programs_ended(self, *, by_force: bool = False) -> None:
        """Wait until all programs that the agent started have ended."""
        for pid in reapProcessHandlers if by_force else ():
            os.kill(pid, signal.SIGKILL)
        await self.until(lambda: not reapProcessHandlers)
        await self.pause(0.01)  # for their last output

    def pause(self, seconds: float) -> Deferred[None]:
        """Wait ``seconds``."""
        return deferLater(reactor, seconds, lambda: None)

    def ended(self) -> list[SessionEnded]:
        """Facts about sessions that ended."""
        return [fact for fact in self.facts if isinstance(fact, SessionEnded)]

    def assert_nothing_odd(self) -> None:
        """Assert that the agent has emitted no warning and no crash of an RPC."""
        self.assertEqual([fact for fact in self.facts if isinstance(fact, RpcCrashed | Warned)], [])

    async def _close_lab(self) -> None:
        self.lab.close()
        await self.port.stopListening()
