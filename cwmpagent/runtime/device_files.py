"""Assembly of the files of a device: its tables in DeviceInfo, and who applies and writes configuration files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cwmpagent.agent.files.configuration_file import ConfigurationInstaller, ConfigurationSource
from cwmpagent.agent.files.firmware_table import FirmwareTable, OneImage
from cwmpagent.agent.files.own_table import OwnTable
from cwmpagent.agent.files.vendor_config_files import CONFIG_FILES, VendorConfigFiles
from cwmpagent.agent.files.vendor_log_files import VendorLogFiles
from cwmpagent.agent.options import FileOptions, TransferOptions
from cwmpagent.agent.ports import Clock, FileSource
from cwmpagent.agent.transfers.firmware_progress import FirmwareProgress
from cwmpagent.agent.transfers.records import Follower
from cwmpagent.datamodel.schema import Model
from cwmpagent.protocol.transfers.record import Transfer
from cwmpagent.runtime.parameters import Device, Parameters


@dataclass(frozen=True, slots=True)
class DeviceFiles:
    """The ``tables``, which are providers, the ``followers`` of transfers that they need, and sources of logs."""

    tables: Sequence[OwnTable] = ()
    followers: Sequence[Follower] = ()
    logs: Sequence[FileSource] = ()

    def follow(self, outdate: Callable[[str], None]) -> Sequence[Follower]:
        """All followers; ``outdate`` is called with each table after a change, because its rows may be others."""

        def changed(before: Transfer, after: Transfer | None) -> Mapping[str, str | None]:
            for each in self.tables:
                outdate(each.table)
            return {}

        return (*self.followers, changed)


def build_device_files(
    files: FileOptions | None, device: Device, clock: Clock, keys: Callable[[], Mapping[str, str]]
) -> DeviceFiles:
    """Build the tables that the model has. ``keys``: row path -> key, of all providers.

    A table with rows in the model itself is left as it is: that is a dump of another device.
    """
    if files is None:
        return DeviceFiles()
    tree = device.tree
    info = tree.model.root.path + "DeviceInfo."
    progress = FirmwareProgress()
    one = OneImage(lambda: tree.text(info + "SoftwareVersion"))
    configurations = VendorConfigFiles(info, device.saved.notes.get(CONFIG_FILES), clock)
    tables: list[OwnTable] = [FirmwareTable(info, lambda: files.images() or one, progress, keys), configurations]
    logs: FileSource | None = files.logs
    if files.logs is not None:
        tables.append(table := VendorLogFiles(info, files.logs, keys))
        logs = table if _is_free(tree.model, table.table) else files.logs
    free = [each for each in tables if _is_free(tree.model, each.table)]
    return DeviceFiles(free, (progress.changed, configurations.changed), (logs,) if logs is not None else ())


def build_options(
    files: FileOptions, device: Device, parameters: Parameters, device_files: DeviceFiles
) -> TransferOptions:
    """The options of transfers, with what applies and writes the files of this device."""
    freshen = parameters.refresher.freshen_below
    configuration = ConfigurationSource(device.tree, parameters.access, freshen, files.write, secrets=files.secrets)
    return files.transfers(ConfigurationInstaller(parameters.changes, files.read), [configuration, *device_files.logs])


def _is_free(model: Model, table: str) -> bool:
    return model.definition(table + "{i}.") is not None and not model.rows.get(table)
