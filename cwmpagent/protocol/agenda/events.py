"""The events of CWMP: which may stand twice in an Inform, what delivers them, what they outlive (TR-069 3.7.1.5).

Where the standard leaves a choice this table makes it: ``5`` and ``9`` are retried but end with a boot, as the request
they announce does; ``4`` is kept over a boot, because a change told twice harms less than one never told; ``14`` is
neither retried nor kept; a vendor's events are treated like ``M Reboot`` and ``2 PERIODIC``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from cwmpagent.errors import MisuseError

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
"""How many EventStructs one Inform may carry (A.3.3.1)."""

LONGEST_CODE = 64
LONGEST_COMMAND_KEY = 32


class OnFailure(Enum):
    """What becomes of an event listed in an Inform whose session failed before the event was delivered."""

    RETRY = "retry"
    DROP = "not retried"


class OverBoot(Enum):
    """What a boot of the device does to an event that is not delivered."""

    KEEP = "kept"
    DISCARD = "discarded"
    REPLACE = "replaced by the new boot's"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table.

    ``multiple``: an entry for each occurrence, told apart by CommandKey; else at most one. ``delivered_by``: the
    request whose response delivers it. ``companion``: the single event that stands beside it until none is left.
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
    """One EventStruct. Raises :class:`~cwmpagent.errors.MisuseError` for what may not stand in an Inform."""

    code: str
    command_key: str = ""

    def __post_init__(self) -> None:
        if len(self.code) > LONGEST_CODE or len(self.command_key) > LONGEST_COMMAND_KEY:
            raise MisuseError(f"event {self.code!r} with CommandKey {self.command_key!r} is too long")
        if self.command_key and self.code in EVENTS and not self.rule.multiple:
            raise MisuseError(f"{self.code} carries no CommandKey")
        if self.code not in EVENTS and not _VENDOR.fullmatch(self.code):
            raise MisuseError(f"there is no event {self.code!r}")

    @property
    def rule(self) -> Rule:
        """The row of the table, a vendor's codes (``M X_<VENDOR>_Name``, ``X <OUI> <text>``) included."""
        known = EVENTS.get(self.code)
        if known is not None:
            return known
        return _VENDOR_METHOD if self.code.startswith("M ") else _VENDOR_EVENT

    @property
    def numbered(self) -> bool:
        """Whether it is one of the standard's numbered events."""
        return self.code[0].isdigit()


def in_order(events: Iterable[Event]) -> tuple[Event, ...]:
    """As an Inform lists them: by number, then methods, then a vendor's; equal codes as they came."""
    return tuple(sorted(events, key=place))


def place(event: Event) -> tuple[int, int, str]:
    """The sort key of :func:`in_order`."""
    head, _, _ = event.code.partition(" ")
    if event.numbered:
        return 0, int(head), ""
    return (1 if head == "M" else 2), 0, event.code
