"""A device in made-up time: two clocks, an agenda, and a driver that does what the agenda asks and no more."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from cwmpagent.protocol.agenda import Agenda, Now

YEAR = 365 * 86400.0


@dataclass(frozen=True)
class Opened:
    """A session that was opened: when on both clocks, and what its Inform said."""

    monotonic: float
    wall: float | None
    codes: tuple[str, ...]
    keys: tuple[str, ...]
    retry_count: int


class Middle:
    """Chance without chance."""

    def uniform(self, a: float, b: float, /) -> float:
        return (a + b) / 2


class World:
    """Runs an agenda. Every session ends at once, as ``outcome`` says: ``"ok"``, ``"refused"``, ``"broken"``."""

    def __init__(self, *, wall: float | None = 1_700_000_000.0, agenda: Agenda | None = None) -> None:
        self.monotonic = 5000.0
        self.offset = None if wall is None else wall - self.monotonic
        self.agenda = agenda or Agenda(random=random.Random(7))
        self.sessions: list[Opened] = []
        self.looks = 0
        self.outcome: Callable[[int], str] = lambda number: "ok"
        self.steps: list[tuple[float, float]] = []

    @property
    def now(self) -> Now:
        return Now(self.monotonic, None if self.offset is None else self.monotonic + self.offset)

    def step(self, seconds: float) -> None:
        """Set the wall clock."""
        assert self.offset is not None
        self.offset += seconds

    def restart(self) -> None:
        """The process alone starts anew."""
        self.agenda = Agenda.restored(self.agenda.record(), random=random.Random(8), now=self.now, booted=False)

    def boot(self, *, after: float = 60.0, key: str | None = None, trusted: bool = True) -> None:
        """Power off and on: the monotonic clock begins anew, the wall clock goes on."""
        record, wall = self.agenda.record(), self.now.wall
        self.monotonic = 12.0
        self.offset = None if wall is None or not trusted else wall + after - self.monotonic
        self.agenda = Agenda.restored(record, random=random.Random(9), now=self.now, booted=True)
        self.agenda.boot(self.now, key)

    def run(self, seconds: float, *, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, waking up when the agenda asks for it."""
        end = self.monotonic + seconds
        while not until():
            self.looks += 1
            if self.agenda.due(self.now):
                self.session()
                continue
            wake_at = self.agenda.wake_at(self.now)
            assert wake_at is None or wake_at > self.monotonic, "it asks to be woken up at once, again"
            if wake_at is None or wake_at > end:
                self.monotonic = end
                return
            self.monotonic = wake_at

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
