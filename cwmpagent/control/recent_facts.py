"""Recent facts: a bounded memory of them, and those who follow new ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from cwmpagent.agent.facts import EnvelopeReceived, EnvelopeSent, Fact, SessionEnded
from cwmpagent.agent.report import stamped
from cwmpagent.logs import level_of, line
from cwmpagent.logs.output import plain_fields
from cwmpagent.protocol.masking import without_userinfo

MOST = 200
LONGEST_TEXT = 1 << 18
"""Characters of one string in an item: an envelope is cut there."""

Item = Mapping[str, object]
Follower = Callable[[Fact, Item], None]


class RecentFacts:
    """An observer of facts that keeps the last :data:`MOST`, without envelopes, and calls its followers.

    ``wall``: seconds since 1970, for time stamps. ``last_session``: time and fact of the last end of a session.
    """

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._items: deque[Item] = deque(maxlen=MOST)
        self._followers: dict[Follower, bool] = {}
        self.last_session: tuple[float, SessionEnded] | None = None

    def __call__(self, fact: Fact) -> None:
        envelope = isinstance(fact, EnvelopeSent | EnvelopeReceived)
        if envelope and not self.wants_envelopes():
            return
        stamp = self._wall()
        if isinstance(fact, SessionEnded):
            self.last_session = stamp, fact
        item = _item(fact, stamp)
        if not envelope:
            self._items.append(item)
        for follower, envelopes in tuple(self._followers.items()):
            if envelopes or not envelope:
                follower(fact, item)

    def wants_envelopes(self) -> bool:
        """Whether a follower wants whole messages."""
        return any(self._followers.values())

    def items(self) -> list[Item]:
        """The facts kept, oldest first."""
        return list(self._items)

    def follow(self, follower: Follower, *, envelopes: bool) -> None:
        """Call ``follower`` with each fact from now on, and with the item made of it."""
        self._followers[follower] = envelopes

    def leave(self, follower: Follower) -> None:
        """Call ``follower`` no more."""
        self._followers.pop(follower, None)


def _item(fact: Fact, stamp: float) -> Item:
    """A fact as JSON can carry it, with the names that the log's JSON has."""
    fields = {name: _bounded(value) for name, value in plain_fields(fact).items()}
    told = "" if isinstance(fact, EnvelopeSent | EnvelopeReceived) else _bounded(line(fact))
    return {
        "time": stamped(stamp),
        "level": level_of(fact),
        "fact": type(fact).__name__,
        "message": told or ("sent" if isinstance(fact, EnvelopeSent) else "received"),
        **fields,
    }


def _bounded(value: object) -> object:
    if isinstance(value, str):
        return without_userinfo(value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "...")
    if isinstance(value, list):
        return [_bounded(item) for item in value]
    return value
