"""What this machine knows of itself at this moment, by parameter path."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import psutil


def readings(
    root: str, *, uptime: Callable[[], float], local_time: Callable[[], str]
) -> Mapping[str, Callable[[], str]]:
    """Full parameter path below ``root`` -> a function that reads its text now.

    ``uptime`` is in seconds since the device's last boot, ``local_time`` gives the text of a dateTime.
    """
    info = root + "DeviceInfo."
    return {
        info + "UpTime": lambda: str(int(uptime())),
        info + "MemoryStatus.Total": lambda: str(psutil.virtual_memory().total // 1024),
        info + "MemoryStatus.Free": lambda: str(psutil.virtual_memory().available // 1024),
        info + "ProcessStatus.CPUUsage": lambda: str(round(psutil.cpu_percent())),
        root + "Time.CurrentLocalTime": local_time,
    }
