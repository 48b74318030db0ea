"""A simulated device for tests of providers: it can fail, hang or lose power, and its state outlives the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.datamodel.names import Name
from cwmpagent.device.provider import Provider
from cwmpagent.records import Batch, Saved
from cwmpagent.store.memory import MemoryStore

NTP = tuple(f"Device.Time.NTPServer{number}" for number in (1, 2, 3))
PORTS = "Device.NAT.PortMapping."
CODE = "Device.DeviceInfo.ProvisioningCode"
KEY = "Device.ManagementServer.ParameterKey"


class Fuse:
    """Simulates a loss of power: counts steps, and is blown after a given step."""

    def __init__(self) -> None:
        self.steps = 0
        self.blows_at: int | None = None

    def set(self, step: int | None) -> None:
        """Restart the count, and blow after ``step`` steps; None: never."""
        self.steps = 0
        self.blows_at = step

    @property
    def blown(self) -> bool:
        return self.blows_at is not None and self.steps > self.blows_at

    def holds(self) -> bool:
        """Count a step. Returns whether the power is still on."""
        self.steps += 1
        return not self.blown


class Part(Provider):
    """One provider of the device. ``state``: the hardware, full name -> text, row -> ``""``.

    ``trouble``: method -> function to call instead; ``calls``: all calls.
    """

    def __init__(self, name: str, paths: Sequence[str], fuse: Fuse) -> None:
        self.name = name
        self.paths = paths
        self.fuse = fuse
        self.state: dict[str, str] = {}
        self.waiting: dict[str, str | None] = {}
        self.later = False
        self.trouble: dict[str, Callable[[], Any]] = {}
        self.calls: list[tuple[str, Any]] = []

    def read(self, names: Sequence[Name]) -> Any:
        self.calls.append(("read", list(names)))
        if "read" in self.trouble:
            return self.trouble["read"]()
        return {name: self.state[name] for name in names if name in self.state}

    def check(self, changes: Mapping[Name, str | None]) -> Any:
        return self._do("check", changes, lambda: None)

    def apply(self, changes: Mapping[Name, str | None]) -> Any:
        if self.later:
            return self._do("apply", changes, lambda: True)
        return self._do("apply", changes, lambda: self.write(changes))

    def undo(self, former: Mapping[Name, str | None]) -> Any:
        return self._do("undo", former, lambda: self.write(former))

    def finish(self, changes: Mapping[Name, str | None]) -> Any:
        return self._do("finish", changes, lambda: self.write(changes))

    def write(self, changes: Mapping[Name, str | None]) -> None:
        """Write the first half of ``changes`` and, if the power is still on, the second half."""
        items = list(changes.items())
        middle = len(items) // 2
        self._write(items[:middle])
        if middle and not self.fuse.holds():
            raise PowerLost
        self._write(items[middle:])

    def _write(self, items: Sequence[tuple[str, str | None]]) -> None:
        for path, text in items:
            if text is not None:
                self.state[str(path)] = text
            else:
                for name in [name for name in self.state if name.startswith(path)]:
                    del self.state[name]

    def _do(self, method: str, changes: Mapping[Name, str | None], work: Callable[[], Any]) -> Any:
        self.calls.append((method, dict(changes)))
        if not self.fuse.holds():
            return Deferred()
        if method in self.trouble:
            return self.trouble[method]()
        try:
            result = work()
        except PowerLost:
            return Deferred()
        return result if self.fuse.holds() else Deferred()


class PowerLost(Exception):
    """The power is lost in the middle of a write."""


class FusedStore:
    """A store whose power depends on the fuse: it is lost before a commit, or after it and before its result."""

    def __init__(self, fuse: Fuse) -> None:
        self.fuse = fuse
        self.disk = MemoryStore()
        self.full_after: int | None = None

    def load(self) -> Saved:
        return self.disk.load()

    def save(self, batch: Batch) -> Deferred[None]:
        if not self.fuse.holds():
            return Deferred()
        if self.full_after is not None:
            self.disk.refusing = None if self.full_after > 0 else "the disk is full"
            self.full_after -= 1
        done = self.disk.save(batch)
        return done if self.fuse.holds() else Deferred()
