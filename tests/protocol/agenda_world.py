"""Simulation of a device: two clocks, an agenda, and a driver that follows the agenda exactly."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.agenda.events import M_REBOOT, Event

YEAR = 365 * 86400.0


@dataclass(frozen=True)
class Opened:
    """An opened session: its time on both clocks, and the content of its Inform."""

    monotonic: float
    wall: float | None
    codes: tuple[str, ...]
    keys: tuple[str, ...]
    retry_count: int


class Middle:
    """A random source that always returns the mean."""

    def uniform(self, a: float, b: float, /) -> float:
        return (a + b) / 2


class World:
    """Driver of an agenda. Every session ends at once, with ``outcome``: ``"ok"``, ``"refused"``, ``"broken"``."""

    def __init__(self, *, wall: float | None = 1_700_000_000.0, agenda: Agenda | None = None) -> None:
        self.monotonic = 5000.0
        self.offset = None if wall is None else wall - self.monotonic
        self.agenda = agenda or Agenda(random=random.Random(7))
        self.sessions: list[Opened] = []
        self.checks = 0
        self.outcome: Callable[[int], str] = lambda number: "ok"
        self.drift = 0.0
        self._steps: list[tuple[float, float]] = []

    @property
    def now(self) -> Now:
        """Both clocks; the wall clock gains ``drift`` seconds in each second."""
        if self.offset is None:
            return Now(self.monotonic, None)
        return Now(self.monotonic, self.monotonic + self.offset + self.drift * (self.monotonic - 5000.0))

    def step(self, seconds: float) -> None:
        """Step the wall clock; the driver notices at its next check."""
        assert self.offset is not None
        self.offset += seconds

    def step_in(self, wait: float, seconds: float) -> None:
        """Step the wall clock in ``wait`` seconds, while the driver waits."""
        self._steps.append((self.monotonic + wait, seconds))
        self._steps.sort()

    def sleep_until(self, moment: float) -> None:
        """Let time pass without a call of the agenda."""
        while self._steps and self._steps[0][0] <= moment:
            self.monotonic = max(self.monotonic, self._steps[0][0])
            self.step(self._steps.pop(0)[1])
        self.monotonic = moment

    def restart(self) -> None:
        """Restart the process without a boot."""
        self.agenda = Agenda.restored(self.agenda.record(), random=random.Random(8), now=self.now, booted=False)

    def boot(self, *, after: float = 60.0, key: str | None = None, trusted: bool = True) -> None:
        """Power off and on: the monotonic clock restarts, the wall clock continues."""
        record, wall = self.agenda.record(), self.now.wall
        self.monotonic = 12.0
        self.offset = None if wall is None or not trusted else wall + after - self.monotonic
        self.agenda = Agenda.restored(record, random=random.Random(9), now=self.now, booted=True)
        self.agenda.boot(self.now)
        if key is not None:
            self.agenda.add(Event(M_REBOOT, key), self.now)

    def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, with calls at every ``wake_at`` of the agenda."""
        end = self.monotonic + seconds
        while not until():
            self.checks += 1
            assert self.checks < 100_000 and len(self.sessions) < 10_000, "a storm"
            if self.agenda.due(self.now):
                self.session()
                continue
            wake_at = self.agenda.wake_at(self.now)
            assert wake_at is None or wake_at > self.monotonic, "it asks to be woken up at once, again"
            if wake_at is None or wake_at > end:
                self.sleep_until(end)
                return
            self.sleep_until(wake_at)

    def session(self) -> None:
        now = self.now
        snapshot = self.agenda.begin(now)
        self.sessions.append(
            Opened(
                now.monotonic,
                now.wall,
                tuple(event.code for event in snapshot.events),
                tuple(event.command_key for event in snapshot.events if event.command_key),
                snapshot.retry_count,
            )
        )
        outcome = self.outcome(len(self.sessions) - 1)
        if outcome != "refused":
            self.agenda.informed(snapshot)
        self.agenda.ended(outcome == "ok", self.now)
