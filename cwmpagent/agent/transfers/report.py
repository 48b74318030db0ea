"""Report of the transfers: those that wait or run, and the last one that ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cwmpagent.agent.report import Json, Metric, Report, span, stamped
from cwmpagent.agent.transfers.activity import TransferActivity
from cwmpagent.agent.transfers.records import TransferRecords
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.transfers.record import State, Transfer

_WAITING = frozenset({State.QUEUED, State.DONE})


class TransferReport(Report):
    """``transfers`` in `status`."""

    def __init__(self, records: TransferRecords, activity: TransferActivity) -> None:
        self._records = records
        self._activity = activity

    def status(self) -> Json:
        """Return the transfers whose reports the ACS has not answered, and the last one that ended since the start."""
        return {"transfers": {"queued": [self._queued(each) for each in self._records], "last": self._last()}}

    def summary(self) -> Iterable[tuple[str, str]]:
        """Return a line for each transfer, and one for the last that ended."""
        transfers = self.status()["transfers"]
        for each in transfers["queued"]:
            yield f"Transfer {each['number']}", _text(each)
        last = transfers["last"]
        if last is not None:
            outcome = f"failed with {last['fault']}: {quoted(last['reason'])}" if last["fault"] else "done"
            took = f" in {span(last['seconds'])}" if last["seconds"] is not None else ""
            yield "Last transfer", f"{last['at']} {last['rpc']} of {quoted(last['file_type'])}: {outcome}{took}"

    def metrics(self) -> Iterable[Metric]:
        """Return counts of waiting, running and ended transfers, and the octets of the ended ones."""
        states = [each.state for each in self._records]
        running = sum(state not in _WAITING for state in states)
        yield Metric("cwmpagent_transfers_queued", "Transfers that wait.", states.count(State.QUEUED))
        yield Metric("cwmpagent_transfers_running", "Transfers that are carried out.", running)
        name, text = "cwmpagent_transfers_total", "Transfers that ended."
        for result in ("success", "failure"):
            count = self._activity.results[result]
            yield Metric(name, text, count, counter=True, labels=(("result", result),))
        octets = self._activity.octets
        yield Metric("cwmpagent_transfer_bytes_total", "Bytes of the transfers that ended.", octets, counter=True)

    def _queued(self, transfer: Transfer) -> dict[str, Any]:
        progress = self._activity.progress(transfer.number)
        return {
            "number": transfer.number,
            "rpc": transfer.kind.value,
            "file_type": transfer.file_type,
            "command_key": transfer.command_key,
            "state": transfer.state.value,
            "octets": progress.octets,
            "total": progress.total or transfer.size or None,
            "failed_attempts": transfer.attempts,
            "installer": self._activity.line(transfer.number),
        }

    def _last(self) -> dict[str, Any] | None:
        if self._activity.last is None:
            return None
        wall, fact = self._activity.last
        return {
            "at": stamped(wall),
            "number": fact.number,
            "rpc": fact.rpc,
            "file_type": fact.file_type,
            "command_key": fact.command_key,
            "fault": fact.fault,
            "reason": fact.reason,
            "seconds": None if fact.seconds is None else round(fact.seconds, 3),
            "octets": fact.octets,
        }


def _text(queued: Json) -> str:
    state = "done, not reported yet" if queued["state"] == State.DONE.value else queued["state"]
    parts = [f"{queued['rpc']} of {quoted(queued['file_type'])}: {state}"]
    if queued["octets"]:
        parts.append(f"{queued['octets']} of {queued['total'] or 'an unknown number of'} octets")
    if queued["failed_attempts"]:
        parts.append(f"failed attempts: {queued['failed_attempts']}")
    if queued["installer"]:
        parts.append(quoted(queued["installer"]))
    return ", ".join(parts)
