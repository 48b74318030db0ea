"""What an agent keeps across restarts, as frozen values: the words between behaviour and the store.

A :class:`Batch` is saved in one transaction, wholly or not at all. :class:`Saved` is all of it as read at start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SUBSCRIBER = "Subscriber"


@dataclass(frozen=True, slots=True)
class Attributes:
    """The attributes of one parameter: ``notification`` 0..6, and who besides the ACS may write it."""

    notification: int = 0
    access_list: tuple[str, ...] = (SUBSCRIBER,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One atomic change of the durable state; ``None`` as a value removes the entry.

    ``values``: full parameter path -> canonical text. ``attributes``: full parameter path -> attributes.
    ``rows``: row path (``Device.NAT.PortMapping.3.``) -> whether it exists, where that differs from the factory.
    ``counters``: table path (``Device.NAT.PortMapping.``) -> highest instance number ever given.
    ``notes``: the agent's own facts by name (agenda, bootstrapped URL, boot id ...), as text.
    ``erase``: everything saved before goes first, in the same transaction.
    """

    values: Mapping[str, str | None] = field(default_factory=dict)
    attributes: Mapping[str, Attributes | None] = field(default_factory=dict)
    rows: Mapping[str, bool | None] = field(default_factory=dict)
    counters: Mapping[str, int | None] = field(default_factory=dict)
    notes: Mapping[str, str | None] = field(default_factory=dict)
    erase: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Everything in the durable state, as it was when it was read."""

    values: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Attributes] = field(default_factory=dict)
    rows: Mapping[str, bool] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
