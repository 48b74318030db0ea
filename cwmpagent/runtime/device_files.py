"""Assembly of the tables of files in DeviceInfo: firmware images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cwmpagent.agent.files.firmware_table import FirmwareTable, OneImage
from cwmpagent.agent.files.own_table import OwnTable
from cwmpagent.agent.options import FileOptions
from cwmpagent.agent.transfers.firmware_progress import FirmwareProgress
from cwmpagent.agent.transfers.records import Follower
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.tree import Tree


@dataclass(frozen=True, slots=True)
class DeviceFiles:
    """The ``tables``, which are providers, and the ``followers`` of transfers that they need."""

    tables: Sequence[OwnTable] = ()
    followers: Sequence[Follower] = ()


def build_device_files(files: FileOptions | None, tree: Tree, keys: Callable[[], Mapping[str, str]]) -> DeviceFiles:
    """Build the tables that the model has. ``keys``: row path -> key, of all providers.

    A table with rows in the model itself is left as it is: that is a dump of another device.
    """
    if files is None:
        return DeviceFiles()
    info = tree.model.root.path + "DeviceInfo."
    progress = FirmwareProgress()
    one = OneImage(lambda: tree.text(info + "SoftwareVersion"))
    tables = (FirmwareTable(info, lambda: files.images() or one, progress, keys),)
    return DeviceFiles([each for each in tables if _is_free(tree.model, each.table)], (progress.changed,))


def _is_free(model: Model, table: str) -> bool:
    return model.definition(table + "{i}.") is not None and not model.rows.get(table)
