"""What a device knows of itself at this moment, by parameter path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cwmpagent.device.provider import Name, Provider


class FunctionProvider(Provider):
    """Single parameters, each with a function that reads its text now; one that raises harms no other."""

    name = "readings"

    def __init__(self, functions: Mapping[str, Callable[[], str]]) -> None:
        self.paths = tuple(functions)
        self._functions = functions

    def read(self, names: Sequence[Name]) -> dict[str, str | Exception]:
        """What each function gives."""
        found: dict[str, str | Exception] = {}
        for name in names:
            try:
                found[name] = self._functions[name]()
            except Exception as error:  # whatever a device maker's function may raise
                found[name] = error
        return found


def passing_time(root: str, *, uptime: Callable[[], float], local_time: Callable[[], str]) -> FunctionProvider:
    """What every device has: time goes on for a simulated one too.

    ``uptime`` is in seconds since the device's last boot, ``local_time`` gives the text of a dateTime.
    """
    return FunctionProvider(
        {root + "DeviceInfo.UpTime": lambda: str(int(uptime())), root + "Time.CurrentLocalTime": local_time}
    )
