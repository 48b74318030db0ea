"""What has happened, as frozen values given to one observer: logs, metrics and pages are fed by these alone.

Nothing in a fact is secret: values of hidden parameters, user names, passwords and cookies are masked before a fact is
made. Strings that came from the ACS are as it sent them; whoever shows them escapes and cuts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """The root of all facts."""


@dataclass(frozen=True, slots=True)
class AgentStarted(Fact):
    """The agent runs; ``boot`` says whether this start is a boot of the device (``1 BOOT``)."""

    device: str
    acs_url: str
    boot: bool
    connection_request_url: str


@dataclass(frozen=True, slots=True)
class AgentStopped(Fact):
    """The agent has saved its state and stopped."""

    device: str


@dataclass(frozen=True, slots=True)
class SessionStarted(Fact):
    """A session opens: the EventCodes of its Inform, its RetryCount and where it goes."""

    acs_url: str
    events: tuple[str, ...]
    retry_count: int


@dataclass(frozen=True, slots=True)
class RpcAnswered(Fact):
    """One RPC has been answered, in either direction.

    ``by_acs`` is True for a request of the agent that the ACS answered. ``fault`` is 0 or a fault code.
    """

    rpc: str
    fault: int
    seconds: float
    by_acs: bool = False
    fault_text: str = ""


@dataclass(frozen=True, slots=True)
class SessionEnded(Fact):
    """A session is over. ``reason`` is empty after a success; ``retry_in`` is in seconds, None where none follows.

    ``rpcs``: how often each RPC was answered, in either direction, by name; ``faults``: how often each fault code.
    """

    success: bool
    reason: str
    events: tuple[str, ...]
    rpcs: Mapping[str, int]
    faults: Mapping[int, int]
    seconds: float
    retry_count: int
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class EnvelopeSent(Fact):
    """One message left; ``text`` is the envelope with its secrets masked, empty for an empty POST."""

    text: str


@dataclass(frozen=True, slots=True)
class EnvelopeReceived(Fact):
    """One HTTP answer came; ``text`` is its envelope with its secrets masked."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class ConnectionRequested(Fact):
    """An authenticated connection request came from ``source``; ``accepted`` is False beyond the limit.

    ``by``: what it came by, ``HTTP``, ``UDP`` or ``XMPP``.
    """

    source: str
    accepted: bool
    by: str = "HTTP"


@dataclass(frozen=True, slots=True)
class ParametersChanged(Fact):
    """Values changed; ``origin`` is ``acs``, ``device`` or ``local``.

    ``values``: the new texts by full name, in the order of ``names``; secrets are masked.
    """

    origin: str
    names: tuple[str, ...]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rebooting(Fact):
    """The device is about to reboot because the ACS asked for it, or ``local``: a person at the device did."""

    command_key: str
    factory_reset: bool
    local: bool = False


@dataclass(frozen=True, slots=True)
class RpcCrashed(Fact):
    """A function that carries out an RPC raised; the ACS was answered 9002. ``trace`` is the traceback."""

    rpc: str
    trace: str


@dataclass(frozen=True, slots=True)
class Warned(Fact):
    """Something a person should know, once: ``text`` is one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Noted(Fact):
    """Something worth a line in the log at info level."""

    text: str


Observer = Callable[[Fact], None]
