"""Facts as log events: at level info a line for each session, fault and refusal, most other facts at level debug.

Each event has its fact (``fact``) and a line of text (``line``). Strings that a peer sent are escaped and cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

from twisted.logger import Logger, LogLevel

from cwmpagent.agent.facts import (
    AcsMethods,
    AgentStarted,
    AgentStopped,
    ConnectionRequested,
    ConnectionRequestRefused,
    EnvelopeReceived,
    EnvelopeSent,
    Fact,
    KickEnded,
    Noted,
    ParametersChanged,
    Rebooting,
    RpcAnswered,
    RpcCrashed,
    SessionEnded,
    SessionStarted,
    TransferBegun,
    TransferEnded,
    TransferRepeated,
    Warned,
)
from cwmpagent.logs.output import Threshold
from cwmpagent.protocol.masking import quoted

MOST = 12
"""Largest number of different entries of one kind in a line."""
MOST_DETAILS = 5
"""Largest number of parameters of a fault in a line."""
LONG = 1000
"""Largest length, in characters, of a sentence of the agent; it may contain a string of a peer that is cut already."""
ENVELOPE = 1 << 24
"""Largest length of an envelope, in characters."""


class FactLog:
    """An observer that logs facts from the level of ``threshold`` up; envelopes, at debug, only where ``envelopes``."""

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
    """The log level of a fact."""
    match fact:
        case SessionEnded(success=False) | Warned():
            return "warn"
        case RpcCrashed():
            return "error"
        case SessionEnded() | AgentStarted() | AgentStopped() | Rebooting() | Noted() | ConnectionRequestRefused():
            return "info"
        case TransferBegun() | TransferRepeated() | TransferEnded() | KickEnded() | AcsMethods():
            return "info"
        case RpcAnswered() if fact.fault:
            return "info"
    return "debug"


def line(fact: Fact) -> str:
    """The text of the fact: one line, with further lines only for a traceback."""
    match fact:
        case AgentStarted():
            boot = "booted" if fact.boot else "restarted without a boot"
            request_url = quoted(fact.connection_request_url)
            own = f", its ConnectionRequestURL is {request_url}" if request_url else ""
            return f"{quoted(fact.device)} {boot}; its ACS is {quoted(fact.acs_url)}{own}"
        case AgentStopped():
            return f"{quoted(fact.device)} stopped, its state is saved"
        case SessionStarted():
            retry = f", retry {fact.retry_count}" if fact.retry_count else ""
            return f"session with {quoted(fact.acs_url)} begins: {_listed(fact.events)}{retry}"
        case RpcAnswered():
            outcome = _fault(fact) if fact.fault else "done"
            answered = "ACS answered" if fact.by_acs else "answered"
            return f"{answered} {quoted(fact.rpc)}: {outcome} in {fact.seconds:.3f} s"
        case SessionEnded():
            return _session(fact)
        case EnvelopeSent():
            return f"sent {quoted(fact.text, ENVELOPE)}" if fact.text else "sent an empty POST"
        case EnvelopeReceived():
            return f"received {fact.status} {quoted(fact.text, ENVELOPE)}" if fact.text else f"received {fact.status}"
        case ConnectionRequested():
            outcome = "accepted" if fact.accepted else "over the limit"
            return f"connection request by {quoted(fact.by)} from {quoted(fact.source)} {outcome}"
        case ConnectionRequestRefused():
            return _refused(fact)
        case KickEnded():
            return f"kick by a browser at {quoted(fact.source)}: {quoted(fact.outcome)}"
        case ParametersChanged():
            return f"changed by {quoted(fact.origin)}: {_listed(fact.names)}"
        case Rebooting():
            action = "factory reset" if fact.factory_reset else "reboot"
            requester = "requested at the device" if fact.local else "requested by the ACS"
            return f"{action} {requester}" + (f", CommandKey {quoted(fact.command_key)}" if fact.command_key else "")
        case TransferBegun() | TransferRepeated() | TransferEnded():
            return _transfer(fact)
        case AcsMethods():
            if fact.fault:
                return f"the ACS does not tell its RPCs: fault {fact.fault} {quoted(fact.reason)}".rstrip()
            return f"RPCs of the ACS: {_listed(fact.methods)}"
        case RpcCrashed():
            trace = "\n".join(quoted(part, LONG) for part in fact.trace.splitlines())
            return f"{quoted(fact.rpc)} failed inside the agent, the ACS received fault 9002:\n{trace}"
        case Warned() | Noted():
            return quoted(fact.text, LONG)
    return quoted(repr(fact), LONG)


def _fault(fact: RpcAnswered) -> str:
    """Code and text of the fault, and its parameters."""
    parts = [f"fault {quoted(str(fact.fault))} {quoted(fact.fault_text)}".rstrip()]
    parts += [f"{quoted(name)}: {code} {quoted(text)}" for name, code, text in fact.fault_parameters[:MOST_DETAILS]]
    if len(fact.fault_parameters) > MOST_DETAILS:
        parts.append(f"and {len(fact.fault_parameters) - MOST_DETAILS} more")
    return "; ".join(parts)


def _refused(fact: ConnectionRequestRefused) -> str:
    source = f" from {quoted(fact.source)}" if fact.source else ""
    by = f" by {quoted(fact.by)}" if fact.by else ""
    reason = f": {quoted(fact.reason)}" if fact.reason else ", of other sources or for other reasons"
    if fact.summary:
        requests = "connection requests" if fact.count > 1 else "connection request"
        return f"{fact.count} more {requests}{by}{source} refused within a minute{reason}"
    return f"connection request{by}{source} refused{reason}" + (f" {quoted(fact.detail)}" if fact.detail else "")


def _transfer(fact: TransferBegun | TransferRepeated | TransferEnded) -> str:
    key = f", CommandKey {quoted(fact.command_key)}" if fact.command_key else ""
    subject = f"{quoted(fact.rpc)} of {quoted(fact.file_type)}{key}"
    if isinstance(fact, TransferBegun):
        retry = f", retry {fact.failed}" if fact.failed else ""
        return f"{subject} begins: {quoted(fact.url)}{retry}"
    fault = f"fault {fact.fault} {quoted(fact.reason)}"
    if isinstance(fact, TransferRepeated):
        return f"{subject} is interrupted: {fault}; next try in {fact.retry_in:.0f} s"
    seconds = f" after {fact.seconds:.2f} s" if fact.seconds is not None else ""
    octets = f", {fact.octets} octets" if fact.octets else ""
    return f"{subject} {'failed' if fact.fault else 'done'}{seconds}{octets}" + (f": {fault}" if fact.fault else "")


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


def _listed(items: Iterable[Hashable] | Mapping[str, int] | Mapping[int, int]) -> str:
    """Each different entry once, in the order of first appearance, with its count where that is above 1.

    ``items``: the entries, or the count of each entry.
    """
    counts = Counter(items)
    shown = [quoted(str(item)) + (f" x{count}" if count > 1 else "") for item, count in list(counts.items())[:MOST]]
    if len(counts) > MOST:
        shown.append(f"and {len(counts) - MOST} more")
    return ", ".join(shown) or "no event"
