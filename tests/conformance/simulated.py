"""A simulated agent with its state on a disk, in simulated time: killed, restarted and booted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import TransportError
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST
from cwmpagent.protocol.rpc import AcsRequest, Inform, Message
from cwmpagent.protocol.session import Reply
from cwmpagent.records import Batch, Saved
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.factory_defaults import FactoryValue
from cwmpagent.store.durable import Store
from tests.agent.ports import SERVER, Posted, SimulatedAgent

ELSEWHERE = "http://elsewhere.example/"
CODE = "Device.DeviceInfo.ProvisioningCode"
SOFTWARE = "Device.DeviceInfo.SoftwareVersion"
NTP = "Device.Time.NTPServer1"
TABLE = "Device.NAT.PortMapping."


def down(posted: Posted) -> TransportError:
    """The ACS does not answer."""
    return TransportError("connection refused")


def good(posted: Posted) -> None:
    """The ACS answers correctly."""


def unanswered(wanted: Callable[[Posted], bool]) -> Callable[[Posted], Deferred[Reply] | None]:
    """An ACS that does not answer messages for which ``wanted`` is true, and answers others correctly."""
    return lambda posted: Deferred() if wanted(posted) else None


def is_inform(posted: Posted) -> bool:
    """Whether the message is an Inform, the first one of a session."""
    return isinstance(posted.message, Inform)


class DiskStore:
    """The durable store for tests without a reactor: a save is complete when it returns."""

    def __init__(self, directory: Path) -> None:
        self._calls: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]]] = SimpleQueue()
        self._store = Store.open(directory, reactor=self)  # type: ignore[arg-type]  # it needs no more than callFromThread

    def callFromThread(self, function: Callable[..., object], *arguments: Any) -> None:
        self._calls.put((function, arguments))

    def load(self) -> Saved:
        return self._store.load()

    def save(self, batch: Batch) -> Deferred[None]:
        return self._wait(self._store.save(batch))

    def close(self) -> None:
        self._wait(self._store.close())

    def _wait(self, done: Deferred[None]) -> Deferred[None]:
        while not done.called:
            function, arguments = self._calls.get(timeout=10)
            function(*arguments)
        return done


class SimulatedDiskAgent(SimulatedAgent):
    """A simulated agent with its state in ``directory``; None: in memory."""

    def __init__(self, directory: Path | None, values: Mapping[str, str] | None = None, **options: Any) -> None:
        self.directory = directory
        super().__init__(values, store=None if directory is None else DiskStore(directory), **options)

    def write(self, path: str, text: str) -> None:
        """Change a factory value in the configuration file; it takes effect at the next start."""
        self.values[path] = FactoryValue(text, f"parameters.{path}")

    def kill(self) -> None:
        """End the process at once, as SIGKILL does."""
        for call in self.timers.getDelayedCalls():
            call.cancel()
        if self.directory is not None:
            self.store.close()
            self.store = DiskStore(self.directory)

    def resume(self, *, booted: bool) -> AgentRuntime:
        """Start again after a kill, with a correct ACS."""
        self.acs.instead = good
        return self.begin(booted=booted)

    def bootstrapped(self) -> AgentRuntime:
        """Start the agent; the first session follows."""
        self.begin()
        assert self.acs.event_codes() == [("0 BOOTSTRAP", "1 BOOT")], self.acs.event_codes()
        return self.runtime

    def call(self) -> None:
        """Receive a ConnectionRequest."""
        self.runtime.connection_requests.http.requested("198.51.100.1")
        self.run(0)

    def ask(self, *requests: AcsRequest) -> list[Message]:
        """Return the answers to ``requests`` in a session that a ConnectionRequest opens."""
        before = len(self.acs.sessions)
        self.acs.asking.extend(requests)
        self.call()
        assert self.acs.event_codes()[before:][:1] and CONNECTION_REQUEST in self.acs.event_codes()[before], (
            self.acs.event_codes()
        )
        session = self.acs.sessions[before]
        return [each.message for each in session[1:] if each.message is not None]

    def change(self, path: str, text: str, origin: Origin = Origin.DEVICE) -> None:
        """Change a value, not by the ACS."""
        self.set({path: text}, origin)

    def set(self, values: Mapping[str, str], origin: Origin = Origin.DEVICE) -> None:
        """Change several values at once, not by the ACS. Raises CwmpFault."""
        assignments = [ParameterAssignment(path, text) for path, text in values.items()]
        outcome: list[object] = []
        done = Deferred.fromCoroutine(self.runtime.changes.set_values(assignments, origin))
        done.addBoth(outcome.append)
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()

    def value(self, path: str) -> str:
        """Value of a parameter, also of a hidden one."""
        return self.runtime.tree.value(path).text

    def server(self, name: str, text: str, origin: Origin = Origin.LOCAL) -> None:
        """Change a parameter of ManagementServer, by default as a local user."""
        self.change(SERVER + name, text, origin)

    def last(self) -> Inform:
        """The last Inform."""
        return self.acs.informs()[-1]

    def last_values(self) -> dict[str, str]:
        """Values of the last Inform, by name."""
        return {each.name: each.value.text for each in self.last().parameter_list}


class SimulatedAgentCase(SynchronousTestCase):
    """Tests with such agents, which must emit no warnings."""

    def device(self, **options: str) -> SimulatedDiskAgent:
        """An agent that is not started; ``options``: parameters of ManagementServer."""
        directory = Path(self.mktemp()).absolute()
        directory.mkdir()
        simulated = SimulatedDiskAgent(directory / "state", **options)  # type: ignore[arg-type]  # some options are no parameters
        self.addCleanup(lambda: simulated.store.close())
        self.addCleanup(lambda: self.assertEqual(simulated.odd(), []))
        return simulated
