"""Readable causes of connection errors."""

from __future__ import annotations

import os

from OpenSSL import SSL
from twisted.internet.error import (
    ConnectError,
    ConnectionAborted,
    ConnectionClosed,
    ConnectionDone,
    ConnectionLost,
    TimeoutError,
)
from twisted.python.failure import Failure
from twisted.web.client import RequestGenerationFailed, RequestTransmissionFailed, ResponseFailed


def cause(error: BaseException | None, otherwise: str = "sent a response that is not HTTP") -> str:
    """Short phrase that follows ``host:port: ``, without text sent by the peer; ``otherwise`` for an unknown error."""
    if isinstance(error, ResponseFailed | RequestGenerationFailed | RequestTransmissionFailed):
        reasons = [reason.value for reason in error.reasons if isinstance(reason, Failure)]
        return cause(reasons[0], otherwise) if reasons else "the response is incomplete"
    if isinstance(error, SSL.Error):
        return f"TLS failed: {_tls_reason(error)}"
    if isinstance(error, ConnectionDone | ConnectionAborted):
        return "the connection was closed before the response was complete"
    if isinstance(error, ConnectionLost):
        return "the connection was lost"
    if isinstance(error, TimeoutError):
        return "the connection timed out"
    if isinstance(error, ConnectError | ConnectionClosed | OSError):
        number = getattr(error, "osError", None) or getattr(error, "errno", None)
        return f"cannot be reached: {os.strerror(number)}" if isinstance(number, int) else "cannot be reached"
    return otherwise


def _tls_reason(error: SSL.Error) -> str:
    """Reasons given by OpenSSL: error.args is a list of (library, function, reason)."""
    queue = error.args[0] if error.args and isinstance(error.args[0], list) else []
    reasons = [entry[2] for entry in queue if isinstance(entry, tuple) and len(entry) == 3 and entry[2]]
    return ", ".join(reasons) or type(error).__name__
