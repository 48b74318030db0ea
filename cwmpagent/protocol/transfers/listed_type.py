"""File types in lists, reports and filters of transfers (cwmp-1-2.xsd, TransferFileType; TR-181 FileTypeFilter).

An Upload has other numbers there than in its RPC (UploadFileType). Those of a Download are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cwmpagent.protocol.transfers.record import Transfer

_WHOLE: Mapping[str, str] = MappingProxyType(
    {
        "1 Vendor Configuration File": "3 Vendor Configuration File",
        "2 Vendor Log File": "4 Vendor Log File",
    }
)
_NUMBERED: Mapping[str, str] = MappingProxyType(
    {
        "3 Vendor Configuration File": "6 Vendor Configuration File",
        "4 Vendor Log File": "7 Vendor Log File",
    }
)


def listed_type(transfer: Transfer) -> str:
    """The FileType of ``transfer`` in GetAllQueuedTransfers and AutonomousTransferComplete."""
    if transfer.is_download:
        return transfer.file_type
    name, _, instance = transfer.file_type.rpartition(" ")
    if name in _NUMBERED and instance.isdecimal():
        return f"{_NUMBERED[name]} {instance}"
    return _WHOLE.get(transfer.file_type, transfer.file_type)


def filtered_type(transfer: Transfer) -> str:
    """The entry of AutonomousTransferCompletePolicy.FileTypeFilter for ``transfer``; it does not name the instance."""
    name, _, instance = transfer.file_type.rpartition(" ")
    if not transfer.is_download and name in _NUMBERED and instance.isdecimal():
        return name
    return listed_type(transfer)
