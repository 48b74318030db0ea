"""Facts as log events: one line a session at info, everything else as quiet as it may be.

Each event carries its fact (``fact``) beside its line for people. What a peer sent is escaped and cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable

from twisted.logger import Logger, LogLevel

from cwmpagent.agent.facts import (
    AgentStarted,
    AgentStopped,
    ConnectionRequested,
    EnvelopeReceived,
    EnvelopeSent,
    Fact,
    Noted,
    ParametersChanged,
    Rebooting,
    RpcAnswered,
    RpcCrashed,
    SessionEnded,
    SessionStarted,
    Warned,
)
from cwmpagent.logs.output import Threshold
from cwmpagent.protocol.masking import quoted

MOST = 12
"""Different entries of one kind that a line lists."""
LONG = 1000
"""Characters of a sentence of ours, which may hold a peer's string that is already cut."""
ENVELOPE = 1 << 24


class FactLog:
    """The observer of facts that logs them, from ``threshold`` up (info); envelopes at debug where ``envelopes``."""

    def __init__(
        self, threshold: Threshold | None = None, *, envelopes: bool = False, logger: Logger | None = None
    ) -> None:
        self.threshold = threshold or Threshold()
        self.envelopes = envelopes
        self._logger = logger or Logger(namespace="cwmpagent")

    def __call__(self, fact: Fact) -> None:
        if isinstance(fact, EnvelopeSent | EnvelopeReceived) and not self.envelopes:
            return
        level = level_of(fact)
        if self.threshold.passes(level):
            self._logger.emit(LogLevel.levelWithName(level), "{line}", line=line(fact), fact=fact)


def level_of(fact: Fact) -> str:
    """How loud a fact is."""
    match fact:
        case SessionEnded(success=False) | Warned():
            return "warn"
        case RpcCrashed():
            return "error"
        case SessionEnded() | AgentStarted() | AgentStopped() | Rebooting() | Noted():
            return "info"
    return "debug"


def line(fact: Fact) -> str:
    """The fact for people; one line, apart from a traceback."""
    match fact:
        case AgentStarted():
            boot = "booted" if fact.boot else "restarted without a boot"
            reach = f", reached at {quoted(fact.connection_request_url)}" if fact.connection_request_url else ""
            return f"{quoted(fact.device)} {boot}; its ACS is {quoted(fact.acs_url)}{reach}"
        case AgentStopped():
            return f"{quoted(fact.device)} stopped, its state is saved"
        case SessionStarted():
            retry = f", retry {fact.retry_count}" if fact.retry_count else ""
            return f"session with {quoted(fact.acs_url)} begins: {_listed(fact.events)}{retry}"
        case RpcAnswered():
            outcome = f"fault {fact.fault} {quoted(fact.fault_text)}".rstrip() if fact.fault else "done"
            who = "ACS answered" if fact.by_acs else "answered"
            return f"{who} {quoted(fact.rpc)}: {outcome} in {fact.seconds:.3f} s"
        case SessionEnded():
            return _session(fact)
        case EnvelopeSent():
            return f"sent {quoted(fact.text, ENVELOPE)}" if fact.text else "sent an empty POST"
        case EnvelopeReceived():
            return f"received {fact.status} {quoted(fact.text, ENVELOPE)}" if fact.text else f"received {fact.status}"
        case ConnectionRequested():
            outcome = "accepted" if fact.accepted else "over the limit"
            return f"connection request by {quoted(fact.by)} from {quoted(fact.source)} {outcome}"
        case ParametersChanged():
            return f"changed by {quoted(fact.origin)}: {_listed(fact.names)}"
        case Rebooting():
            what = "factory reset" if fact.factory_reset else "reboot"
            who = "asked for at the device" if fact.local else "for the ACS"
            return f"{what} {who}" + (f", CommandKey {quoted(fact.command_key)}" if fact.command_key else "")
        case RpcCrashed():
            trace = "\n".join(quoted(part, LONG) for part in fact.trace.splitlines())
            return f"{quoted(fact.rpc)} failed inside the agent, the ACS got fault 9002:\n{trace}"
        case Warned() | Noted():
            return quoted(fact.text, LONG)
    return quoted(repr(fact), LONG)


def _session(fact: SessionEnded) -> str:
    parts = [
        f"session {'done in' if fact.success else 'failed after'} {fact.seconds:.2f} s: {_listed(fact.events)}",
        _listed(fact.rpcs) if fact.rpcs else "no RPC",
    ]
    if fact.faults:
        parts.append(f"faults {_listed(fact.faults)}")
    if fact.retry_count:
        parts.append(f"was retry {fact.retry_count}")
    if fact.reason:
        parts.append(quoted(fact.reason))
    if fact.retry_in is not None:
        parts.append(f"next try in {fact.retry_in:.0f} s")
    return "; ".join(parts)


def _listed(items: Iterable[Hashable]) -> str:
    """Each different entry once, in the order of its first appearance, with its count where that is above 1."""
    counts = Counter(items)
    shown = [quoted(str(item)) + (f" x{count}" if count > 1 else "") for item, count in list(counts.items())[:MOST]]
    if len(counts) > MOST:
        shown.append(f"and {len(counts) - MOST} more")
    return ", ".join(shown) or "no event"
