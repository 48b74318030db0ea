"""The environment of one agent: clocks, randomness, store, observer, and the options of each subsystem."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from cwmpagent.agent.facts import Observer
from cwmpagent.agent.options import (
    ConnectionRequestOptions,
    FileOptions,
    NotificationOptions,
    ParameterOptions,
    SessionOptions,
    SoftwareOptions,
)
from cwmpagent.agent.ports import Clock, Store, Timers
from cwmpagent.agent.session.dispatcher import Dispatcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """The environment of one agent. ``registrations`` add the RPCs of a program to its dispatcher.

    ``files``: None for an agent without transfers of files. ``software``: None where no software can be installed.
    """

    timers: Timers
    clock: Clock
    random: Random
    store: Store
    observer: Observer
    sessions: SessionOptions
    connection_requests: ConnectionRequestOptions
    parameters: ParameterOptions = field(default_factory=ParameterOptions)
    notification: NotificationOptions = field(default_factory=NotificationOptions)
    software: SoftwareOptions | None = None
    files: FileOptions | None = None
    registrations: tuple[Callable[[Dispatcher], None], ...] = ()
