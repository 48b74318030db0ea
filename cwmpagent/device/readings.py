"""What a device knows of itself at this moment, by parameter path."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import psutil

Readings = Mapping[str, Callable[[], str]]
"""Full parameter path -> a function that reads its text now."""


def simulated_readings(root: str, *, uptime: Callable[[], float], local_time: Callable[[], str]) -> Readings:
    """What every device has: time goes on for a simulated one too.

    ``uptime`` is in seconds since the device's last boot, ``local_time`` gives the text of a dateTime.
    """
    return {
        root + "DeviceInfo.UpTime": lambda: str(int(uptime())),
        root + "Time.CurrentLocalTime": local_time,
    }


def machine_readings(root: str, *, uptime: Callable[[], float], local_time: Callable[[], str]) -> Readings:
    """As :func:`simulated_readings`, and the memory (KiB) and load (percent) of this machine."""
    info = root + "DeviceInfo."
    return {
        **simulated_readings(root, uptime=uptime, local_time=local_time),
        info + "MemoryStatus.Total": lambda: str(psutil.virtual_memory().total // 1024),
        info + "MemoryStatus.Free": lambda: str(psutil.virtual_memory().available // 1024),
        info + "ProcessStatus.CPUUsage": lambda: str(round(psutil.cpu_percent())),
    }
