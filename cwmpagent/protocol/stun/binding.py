"""Maintenance of the NAT binding of the socket that receives UDP ConnectionRequests (TR-069 Annex G.2.1).

:class:`Binding` has no socket and no clock. The caller passes datagrams and the time, carries out each :class:`Send`,
and calls :meth:`Binding.wake` at :attr:`Binding.wakes_at`. The *primary* socket is the one whose binding is maintained.
Probes go out from a *secondary* socket, with the primary one as RESPONSE-ADDRESS: they discover the idle time that the
binding survives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cwmpagent.protocol.stun.lifetime import LONGEST, LifetimeSearch
from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode, signature_holds
from cwmpagent.protocol.stun.transaction import ROUNDING, StunTransaction

SHORTEST = 1.0
"""Shortest keep-alive period in seconds; a shorter one set by the ACS is raised to it."""
WITHOUT_NAT = 300.0
"""Keep-alive period in seconds where no NAT is detected and the ACS sets no limit."""
_RETRY_FIRST, _RETRY_MOST = 5.0, 300.0
ANEW_AFTER = 86400.0
"""Seconds after which the lifetime of the binding is searched again."""
_LATE = 1.0  # seconds: a wake-up later than this (suspend) measures another idle time than the intended one
_PROBES = 3  # refused in a row for another reason than an unknown RESPONSE-ADDRESS
_UNKNOWN_ATTRIBUTE = 420
_CHANGES_IN_A_ROW = 4
_UNAUTHORIZED = 401
_BAD_CREDENTIALS = frozenset({_UNAUTHORIZED, 430, 431, 432})


@dataclass(frozen=True, slots=True, kw_only=True)
class StunOptions:
    """Choices in which STUN servers differ.

    ``integrity``: the text under MESSAGE-INTEGRITY is padded to 64 bytes (``rfc3489``) or not (``rfc5389``).
    ``username``: USERNAME is in requests that report a change or answer a challenge (``asked``), or in every one
    (``always``).
    """

    integrity: str = "rfc3489"
    username: str = "asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindingSettings:
    """Settings of the ACS: STUNUsername, -Password, -MinimumKeepAlivePeriod and -MaximumKeepAlivePeriod, in seconds.

    ``longest`` is None where there is no limit.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    shortest: float = 0.0
    longest: float | None = None
    options: StunOptions = StunOptions()


@dataclass(frozen=True, slots=True)
class Send:
    """Send ``data`` to the server from the primary socket, or from the ``secondary`` one."""

    data: bytes = field(repr=False)
    secondary: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """The mapped address is new or has changed: datagrams to ``address`` reach the primary socket."""

    address: Address


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The server gives no usable answer. Emitted at every failure; a retry follows."""

    reason: str


Action = Send | Mapped | Unreachable


class Binding:
    """The NAT binding of the primary socket at ``local``.

    ``new_id`` returns 16 random bytes. All times are monotonic seconds. :meth:`start` must be called first.
    """

    def __init__(self, settings: BindingSettings, local: Address, new_id: Callable[[], bytes]) -> None:
        shortest = max(SHORTEST, settings.shortest)
        longest = LONGEST if settings.longest is None else settings.longest
        self._settings = settings
        self._local = local
        self._new_id = new_id
        self._search: LifetimeSearch | None = LifetimeSearch(shortest, longest) if longest > shortest else None
        self._shortest = shortest
        self.mapping: Address | None = None
        self._change_pending = False  # no BINDING-CHANGE for the present mapping was answered yet
        self._changes = 0  # in a row
        self._failures = 0  # in a row
        self._change_at = 0.0  # earliest time of the next BINDING-CHANGE
        self._refusals = 0  # of BINDING-CHANGE, in a row
        self._probes_refused = 0  # in a row
        self._idle_before = 0.0  # idle time before the request in progress
        self._search_ended: float | None = None  # time at which the search ended
        self._request: StunTransaction | None = None
        self._probe: StunTransaction | None = None
        self._probe_idle: float | None = None  # idle time that the probe tests, or tested without an answer
        self._quiet_since = 0.0
        self._due = 0.0

    @property
    def behind_nat(self) -> bool:
        """Whether the mapped address differs from the local one (NATDetected)."""
        return self.mapping is not None and self.mapping != self._local

    @property
    def period(self) -> float:
        """Present keep-alive period: seconds without traffic after which a Binding Request is sent."""
        if not self.behind_nat:
            return max(self._shortest, WITHOUT_NAT if self._settings.longest is None else self._settings.longest)
        return self._shortest if self._search is None else self._search.period

    @property
    def searching(self) -> bool:
        """Whether the search for the binding's lifetime is still running."""
        return self.behind_nat and self._search is not None and self._search.candidate is not None

    @property
    def failing(self) -> bool:
        """Whether the last request failed, or the server refuses BINDING-CHANGE."""
        return self._failures > 0 or self._refusals > 0

    @property
    def unanswered(self) -> bool:
        """Whether the last request failed."""
        return self._failures > 0

    @property
    def wakes_at(self) -> float:
        """Monotonic time by which :meth:`wake` must be called."""
        pending = self._request or self._probe
        return self._due if pending is None else pending.wakes_at

    def start(self, now: float) -> list[Action]:
        """Send the first Binding Request."""
        return self._send_request(now)

    def wake(self, now: float) -> list[Action]:
        """Do what is due at ``now``: a retransmission, a keep-alive or a probe."""
        if self._request is not None:
            if self._request.over(now):
                return self._failed("it does not answer", now)
            return self._sent(self._request, now) if self._request.to_send(now) else []
        if self._probe is not None:
            if self._probe.over(now):
                self._probe = None
                return self._send_request(now)  # its answer shows whether the binding or the server is gone
            return [Send(self._probe.data, True)] if self._probe.to_send(now) else []
        if now < self._due - ROUNDING:
            return []
        if self._search is not None and self._search_ended is not None and now >= self._search_ended + ANEW_AFTER:
            self._search.anew()
            self._search_ended = None
        idle = self._search.candidate if self._search is not None and self.behind_nat else None
        if idle is not None and not self._failures and now - self._quiet_since <= idle + _LATE:
            self._probe_idle = now - self._quiet_since
            return self._send_probe(now)
        return self._send_request(now)

    def received(self, data: bytes, now: float, *, secondary: bool = False) -> list[Action]:
        """Process a datagram that arrived at one of the two sockets; anything but an expected answer is ignored."""
        message = decode(data)
        if message is None or message.kind is MessageType.REQUEST:
            return []
        for pending, react in ((self._probe, self._probed), (self._request, self._answered)):
            if pending is not None and message.transaction == pending.id:
                success = message.kind is MessageType.RESPONSE
                if success and pending.signed and not signature_holds(data, self._settings.password):
                    return []
                return react(message, pending, now, secondary)
        return []

    def _send_request(self, now: float, *, signed: bool = False) -> list[Action]:
        """Send a Binding Request from the primary socket."""
        if not signed:
            self._idle_before = now - self._quiet_since
        has_change = self._change_pending and now >= self._change_at
        message = StunMessage(
            kind=MessageType.REQUEST,
            transaction=self._new_id(),
            connection_request_binding=True,
            binding_change=has_change,
            username=self._username(signed or has_change or self._settings.options.username == "always"),
        )
        self._request = self._transaction(message, signed, now)
        self._request.to_send(now)
        return self._sent(self._request, now)

    def _send_probe(self, now: float, *, signed: bool = False) -> list[Action]:
        """Send a Binding Request from the secondary socket, with the primary one as RESPONSE-ADDRESS."""
        message = StunMessage(
            kind=MessageType.REQUEST,
            transaction=self._new_id(),
            response_address=self.mapping,
            username=self._username(signed or self._settings.options.username == "always"),
        )
        self._probe = self._transaction(message, signed, now)
        self._probe.to_send(now)
        return [Send(self._probe.data, True)]

    def _transaction(self, message: StunMessage, signed: bool, now: float) -> StunTransaction:
        password = self._settings.password if signed else None
        data = encode(message, password=password, filled=self._settings.options.integrity == "rfc3489")
        return StunTransaction(message.transaction, data, now, signed, message.binding_change)

    def _username(self, needed: bool) -> str | None:
        return self._settings.username if needed and self._settings.username else None

    def _sent(self, request: StunTransaction, now: float) -> list[Action]:
        self._quiet_since = now
        return [Send(request.data)]

    def _schedule_next(self) -> list[Action]:
        idle = self._search.candidate if self._search is not None and self.behind_nat else None
        if idle is None and self._search_ended is None and self.behind_nat:
            self._search_ended = self._quiet_since
        self._due = self._quiet_since + (self.period if idle is None else idle)
        return []

    def _answered(self, message: StunMessage, request: StunTransaction, now: float, secondary: bool) -> list[Action]:
        if secondary:
            return []
        if message.kind is MessageType.ERROR:
            return self._refused(message.error, request, now)
        if message.mapped is None:
            return []
        self._update_search(moved=self.mapping is not None and message.mapped != self.mapping)
        self._request, self._failures = None, 0
        if message.mapped == self.mapping:
            self._changes = 0
            if request.has_change or not self._change_pending:
                self._change_pending, self._refusals = False, 0
            return self._schedule_next()
        self.mapping, self._change_pending, self._change_at = message.mapped, True, now
        self._changes += 1
        # BINDING-CHANGE is sent at once. The limit is for NATs that map every request to another address.
        return [
            Mapped(message.mapped),
            *(self._send_request(now) if self._changes <= _CHANGES_IN_A_ROW else self._schedule_next()),
        ]

    def _update_search(self, *, moved: bool) -> None:
        """Evaluate the idle time before an answer of the server; ``moved``: the mapped address has changed."""
        idle, self._probe_idle = self._probe_idle, None
        if self._search is None:
            return
        if idle is not None:
            self._search.died(idle)
        elif (
            moved
            and self._search.candidate is None
            and not self._failures
            and self._idle_before <= self._search.period + _LATE
        ):  # the period was not safe, or is not any more
            self._search.died(self._search.period)
            self._search_ended = None

    def _refused(self, code: int | None, request: StunTransaction, now: float) -> list[Action]:
        if code == _UNAUTHORIZED and not request.signed and self._settings.username:
            return self._send_request(now, signed=True)
        reason = f"it answers with error {code}"
        if code == _UNAUTHORIZED and not request.signed:
            reason = "it requires credentials, but STUNUsername is empty"
        elif code in _BAD_CREDENTIALS:
            reason = f"it rejects STUNUsername and STUNPassword (error {code})"
        return self._change_refused(reason, now) if request.has_change else self._failed(reason, now)

    def _change_refused(self, reason: str, now: float) -> list[Action]:
        """Schedule a refused BINDING-CHANGE again; the server answers, so the keep-alives of the binding go on."""
        self._change_at = now + min(_RETRY_FIRST * 2 ** min(self._refusals, 10), _RETRY_MOST)
        self._refusals += 1
        self._request, self._failures = None, 0
        self._schedule_next()
        return [Unreachable(reason)]

    def _failed(self, reason: str, now: float) -> list[Action]:
        self._request = self._probe_idle = None
        wait = _RETRY_FIRST * 2 ** min(self._failures, 10)
        self._failures += 1
        self._due = now + max(min(wait, _RETRY_MOST), self._shortest)
        return [Unreachable(reason)]

    def _probed(self, message: StunMessage, probe: StunTransaction, now: float, secondary: bool) -> list[Action]:
        self._probe = None
        if secondary and message.error == _UNAUTHORIZED and not probe.signed and self._settings.username:
            return self._send_probe(now, signed=True)
        idle, self._probe_idle = self._probe_idle, None
        if secondary:
            self._probes_refused += 1
            retryable = message.kind is MessageType.ERROR and message.error != _UNKNOWN_ATTRIBUTE
            if retryable and self._probes_refused < _PROBES:
                return self._send_request(now)  # and probe again after the same idle time
            self._search = None  # no support of RESPONSE-ADDRESS: only the shortest period is safe
            return self._schedule_next()
        self._probes_refused = 0
        if self._search is not None and idle is not None:
            self._search.survived(idle)
        return self._send_request(now)
