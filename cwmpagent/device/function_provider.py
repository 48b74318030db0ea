"""Provider of single parameters, each read by a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from cwmpagent.device.provider import Name, Provider


class FunctionProvider(Provider):
    """Provider of single parameters; an exception of one function does not affect the other parameters.

    ``functions``: full parameter path -> function that returns the present text.
    """

    name = "functions"

    def __init__(self, functions: Mapping[str, Callable[[], str]]) -> None:
        self.paths = tuple(functions)
        self._functions = functions

    def read(self, names: Sequence[Name]) -> dict[str, str | Exception]:
        """Texts of the functions, or the exceptions that they raised."""
        texts: dict[str, str | Exception] = {}
        for name in names:
            try:
                texts[name] = self._functions[name]()
            except Exception as error:  # a device maker's function may raise anything
                texts[name] = error
        return texts


def passing_time(root: str, *, uptime: Callable[[], float], local_time: Callable[[], str]) -> FunctionProvider:
    """Provider of UpTime and CurrentLocalTime, which every device has, including simulated ones.

    ``uptime``: returns the seconds since the last boot of the device; ``local_time``: returns the text of a dateTime.
    """
    return FunctionProvider(
        {root + "DeviceInfo.UpTime": lambda: str(int(uptime())), root + "Time.CurrentLocalTime": local_time}
    )
