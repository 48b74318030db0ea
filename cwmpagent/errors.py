"""Every error of the package, drawn as a tree.

::

    CwmpAgentError
    +-- ConfigError                what a person wrote in the configuration is wrong
    |   +-- ModelError             ... in a data model file
    +-- MisuseError                a caller broke this package's own rules: a bug, never the peer
    +-- PeerError                  the ACS broke the rules of CWMP; ends the session, never the process
    |   +-- EnvelopeError          its bytes are no acceptable SOAP envelope
    |   +-- SequenceError          a good envelope at the wrong moment, with the wrong ID or of the wrong kind
    +-- TransportError             no usable HTTP answer: name, connection, TLS, time-out, status
    |   +-- AuthenticationError    the ACS does not take our credentials, or offers nothing we may use
    |   +-- TooSlowError           one of the time limits of an answer ran out
    |   +-- TooLargeError          an answer above the configured bound
    +-- XmppError                  no usable XMPP stream, or one that has ended
    +-- StoreError                 the state directory cannot be used
    |   +-- StoreLockedError       another process has it
    |   +-- StoreNewerError        a newer version of this package wrote it
    |   +-- StoreWriteError        a change could not be saved (disk full, read-only)
    +-- ControlError               what was asked at the local command line cannot be done
    +-- CwmpFault                  an RPC is answered with this fault
"""

from __future__ import annotations

from typing import Literal, NamedTuple


class CwmpAgentError(Exception):
    """The root of all errors that this package raises on purpose."""


class ConfigError(CwmpAgentError):
    """A value in the configuration is wrong; ``str()`` is one line for the person who wrote it.

    ``key`` says where (``acs.url``), ``reason`` what is wrong and what would be right.
    """

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
        self.reason = reason


class ModelError(ConfigError):
    """A data model file is wrong; ``key`` is the file and the row or element."""


class MisuseError(CwmpAgentError):
    """A caller inside this program broke a rule; never caused by the peer."""


class PeerError(CwmpAgentError):
    """The ACS broke the rules of CWMP."""


class EnvelopeError(PeerError):
    """The bytes received are no SOAP envelope that may be accepted."""


class SequenceError(PeerError):
    """A well-formed message that the state of the session does not allow."""


class TransportError(CwmpAgentError):
    """There is no usable HTTP answer; the session has failed."""


class AuthenticationError(TransportError):
    """The ACS refuses the credentials, or asks for a scheme that may not be used."""


class TooSlowError(TransportError):
    """A time limit of an HTTP exchange ran out."""


class TooLargeError(TransportError):
    """An HTTP answer is larger than the configured bound."""


class XmppError(CwmpAgentError):
    """An XMPP stream cannot be had, or has ended; ``str()`` is for people, one line and nothing the peer wrote.

    ``status`` is the word of TR-181 Device.XMPP.Connection.{i}.Status for it.
    """

    def __init__(
        self,
        reason: str,
        status: Literal["ServerNotPresent", "Error_Misconfigured", "Error_AuthenticationFailure", "Error"] = "Error",
    ) -> None:
        super().__init__(reason)
        self.status = status


class StoreError(CwmpAgentError):
    """The durable state cannot be used; the message says why and where."""


class StoreLockedError(StoreError):
    """Another process, ``pid``, holds the state directory."""

    def __init__(self, directory: str, pid: int | None) -> None:
        who = "another process" if pid is None else f"process {pid}"
        super().__init__(f"{directory} is in use by {who}")
        self.pid = pid


class StoreNewerError(StoreError):
    """The database has a schema that this version does not know; it is left untouched."""


class StoreWriteError(StoreError):
    """A change could not be saved; nothing of it was."""


class ControlError(CwmpAgentError):
    """A request at the control socket is refused, or no agent is there to answer it; ``str()`` is one line."""


class ParameterFault(NamedTuple):
    """Why one parameter of a SetParameterValues was refused (one SetParameterValuesFault)."""

    name: str
    code: int
    text: str


class CwmpFault(CwmpAgentError):
    """Answer an RPC with a CWMP fault.

    ``code`` is one of ``cwmpagent.faults``; an empty ``text`` stands for that code's usual sentence.
    """

    def __init__(self, code: int, text: str = "", parameters: tuple[ParameterFault, ...] = ()) -> None:
        super().__init__(f"{code} {text}".rstrip())
        self.code = code
        self.text = text
        self.parameters = parameters


def internal_error(trace: str) -> str:
    """The line that reports an exception which the agent's own code did not expect; ``trace`` is its traceback."""
    return f"internal error of the agent: {trace}"
