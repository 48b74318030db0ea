"""The exception hierarchy of the package.

::

    CwmpAgentError
    +-- ConfigError                a value in the configuration is wrong
    |   +-- ModelError             a data model file is wrong
    +-- MisuseError                a caller breaks a rule of this package's API: a bug, never caused by the peer
    +-- PeerError                  the ACS breaks the rules of CWMP; ends the session, never the process
    |   +-- EnvelopeError          the received bytes are not an acceptable SOAP envelope
    |   +-- SequenceError          a valid envelope at the wrong time, with the wrong ID or of the wrong kind
    +-- TransportError             no usable HTTP answer: name, connection, TLS, time-out, status
    |   +-- AuthenticationError    the ACS rejects the credentials, or offers no permitted scheme
    |   +-- TooSlowError           a time limit of a connection, an exchange or a name resolution expires
    |   +-- TooLargeError          an answer exceeds the configured limit
    +-- XmppError                  no usable XMPP stream, or a stream that has ended
    +-- StoreError                 the state directory cannot be used
    |   +-- StoreLockedError       another process holds it
    |   +-- StoreNewerError        a newer version of this package wrote it
    |   +-- StoreWriteError        a change cannot be saved (disk full, read-only)
    +-- ControlError               a request at the control socket is refused or not answered
    +-- TransferFailure            a file cannot be fetched, sent or applied
    +-- SoftwareFailure            an operation on a deployment unit or an execution unit fails
    +-- CwmpFault                  an RPC is answered with this fault
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

MOST_FAULTS = 1000
"""Largest number of parameters that a fault lists, each with its reason."""


class CwmpAgentError(Exception):
    """Base class of all errors that this package raises on purpose."""


class ConfigError(CwmpAgentError):
    """A value in the configuration is wrong; ``str()`` is one line for the operator.

    ``key``: the key of the value (``acs.url``); ``reason``: the problem and the permitted values. ``more``: further
    errors of the same configuration.
    """

    more: tuple[ConfigError, ...] = ()

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


def raise_first(errors: Sequence[ConfigError]) -> None:
    """Raise the first of ``errors``, with the others as its ``more``; do nothing where there are none."""
    if errors:
        first = errors[0]
        first.more = tuple(errors[1:])
        raise first


class ModelError(ConfigError):
    """A data model file is wrong; ``key`` is the file and the row or element."""


class MisuseError(CwmpAgentError):
    """A caller inside this program breaks a rule of an API; never caused by the peer."""


class PeerError(CwmpAgentError):
    """The ACS breaks the rules of CWMP."""


class EnvelopeError(PeerError):
    """The received bytes are not an acceptable SOAP envelope."""


class SequenceError(PeerError):
    """A well-formed message that the state of the session does not allow."""


class TransportError(CwmpAgentError):
    """No usable HTTP answer was received; the session has failed."""


class AuthenticationError(TransportError):
    """The ACS rejects the credentials, or requests an authentication scheme that is not permitted."""


class TooSlowError(TransportError):
    """A time limit of a connection, an exchange or a name resolution has expired."""


class TooLargeError(TransportError):
    """An HTTP answer is larger than the configured limit."""


class XmppError(CwmpAgentError):
    """An XMPP stream cannot be established, or has ended.

    ``str()`` is one line for the operator and contains no text of the peer. ``status``: the matching value of
    ``Device.XMPP.Connection.{i}.Status`` (TR-181).
    """

    def __init__(
        self,
        reason: str,
        status: Literal["ServerNotPresent", "Error_Misconfigured", "Error_AuthenticationFailure", "Error"] = "Error",
    ) -> None:
        super().__init__(reason)
        self.status = status


class StoreError(CwmpAgentError):
    """The durable state cannot be used; the message names the path and the reason."""


class StoreLockedError(StoreError):
    """Another process holds the state directory; ``pid`` is its process id, ``None`` if unknown."""

    def __init__(self, directory: str, pid: int | None) -> None:
        holder = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{directory} is in use by {holder}")
        self.pid = pid


class StoreNewerError(StoreError):
    """The database has a newer schema than this version supports; the database is not changed."""


class StoreWriteError(StoreError):
    """A batch of changes could not be saved; no part of it was saved."""


class ControlError(CwmpAgentError):
    """A request at the control socket is refused, or no agent is running to answer it; ``str()`` is one line."""


class ParameterFault(NamedTuple):
    """Reason why one parameter of a SetParameterValues was refused (one SetParameterValuesFault)."""

    name: str
    code: int
    text: str


class TransferFailure(CwmpAgentError):
    """A transfer of a file has failed; ``str()`` is one line for people without credentials.

    ``code``: the FaultCode for a TransferComplete (9001, 9002, 9010 to 9012, 9014 to 9020). ``permanent``: another
    attempt cannot succeed.
    """

    def __init__(self, code: int, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.code = code
        self.permanent = permanent


class SoftwareFailure(CwmpAgentError):
    """An operation on a software module has failed; ``str()`` is one line for people.

    ``code``: the FaultCode for a DUStateChangeComplete (9001, 9003, 9012, 9013, 9015 to 9018, 9022 to 9032).
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class CwmpFault(CwmpAgentError):
    """CWMP fault with which an RPC is answered.

    ``code`` is one of :data:`cwmpagent.faults.FAULT_CODES`; an empty ``text`` stands for the default FaultString of
    the code. ``parameters``: the SetParameterValuesFault elements.
    """

    def __init__(self, code: int, text: str = "", parameters: tuple[ParameterFault, ...] = ()) -> None:
        super().__init__(f"{code} {text}".rstrip())
        self.code = code
        self.text = text
        self.parameters = parameters


def listed_faults(faults: Sequence[ParameterFault], more: int = 0) -> tuple[tuple[ParameterFault, ...], str]:
    """The first :data:`MOST_FAULTS` of ``faults``, and a sentence about the others; it is empty if all are listed.

    ``more``: number of other parameters that are at fault.
    """
    more += max(0, len(faults) - MOST_FAULTS)
    text = f"Invalid arguments: {MOST_FAULTS} parameters are listed, {more} more are refused" if more else ""
    return tuple(faults[:MOST_FAULTS]), text


def internal_error(trace: str) -> str:
    """The line that reports an exception which the agent's own code did not expect; ``trace`` is its traceback."""
    return f"internal error of the agent: {trace}"
