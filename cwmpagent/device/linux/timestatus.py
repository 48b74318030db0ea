"""Device.Time.Status: whether the clock of the kernel is synchronized (adjtimex(2))."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

from cwmpagent.device.provider import Name, Provider

_TIME_ERROR = 5
_TIMEX = 512
"""Buffer size in bytes, larger than any ``struct timex``; a buffer of zeros only queries the state."""


class TimeStatus(Provider):
    """Provider of Time.Status, read from the kernel and independent of the time service.

    ``synchronized`` replaces :func:`kernel_synchronized`.
    """

    name = "linux Time"

    def __init__(self, root: str, synchronized: Callable[[], bool] | None = None) -> None:
        self.paths = (root + "Time.Status",)
        self._synchronized = synchronized or kernel_synchronized

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Return Synchronized or Unsynchronized."""
        return dict.fromkeys(names, "Synchronized" if self._synchronized() else "Unsynchronized")


def kernel_synchronized() -> bool:
    """Whether the kernel reports its clock as synchronized; raises ``OSError`` if it reports no state."""
    state: int = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX))
    if state < 0:
        raise OSError(ctypes.get_errno(), "adjtimex")
    return state != _TIME_ERROR
