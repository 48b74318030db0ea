"""The events of CWMP: cumulative behaviour, delivery, retry, and persistence over a boot (TR-069 3.7.1.5).

Where the standard leaves a choice, the table is as follows. ``5`` and ``9`` are retried but discarded at a boot, like
the request that they announce. ``4`` is kept over a boot, because a duplicate report harms less than a lost one. ``14``
is neither retried nor kept. Vendor events are treated like ``M Reboot`` and ``2 PERIODIC``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from cwmpagent.errors import MisuseError
from cwmpagent.values import can_be_sent

BOOTSTRAP = "0 BOOTSTRAP"
BOOT = "1 BOOT"
PERIODIC = "2 PERIODIC"
SCHEDULED = "3 SCHEDULED"
VALUE_CHANGE = "4 VALUE CHANGE"
KICKED = "5 KICKED"
CONNECTION_REQUEST = "6 CONNECTION REQUEST"
TRANSFER_COMPLETE = "7 TRANSFER COMPLETE"
DIAGNOSTICS_COMPLETE = "8 DIAGNOSTICS COMPLETE"
REQUEST_DOWNLOAD = "9 REQUEST DOWNLOAD"
AUTONOMOUS_TRANSFER_COMPLETE = "10 AUTONOMOUS TRANSFER COMPLETE"
DU_STATE_CHANGE_COMPLETE = "11 DU STATE CHANGE COMPLETE"
AUTONOMOUS_DU_STATE_CHANGE_COMPLETE = "12 AUTONOMOUS DU STATE CHANGE COMPLETE"
WAKEUP = "13 WAKEUP"
HEARTBEAT = "14 HEARTBEAT"
M_REBOOT = "M Reboot"
M_SCHEDULE_INFORM = "M ScheduleInform"
M_DOWNLOAD = "M Download"
M_SCHEDULE_DOWNLOAD = "M ScheduleDownload"
M_UPLOAD = "M Upload"
M_CHANGE_DU_STATE = "M ChangeDUState"

MOST_EVENTS = 64
"""Maximum number of EventStructs in one Inform (TR-069 A.3.3.1)."""

LONGEST_CODE = 64
LONGEST_COMMAND_KEY = 32


class OnFailure(Enum):
    """Treatment of an event in an Inform whose session failed before the event was delivered."""

    RETRY = "retry"
    DROP = "not retried"


class OverBoot(Enum):
    """Treatment of an undelivered event at a boot of the device."""

    KEEP = "kept"
    DISCARD = "discarded"
    REPLACE = "replaced by the new boot's"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    ``multiple``: one entry for each occurrence, distinguished by CommandKey; else a single entry. ``delivered_by``: the
    request whose response delivers the event. ``companion``: the single event that is pending as long as this one is.
    """

    multiple: bool
    delivered_by: str
    on_failure: OnFailure = OnFailure.RETRY
    over_boot: OverBoot = OverBoot.KEEP
    companion: str | None = None


EVENTS: Mapping[str, Rule] = MappingProxyType(
    {
        BOOTSTRAP: Rule(False, "Inform"),
        BOOT: Rule(False, "Inform", over_boot=OverBoot.REPLACE),
        PERIODIC: Rule(False, "Inform"),
        SCHEDULED: Rule(False, "Inform"),
        VALUE_CHANGE: Rule(False, "Inform"),
        KICKED: Rule(False, "Kicked", over_boot=OverBoot.DISCARD),
        CONNECTION_REQUEST: Rule(False, "Inform", OnFailure.DROP, OverBoot.DISCARD),
        TRANSFER_COMPLETE: Rule(False, "TransferComplete"),
        DIAGNOSTICS_COMPLETE: Rule(False, "Inform", over_boot=OverBoot.DISCARD),
        REQUEST_DOWNLOAD: Rule(False, "RequestDownload", over_boot=OverBoot.DISCARD),
        AUTONOMOUS_TRANSFER_COMPLETE: Rule(False, "AutonomousTransferComplete"),
        DU_STATE_CHANGE_COMPLETE: Rule(False, "DUStateChangeComplete"),
        AUTONOMOUS_DU_STATE_CHANGE_COMPLETE: Rule(False, "AutonomousDUStateChangeComplete"),
        WAKEUP: Rule(False, "Inform"),
        HEARTBEAT: Rule(False, "Inform", OnFailure.DROP, OverBoot.DISCARD),
        M_REBOOT: Rule(True, "Inform", companion=BOOT),
        M_SCHEDULE_INFORM: Rule(True, "Inform", companion=SCHEDULED),
        M_DOWNLOAD: Rule(True, "TransferComplete", companion=TRANSFER_COMPLETE),
        M_SCHEDULE_DOWNLOAD: Rule(True, "TransferComplete", companion=TRANSFER_COMPLETE),
        M_UPLOAD: Rule(True, "TransferComplete", companion=TRANSFER_COMPLETE),
        M_CHANGE_DU_STATE: Rule(True, "DUStateChangeComplete", companion=DU_STATE_CHANGE_COMPLETE),
    }
)

_VENDOR_METHOD = Rule(True, "Inform")
_VENDOR_EVENT = Rule(False, "Inform")
_VENDOR = re.compile(r"(M X_\w+|X \S+ \S.*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Event:
    """One EventStruct. Raises :class:`~cwmpagent.errors.MisuseError` where it is not valid in an Inform."""

    code: str
    command_key: str = ""

    def __post_init__(self) -> None:
        if len(self.code) > LONGEST_CODE or len(self.command_key) > LONGEST_COMMAND_KEY:
            raise MisuseError(
                f"event {self.code!r} with CommandKey {self.command_key!r} is too long: at most {LONGEST_CODE} and"
                f" {LONGEST_COMMAND_KEY} characters are allowed"
            )
        if not can_be_sent(self.code + self.command_key):
            raise MisuseError(f"event {self.code!r} has a control character, in its EventCode or in its CommandKey")
        if self.command_key and self.code in EVENTS and not self.rule.multiple:
            raise MisuseError(f"event {self.code} must not have a CommandKey")
        if self.code not in EVENTS and not _VENDOR.fullmatch(self.code):
            raise MisuseError(f"{self.code!r} is not a valid EventCode")

    @property
    def rule(self) -> Rule:
        """The row of the table, also for vendor codes (``M X_<VENDOR>_Name``, ``X <OUI> <text>``)."""
        known = EVENTS.get(self.code)
        if known is not None:
            return known
        return _VENDOR_METHOD if self.code.startswith("M ") else _VENDOR_EVENT

    @property
    def numbered(self) -> bool:
        """Whether the EventCode is a numbered one of the standard."""
        return self.code[0].isdigit()


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """Sort for an Inform: numbered events, then methods, then vendor events; equal codes keep their order."""
    return tuple(sorted(events, key=place))


def place(event: Event) -> tuple[int, int, str]:
    """The sort key of :func:`in_order`."""
    head, _, _ = event.code.partition(" ")
    if event.numbered:
        return 0, int(head), ""
    return (1 if head == "M" else 2), 0, event.code
