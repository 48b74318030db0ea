"""Time windows of a ScheduleDownload (TR-069 A.4.1.8)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.agenda.saved_json import SavedJson
from cwmpagent.protocol.rpc import TimeWindowStruct
from cwmpagent.protocol.transfers.moment import Moment

AT_ANY_TIME = "1 At Any Time"
IMMEDIATELY = "2 Immediately"
WHEN_IDLE = "3 When Idle"
CONFIRMATION_NEEDED = "4 Confirmation Needed"
MODES = frozenset({AT_ANY_TIME, IMMEDIATELY, WHEN_IDLE, CONFIRMATION_NEEDED})
AGENT_DECIDES = -1
"""The MaxRetries with which the device chooses the number of retries."""
MOST_WINDOWS = 2
MOST_RETRIES = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Window:
    """One time window; ``user_message`` is shown to a user whose consent ``mode`` asks for."""

    opens: Moment
    closes: Moment
    mode: str
    user_message: str
    max_retries: int

    def record(self) -> dict[str, object]:
        """Return it as JSON values for :meth:`restored`."""
        return {
            "opens": self.opens.record(),
            "closes": self.closes.record(),
            "mode": self.mode,
            "user_message": self.user_message,
            "max_retries": self.max_retries,
        }

    @classmethod
    def restored(cls, saved: SavedJson) -> Window:
        """Restore a :meth:`record`. Raises ValueError where it is damaged."""
        return cls(
            Moment.restored(saved.members("opens")),
            Moment.restored(saved.members("closes")),
            saved.text("mode", most=64),
            saved.text("user_message", most=256),
            saved.whole("max_retries", least=AGENT_DECIDES, most=MOST_RETRIES),
        )


def checked_windows(
    windows: Sequence[TimeWindowStruct], now: Now, vendor_modes: Collection[str] = ()
) -> tuple[Window, ...]:
    """Return the windows of a request received at ``now``.

    ``vendor_modes``: the modes ``X <text>`` that the device knows. Raises CwmpFault 9003.
    """
    if not 1 <= len(windows) <= MOST_WINDOWS:
        raise CwmpFault(9003, "TimeWindowList must have one or two windows")
    end = 0
    for window in windows:
        if window.window_start >= window.window_end:
            raise CwmpFault(9003, "WindowStart must be before WindowEnd")
        if window.window_start < end:
            raise CwmpFault(9003, "the second window must not start before the end of the first one")
        if window.window_mode not in MODES and window.window_mode not in vendor_modes:
            raise CwmpFault(9003, "this WindowMode is not supported")
        if window.max_retries < AGENT_DECIDES:
            raise CwmpFault(9003, "MaxRetries must be -1 or more")
        end = window.window_end
    return tuple(
        Window(
            Moment.after(window.window_start, now),
            Moment.after(window.window_end, now),
            window.window_mode,
            window.user_message,
            window.max_retries,
        )
        for window in windows
    )
