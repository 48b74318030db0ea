"""Rules for the begin of a transfer, and for the repetition of a failed attempt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.transfers.moment import Moment
from cwmpagent.protocol.transfers.record import State, Transfer
from cwmpagent.protocol.transfers.window import AGENT_DECIDES, Window

WAITS = (10.0, 30.0, 90.0, 270.0)
"""Seconds between the five attempts that the device makes by itself; the last one repeats for more retries."""
OUTSIDE_WINDOWS = "the transfer could not be completed within its time windows"


@dataclass(frozen=True, slots=True)
class Begin:
    """The transfer can begin now.

    ``transfer``: with the counts of its present window. ``window``: that window; the caller asks for idleness or
    consent.
    """

    transfer: Transfer
    window: Window | None = None


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """The transfer waits until ``due`` (monotonic)."""

    due: float


@dataclass(frozen=True, slots=True)
class Expired:
    """All time windows are over."""


def next_step(transfer: Transfer, now: Now) -> Begin | WaitUntil | Expired:
    """The next step of a queued transfer at ``now``."""
    if not transfer.windows:
        return Begin(transfer) if now.reached(transfer.begin.due) else WaitUntil(transfer.begin.due)
    for index, window in enumerate(transfer.windows[transfer.window :], transfer.window):
        if now.reached(window.closes.due):
            continue
        due = max(window.opens.due, transfer.begin.due)
        if due >= window.closes.due:
            continue
        if not now.reached(due):
            return WaitUntil(due)
        attempts = transfer.attempts if index == transfer.window else 0
        return Begin(replace(transfer, window=index, attempts=attempts), window)
    return Expired()


def retried(transfer: Transfer, failure: TransferFailure, now: Now) -> Transfer:
    """Return the transfer after a failed attempt: queued again, or done with the fault."""
    if failure.permanent:
        return transfer.done(now, failure.code, str(failure))
    window, attempts = transfer.window, transfer.attempts
    windows = transfer.windows
    while window < len(windows) and now.reached(windows[window].closes.due):
        window, attempts = window + 1, 0
    if windows and window == len(windows):
        return transfer.done(now, 9020, f"{OUTSIDE_WINDOWS}: {failure}")
    attempts = attempts + 1 if window == transfer.window else 0
    wait = WAITS[min(attempts, len(WAITS)) - 1] if attempts else 0.0
    if attempts > _retries(transfer):
        window, attempts, wait = window + 1, 0, 0.0
        if window >= len(windows):
            return transfer.done(now, failure.code, str(failure))
    begin = Moment.after(wait, now)
    return replace(transfer, state=State.QUEUED, window=window, attempts=attempts, begin=begin)


def _retries(transfer: Transfer) -> int:
    """Number of repetitions that the transfer may have, in its present window if it has windows."""
    if not transfer.windows or transfer.windows[transfer.window].max_retries == AGENT_DECIDES:
        return len(WAITS)
    return transfer.windows[transfer.window].max_retries
