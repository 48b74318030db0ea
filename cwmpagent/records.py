"""Durable state of an agent as frozen values, exchanged between the agent and the store.

A :class:`Batch` is saved in one transaction, completely or not at all. :class:`Saved` is the whole state as read at
start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SUBSCRIBER = "Subscriber"


@dataclass(frozen=True, slots=True)
class Attributes:
    """Attributes of one parameter: ``notification`` 0 to 6, and the entities besides the ACS that may write it."""

    notification: int = 0
    access_list: tuple[str, ...] = (SUBSCRIBER,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One atomic change of the durable state; ``None`` as a value removes the entry.

    ``values``: full parameter path -> canonical text. ``attributes``: full parameter path -> attributes.
    ``rows``: row path (``Device.NAT.PortMapping.3.``) -> whether it exists, if that differs from the factory.
    ``counters``: table path (``Device.NAT.PortMapping.``) -> highest instance number ever assigned.
    ``notes``: the agent's own state by name (agenda, bootstrapped URL, boot id ...), as text.
    ``erase``: everything saved before is deleted first, in the same transaction.
    """

    values: Mapping[str, str | None] = field(default_factory=dict)
    attributes: Mapping[str, Attributes | None] = field(default_factory=dict)
    rows: Mapping[str, bool | None] = field(default_factory=dict)
    counters: Mapping[str, int | None] = field(default_factory=dict)
    notes: Mapping[str, str | None] = field(default_factory=dict)
    erase: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """Whole durable state at the time it was read; the fields are as in :class:`Batch`."""

    values: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Attributes] = field(default_factory=dict)
    rows: Mapping[str, bool] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
