"""Failures of a transfer as fault codes (TR-069 A.5.1), and whether another attempt may succeed."""

from __future__ import annotations

from cwmpagent.errors import TransferFailure

AGAIN = frozenset({408, 425, 429})
"""HTTP status codes below 500 after which another attempt may succeed (RFC 9110 15.5, RFC 8470, RFC 6585)."""

_REPORTED = frozenset({9001, 9002, 9010, 9011, 9012, *range(9014, 9021)})


def is_reported(code: int) -> bool:
    """Whether a TransferComplete may have this FaultCode (A.5.1): one for it, of an extension, or of a vendor."""
    return code in _REPORTED or 9033 <= code <= 9899


def refused(status: int, *, upload: bool = False) -> TransferFailure:
    """The failure for the HTTP ``status`` of a final response that is no success."""
    permanent = status < 500 and status not in AGAIN
    if status in (401, 403):
        return TransferFailure(9012, f"the file server refuses access (HTTP {status})", permanent=True)
    if status >= 400:
        return TransferFailure(9016, f"the file server refuses the request (HTTP {status})", permanent=permanent)
    return other(f"the file server sends an unexpected response (HTTP {status})", upload=upload, permanent=True)


def unreachable(reason: str) -> TransferFailure:
    """No name, no connection, or no response in time."""
    return TransferFailure(9015, reason)


def broken_off(reason: str) -> TransferFailure:
    """The transfer ended before the whole file was there."""
    return TransferFailure(9017, reason)


def corrupt(reason: str) -> TransferFailure:
    """The file does not have its checksum or format."""
    return TransferFailure(9018, reason, permanent=True)


def unsigned(reason: str) -> TransferFailure:
    """The file does not have a valid signature."""
    return TransferFailure(9019, reason, permanent=True)


def other(reason: str, *, upload: bool = False, permanent: bool = False) -> TransferFailure:
    """Any other failure of a download (9010) or an upload (9011)."""
    return TransferFailure(9011 if upload else 9010, reason, permanent=permanent)
