"""Device.Time.Status: whether the kernel's clock is disciplined by somebody (adjtimex(2))."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from cwmpagent.device.provider import Name, Provider

_TIME_ERROR = 5
_TIMEX = 512
"""More bytes than any ``struct timex`` has; all zero it asks and changes nothing."""


class TimeStatus(Provider):
    """One parameter, which no time service is asked for: the kernel knows, whoever disciplines its clock."""

    name = "linux Time"

    def __init__(self, root: str, synchronized: Callable[[], bool] | None = None) -> None:
        self.paths = (root + "Time.Status",)
        self._synchronized = synchronized or kernel_synchronized

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """One word."""
        return dict.fromkeys(names, "Synchronized" if self._synchronized() else "Unsynchronized")


def kernel_synchronized() -> bool:
    """Whether the kernel takes its clock for right. Raises OSError where it does not say."""
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX))
    if state < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return state != _TIME_ERROR
