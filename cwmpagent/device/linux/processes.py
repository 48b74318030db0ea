"""Device.DeviceInfo.ProcessStatus.Process.: the process table, without arguments, because they may be secret."""

from __future__ import annotations

from collections.abc import Sequence

import psutil

from cwmpagent.device.provider import Name, Provider

_STATES = (
    ("Running", {psutil.STATUS_RUNNING, psutil.STATUS_WAKING}),
    ("Stopped", {psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP, psutil.STATUS_PARKED}),
    ("Idle", {psutil.STATUS_IDLE}),
    ("Uninterruptible", {psutil.STATUS_DISK_SLEEP}),
    ("Zombie", {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}),
)


class Processes(Provider):
    """Provider of the processes; the key of a process contains its start time, because PIDs are reused."""

    name = "linux processes"

    def __init__(self, root: str) -> None:
        table = root + "DeviceInfo.ProcessStatus.Process."
        self.paths = (table,)
        self.tables = (table,)
        self._started: dict[int, tuple[str, psutil.Process]] = {}

    def instances(self, table: Name) -> list[str]:
        """Keys of the running processes."""
        running: dict[int, tuple[str, psutil.Process]] = {}
        for pid in psutil.pids():
            known = self._started.get(pid)
            if known is not None and known[1].is_running():
                running[pid] = known
                continue
            try:
                process = psutil.Process(pid)
                running[pid] = f"{pid} {process.create_time():.2f}", process
            except psutil.NoSuchProcess:
                continue
        self._started = running
        return [key for key, _ in running.values()]

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Read each process once; the parameters of a process that has ended keep their values."""
        processes = dict(self._started.values())
        texts: dict[str, dict[str, str]] = {}
        for key in dict.fromkeys(name.keys[0] for name in names):
            if key in processes:
                texts[key] = _values(processes[key])
        return {name: texts[name.keys[0]][name.last] for name in names if name.last in texts.get(name.keys[0], {})}


def _values(process: psutil.Process) -> dict[str, str]:
    try:
        with process.oneshot():
            times = process.cpu_times()
            status = process.status()
            return {
                "PID": str(process.pid),
                "Command": process.name()[:256],
                "Size": str(process.memory_info().rss // 1024),
                "Priority": str(round((process.nice() + 20) * 99 / 39)),
                "CPUTime": str(int((times.user + times.system) * 1000) % 2**32),
                "State": next((word for word, states in _STATES if status in states), "Sleeping"),
            }
    except psutil.Error:
        return {}
