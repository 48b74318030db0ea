"""Recent facts in bounded memory, and subscribers to new ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from cwmpagent.agent.facts import EnvelopeReceived, EnvelopeSent, Fact, SessionEnded
from cwmpagent.agent.report import stamped
from cwmpagent.logs import level_of, line
from cwmpagent.logs.output import plain_fields
from cwmpagent.protocol.masking import without_userinfo

MOST = 200
"""Maximum number of facts kept."""
LONGEST_TEXT = 1 << 18
"""Maximum number of characters of one string in an item; longer ones are cut, envelopes too."""

Item = Mapping[str, object]
Follower = Callable[[Fact, Item], None]


class RecentFacts:
    """An observer that keeps the last :data:`MOST` facts, without envelopes, and passes new facts to its followers.

    ``wall``: seconds since 1970, for time stamps. ``last_session``: time and fact of the end of the last session.
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
        """Whether a follower needs whole messages."""
        return any(self._followers.values())

    def items(self) -> list[Item]:
        """The facts kept, oldest first."""
        return list(self._items)

    def lines(self) -> list[str]:
        """The facts kept, oldest first, as the lines of a log."""
        return [f"{item['time']} {item['level']} {item['message']}" for item in self._items]

    def follow(self, follower: Follower, *, envelopes: bool) -> None:
        """Call ``follower`` from now on with each fact and the item made of it."""
        self._followers[follower] = envelopes

    def leave(self, follower: Follower) -> None:
        """Stop calling ``follower``."""
        self._followers.pop(follower, None)


def _item(fact: Fact, stamp: float) -> Item:
    """A fact as a JSON object, with the names that the JSON log has."""
    fields = {name: _bounded(value) for name, value in plain_fields(fact).items()}
    message = "" if isinstance(fact, EnvelopeSent | EnvelopeReceived) else _bounded(line(fact))
    return {
        "time": stamped(stamp),
        "level": level_of(fact),
        "fact": type(fact).__name__,
        "message": message or ("sent" if isinstance(fact, EnvelopeSent) else "received"),
        **fields,
    }


def _bounded(value: object) -> object:
    if isinstance(value, str):
        return without_userinfo(value if len(value) <= LONGEST_TEXT else value[:LONGEST_TEXT] + "...")
    if isinstance(value, list):
        return [_bounded(item) for item in value]
    return value
