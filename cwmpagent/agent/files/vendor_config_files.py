"""DeviceInfo.VendorConfigFile.: the configuration of the device, and the files that were applied to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cwmpagent.agent.files.configuration_file import DOWNLOAD_TYPE
from cwmpagent.agent.files.own_table import OwnTable
from cwmpagent.agent.ports import Clock
from cwmpagent.agent.transfers.completions import reported_time
from cwmpagent.protocol.transfers.applied_file import (
    AppliedFile,
    file_name,
    files_record,
    restored_files,
    with_file,
)
from cwmpagent.protocol.transfers.record import State, Transfer

CONFIG_FILES = "config_files"
"""Name of the note."""
OWN_NAME = "configuration"
"""Name of the row of the device itself."""


class VendorConfigFiles(OwnTable):
    """The provider of this table: first the configuration of the device, then each file that was applied.

    ``info``: path of DeviceInfo. ``note``: the saved note, None where there is none; it was checked.
    """

    name = "configuration files"

    def __init__(self, info: str, note: str | None, clock: Clock) -> None:
        super().__init__(info + "VendorConfigFile.")
        self._files: Sequence[AppliedFile] = restored_files(note) if note is not None else ()
        self._clock = clock

    def changed(self, before: Transfer, after: Transfer | None) -> Mapping[str, str | None]:
        """A transfer has another state. Returns the note to save where it has applied a configuration file."""
        ended = after is not None and after.state is State.DONE and before.state is not State.DONE
        if after is None or not ended or after.code or after.file_type != DOWNLOAD_TYPE or not after.is_download:
            return {}
        applied = AppliedFile(file_name(after.url, after.target_name), after.completed)
        self._files = with_file(self._files, applied)
        return {CONFIG_FILES: files_record(self._files)}

    def rows(self) -> Mapping[str, Mapping[str, str]]:
        """The rows by the names of the files."""
        own = next((each for each in self._files if each.name == OWN_NAME), AppliedFile(OWN_NAME, None))
        return {each.name: self._texts(each) for each in (own, *self._files)}

    def _texts(self, file: AppliedFile) -> dict[str, str]:
        own = file.name == OWN_NAME
        return {
            "Name": file.name,
            "Version": "",
            "Date": reported_time(file.applied, self._clock),
            "Description": "all writable parameters" if own else "a file that was applied",
            "UseForBackupRestore": "true" if own else "false",
        }
