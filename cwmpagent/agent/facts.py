"""Facts: frozen values that report what happens to one observer, the only source of logs, metrics and pages.

A fact contains no secret: values of hidden parameters, user names, passwords and cookies are masked before it is
created. Strings from the ACS are unchanged; code that displays them must escape and shorten them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fact:
    """Base class of all facts."""


@dataclass(frozen=True, slots=True)
class AgentStarted(Fact):
    """The agent has started; ``boot``: whether this start is a boot of the device (``1 BOOT``)."""

    device: str
    acs_url: str
    boot: bool
    connection_request_url: str


@dataclass(frozen=True, slots=True)
class AgentStopped(Fact):
    """The agent has saved its state and stopped."""

    device: str


@dataclass(frozen=True, slots=True)
class SessionStarted(Fact):
    """A session opens: URL of the ACS, and EventCodes and RetryCount of its Inform."""

    acs_url: str
    events: tuple[str, ...]
    retry_count: int


@dataclass(frozen=True, slots=True)
class RpcAnswered(Fact):
    """One RPC was answered, by the agent or by the ACS.

    ``by_acs``: the ACS answered a request of the agent. ``fault``: 0, a fault code, or a SOAP faultcode such as
    ``MustUnderstand``. ``fault_parameters``: names, codes and texts of a fault of SetParameterValues.
    """

    rpc: str
    fault: int | str
    seconds: float
    by_acs: bool = False
    fault_text: str = ""
    fault_parameters: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class SessionEnded(Fact):
    """A session has ended. ``reason`` is empty after a success; ``retry_in``: seconds, None where no retry follows.

    ``rpcs``: number of answers by RPC name, in both directions; ``faults``: number of answers by fault code.
    """

    success: bool
    reason: str
    events: tuple[str, ...]
    rpcs: Mapping[str, int]
    faults: Mapping[int | str, int]
    seconds: float
    retry_count: int
    retry_in: float | None


@dataclass(frozen=True, slots=True)
class EnvelopeSent(Fact):
    """One POST is about to be sent; ``text`` is the envelope with secrets masked, empty for an empty POST."""

    text: str


@dataclass(frozen=True, slots=True)
class EnvelopeReceived(Fact):
    """One HTTP answer arrived; ``text`` is its envelope with secrets masked."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class ConnectionRequested(Fact):
    """An authenticated ConnectionRequest arrived from ``source``; ``accepted`` is False beyond the rate limit.

    ``by``: its transport, ``HTTP``, ``UDP`` or ``XMPP``.
    """

    source: str
    accepted: bool
    by: str = "HTTP"


@dataclass(frozen=True, slots=True)
class ConnectionRequestRefused(Fact):
    """A ConnectionRequest from ``source`` was refused, for ``reason``; bounded in rate.

    ``by`` as in :class:`ConnectionRequested`. ``detail``: a text of the client, such as the path of its request.
    ``summary``: the fact sums up ``count`` further requests of the last minute; those of sources and reasons without
    facts of their own have no ``source``, ``by`` and ``reason``.
    """

    source: str
    by: str
    reason: str
    detail: str = ""
    count: int = 1
    summary: bool = False


@dataclass(frozen=True, slots=True)
class KickEnded(Fact):
    """A browser at ``source`` that waited on the kick page got its answer, or has gone; ``outcome``: which one."""

    source: str
    outcome: str


@dataclass(frozen=True, slots=True)
class ParametersChanged(Fact):
    """Values changed; ``origin`` is ``acs``, ``device``, ``local`` or ``file``.

    ``values``: new texts by full name, in the order of ``names``; secrets are masked.
    """

    origin: str
    names: tuple[str, ...]
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Rebooting(Fact):
    """The device is about to reboot, at the request of the ACS or (``local``) of a local user."""

    command_key: str
    factory_reset: bool
    local: bool = False


@dataclass(frozen=True, slots=True)
class TransferBegun(Fact):
    """An attempt to transfer a file begins. ``rpc``: ``Download``, ``Upload`` or ``ScheduleDownload``.

    ``url``: without user name, password, query and fragment. ``failed``: number of attempts that have failed.
    """

    rpc: str
    file_type: str
    url: str
    command_key: str
    failed: int


@dataclass(frozen=True, slots=True)
class TransferRepeated(Fact):
    """An attempt to transfer a file has failed with ``fault`` and ``reason``; another follows in ``retry_in`` seconds.

    Within time windows it may be later.
    """

    rpc: str
    file_type: str
    command_key: str
    fault: int
    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class TransferEnded(Fact):
    """A transfer has ended: its file is applied or sent, or it has failed with ``fault`` and ``reason``.

    ``fault``: 0 for success. ``seconds``: since its first attempt, None where unknown. ``octets``: moved since the
    last start of the agent. ``number``: that of the transfer, used for no other one until the next start.
    """

    rpc: str
    file_type: str
    command_key: str
    fault: int
    reason: str
    seconds: float | None
    octets: int
    number: int


@dataclass(frozen=True, slots=True)
class AcsMethods(Fact):
    """The ACS has answered GetRPCMethods of the agent: with its RPCs, or with ``fault`` (0: none) and ``reason``."""

    methods: tuple[str, ...]
    fault: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RpcCrashed(Fact):
    """The function of an RPC raised an unexpected exception; the answer was fault 9002. ``trace``: its traceback."""

    rpc: str
    trace: str


@dataclass(frozen=True, slots=True)
class Warned(Fact):
    """A problem for the log at warning level, emitted once; ``text`` is one line."""

    text: str


@dataclass(frozen=True, slots=True)
class Noted(Fact):
    """Information for the log at info level; ``text`` is one line."""

    text: str


Observer = Callable[[Fact], None]
