"""DeviceInfo.VendorLogFile.: the logs of the device, and their upload by the number of their row (TR-069 A.4.1.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from cwmpagent.agent.files.own_table import OwnTable
from cwmpagent.agent.ports import FileSource, LogFiles
from cwmpagent.errors import TransferFailure

NUMBERED = re.compile(r"4 Vendor Log File ([1-9][0-9]{0,8})")


class VendorLogFiles(OwnTable, FileSource):
    """The provider of this table, and the source of its logs.

    ``info``: path of DeviceInfo. ``logs``: the logs by their place in its list. ``keys``: row path -> name of the log.
    """

    name = "logs"

    def __init__(self, info: str, logs: LogFiles, keys: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(info + "VendorLogFile.")
        self._logs = logs
        self._keys = keys

    def rows(self) -> Mapping[str, Mapping[str, str]]:
        """The rows by the names of the logs."""
        return {
            log.name: {
                "Name": log.name,
                "MaximumSize": str(log.most),
                "Persistent": "true" if log.persistent else "false",
            }
            for log in self._logs.logs
        }

    def knows(self, file_type: str) -> bool:
        """See :class:`~cwmpagent.agent.ports.FileSource`."""
        return self._logs.knows(self._by_place(file_type))

    async def write(self, file_type: str, path: str) -> None:
        """See :class:`~cwmpagent.agent.ports.FileSource`. Raises TransferFailure 9011 where there is no such row."""
        if not self.knows(file_type):
            raise TransferFailure(9011, "there is no such log", permanent=True)
        await self._logs.write(self._by_place(file_type), path)

    def _by_place(self, file_type: str) -> str:
        """``file_type`` with the place of the log instead of the number of its row; empty where there is none."""
        numbered = NUMBERED.fullmatch(file_type)
        if numbered is None:
            return file_type
        names = [log.name for log in self._logs.logs]
        name = self._keys().get(f"{self.table}{numbered[1]}.")
        return f"4 Vendor Log File {names.index(name) + 1}" if name in names else ""
