"""Configuration files down and up: the writable parameters of the device (TR-069 A.3.2.8, A.4.1.5)."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from cwmpagent.agent.files.configuration_text import configuration_text, configuration_values
from cwmpagent.agent.parameters.access import Access
from cwmpagent.agent.parameters.changes import Changes
from cwmpagent.agent.ports import FileSource, Installer
from cwmpagent.datamodel.identifiers import aliased_row
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, TransferFailure
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.transfers.file import ReceivedFile

DOWNLOAD_TYPE = "3 Vendor Configuration File"
UPLOAD_TYPES = re.compile(r"1 Vendor Configuration File|3 Vendor Configuration File ([1-9][0-9]{0,8})")
OWN_ALIAS = "cpe-"
"""Begin of the aliases that only a device assigns."""
LEFT_OUT = (
    "DeviceInfo.BootFirmwareImage",
    "DeviceInfo.FirmwareImage.",
    "ManagementServer.DelayReboot",
    "ManagementServer.ScheduleReboot",
    "SoftwareModules.ExecutionUnit.",
)
"""Writable, but no configuration: orders of the ACS, and rows that come and go with images and software modules."""


class ConfigurationInstaller(Installer):
    """Sets the parameters of a configuration file, all or none. ``read`` returns the content of a file."""

    def __init__(self, changes: Changes, read: Callable[[str], Awaitable[bytes]]) -> None:
        self._changes = changes
        self._read = read

    def knows(self, file_type: str) -> bool:
        """See :class:`~cwmpagent.agent.ports.Installer`."""
        return file_type == DOWNLOAD_TYPE

    async def install(self, file: ReceivedFile, progress: Callable[[str], None]) -> bool:
        """See :class:`~cwmpagent.agent.ports.Installer`. Raises TransferFailure: 9018 for a wrong file, else 9002."""
        await self._apply(file, progress)
        return False

    async def installed(self, file: ReceivedFile) -> None:
        """Set the parameters again: the process may have died before it set them. Raises as :meth:`install`.

        It never needs a restart, so this is asked only then. Values that are in force already do not change.
        """
        await self._apply(file, lambda line: None)

    async def _apply(self, file: ReceivedFile, progress: Callable[[str], None]) -> None:
        values = configuration_values(await self._read(file.path))
        progress(f"setting {len(values)} parameters")
        try:
            await self._changes.set_configuration(values)
        except CwmpFault as fault:
            raise _failure(fault) from fault


class ConfigurationSource(FileSource):
    """Writes the writable parameters to a file, but not :data:`LEFT_OUT` and aliases that the device assigned.

    A device has one configuration, which is written for each row of DeviceInfo.VendorConfigFile.
    ``secrets``: whether hidden parameters are written, too; then ``write`` must encrypt.
    ``freshen`` reads the parameters below paths from the device; ``write`` writes a new file.
    """

    def __init__(
        self,
        tree: Tree,
        access: Access,
        freshen: Callable[[Sequence[str]], Awaitable[object]],
        write: Callable[[str, bytes], Awaitable[object]],
        *,
        secrets: bool = False,
    ) -> None:
        self._secrets = secrets
        self._tree = tree
        self._access = access
        self._freshen = freshen
        self._write = write

    def knows(self, file_type: str) -> bool:
        """See :class:`~cwmpagent.agent.ports.FileSource`."""
        match = UPLOAD_TYPES.fullmatch(file_type)
        if match is None or match[1] is None:
            return match is not None
        table = self._tree.model.root.path + "DeviceInfo.VendorConfigFile."
        has_table = self._tree.model.definition(table) is not None
        return self._tree.exists(f"{table}{match[1]}.") if has_table else match[1] == "1"

    async def write(self, file_type: str, path: str) -> None:
        """See :class:`~cwmpagent.agent.ports.FileSource`."""
        root = self._tree.model.root.path
        await self._freshen([root])
        names = [name for name in self._tree.parameters(root) if self._access.writable(name)]
        values = {name: self._tree.value(name).text for name in names if self._is_portable(name)}
        await self._write(path, configuration_text(values))

    def _is_portable(self, name: str) -> bool:
        if name.removeprefix(self._tree.model.root.path).startswith(LEFT_OUT):
            return False
        definition = self._tree.definition(name)
        if aliased_row(name, definition) is not None:
            return not self._tree.text(name).startswith(OWN_ALIAS)
        return self._secrets or not definition.hidden


def _failure(fault: CwmpFault) -> TransferFailure:
    if fault.code == 9002:
        return TransferFailure(9002, fault.text or "the configuration could not be applied", permanent=True)
    reason = fault.text or "is refused"
    if fault.parameters:
        first = fault.parameters[0]
        more = f" ({len(fault.parameters) - 1} more are refused)" if len(fault.parameters) > 1 else ""
        reason = f"{quoted(first.name)}: {first.text or first.code}{more}"
    return TransferFailure(9018, f"the configuration file is refused: {reason}", permanent=True)
