"""Fault codes of CWMP (TR-069 A.5): codes from 9000 are sent by the CPE, codes from 8000 by the ACS."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

FaultSide = Literal["Client", "Server"]
"""SOAP ``faultcode``: ``Client`` if the requester is at fault, ``Server`` if the responder is at fault."""


class FaultCode(NamedTuple):
    """One fault code: its number, its default FaultString and its SOAP ``faultcode``."""

    code: int
    text: str
    faultcode: FaultSide


_TABLE = (
    FaultCode(8000, "Method not supported", "Server"),
    FaultCode(8001, "Request denied", "Server"),
    FaultCode(8002, "Internal error", "Server"),
    FaultCode(8003, "Invalid arguments", "Client"),
    FaultCode(8004, "Resources exceeded", "Server"),
    FaultCode(8005, "Retry request", "Server"),
    FaultCode(8006, "ACS version incompatible with CPE", "Server"),
    FaultCode(9000, "Method not supported", "Server"),
    FaultCode(9001, "Request denied", "Server"),
    FaultCode(9002, "Internal error", "Server"),
    FaultCode(9003, "Invalid arguments", "Client"),
    FaultCode(9004, "Resources exceeded", "Server"),
    FaultCode(9005, "Invalid parameter name", "Client"),
    FaultCode(9006, "Invalid parameter type", "Client"),
    FaultCode(9007, "Invalid parameter value", "Client"),
    FaultCode(9008, "Attempt to set a non-writable parameter", "Client"),
    FaultCode(9009, "Notification request rejected", "Server"),
    FaultCode(9010, "File transfer failure", "Server"),
    FaultCode(9011, "Upload failure", "Server"),
    FaultCode(9012, "File transfer server authentication failure", "Server"),
    FaultCode(9013, "Unsupported protocol for file transfer", "Server"),
    FaultCode(9014, "File transfer failure: unable to join multicast group", "Server"),
    FaultCode(9015, "File transfer failure: unable to contact file server", "Server"),
    FaultCode(9016, "File transfer failure: unable to access file", "Server"),
    FaultCode(9017, "File transfer failure: unable to complete download", "Server"),
    FaultCode(9018, "File transfer failure: file corrupted", "Server"),
    FaultCode(9019, "File transfer failure: file authentication failure", "Server"),
    FaultCode(9020, "File transfer failure: unable to complete download within the time windows", "Client"),
    FaultCode(9021, "Cancelation of file transfer not permitted in current transfer state", "Client"),
    FaultCode(9022, "Invalid UUID format", "Server"),
    FaultCode(9023, "Unknown Execution Environment", "Server"),
    FaultCode(9024, "Disabled Execution Environment", "Server"),
    FaultCode(9025, "Deployment Unit to Execution Environment mismatch", "Server"),
    FaultCode(9026, "Duplicate Deployment Unit", "Server"),
    FaultCode(9027, "System resources exceeded", "Server"),
    FaultCode(9028, "Unknown Deployment Unit", "Server"),
    FaultCode(9029, "Invalid Deployment Unit state", "Server"),
    FaultCode(9030, "Invalid Deployment Unit update: downgrade not permitted", "Server"),
    FaultCode(9031, "Invalid Deployment Unit update: version not specified", "Server"),
    FaultCode(9032, "Invalid Deployment Unit update: version already exists", "Server"),
)

FAULT_CODES: Mapping[int, FaultCode] = MappingProxyType({row.code: row for row in _TABLE})
"""Every code that TR-069 A.5 defines, by number."""


def fault_text(code: int) -> str:
    """Default FaultString of ``code``; a generic text for vendor-specific and unknown codes."""
    row = FAULT_CODES.get(code)
    if row is not None:
        return row.text
    if 8800 <= code <= 8899 or 9800 <= code <= 9899:
        return "Vendor-specific fault"
    return "Unknown fault"


def is_client(code: int) -> bool:
    """Whether the ``faultcode`` of ``code`` is ``Client``; false for codes that are not in the table."""
    row = FAULT_CODES.get(code)
    return row is not None and row.faultcode == "Client"
