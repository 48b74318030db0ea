"""Maintenance of the NAT binding of the socket that receives UDP ConnectionRequests (TR-069 Annex G.2.1).

:class:`Binding` has no socket and no clock. The caller passes datagrams and the time, carries out each :class:`Send`,
and calls :meth:`Binding.wake` at :attr:`Binding.wakes_at`. The *primary* socket is the one whose binding is maintained.
Probes go out from a *secondary* socket, with the primary one as RESPONSE-ADDRESS: they discover the idle time that the
binding survives. The primary socket sends at least once in the longest period that is allowed, whatever happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode, signature_holds
from cwmpagent.protocol.stun.probing import LifetimeProbes
from cwmpagent.protocol.stun.transaction import PATIENCE, PROBE_PATIENCE, ROUNDING, StunTransaction

SHORTEST = 1.0
"""Shortest keep-alive period in seconds; a shorter one set by the ACS is raised to it."""
WITHOUT_NAT = 300.0
"""Keep-alive period in seconds where no NAT is detected and the ACS sets no limit."""
_RETRY_FIRST, _RETRY_MOST = 5.0, 300.0
_LATE = 1.0  # seconds: a wake-up later than this (suspend) measures another idle time than the intended one
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

    ``new_id`` returns 16 random bytes. ``alone``: whether nobody else sends from the primary socket; otherwise its idle
    time is not known, and the binding's lifetime is not searched. All times are monotonic seconds. :meth:`start` must
    be called first.
    """

    def __init__(
        self,
        settings: BindingSettings,
        local: Address,
        new_id: Callable[[], bytes],
        alone: Callable[[], bool] = lambda: True,
    ) -> None:
        shortest = max(SHORTEST, settings.shortest)
        self._settings = settings
        self._local = local
        self._new_id = new_id
        self._alone = alone
        self._probes = LifetimeProbes(shortest, settings.longest)
        self._shortest = shortest
        self.mapping: Address | None = None
        self._change_pending = False  # no BINDING-CHANGE for the present mapping was answered yet
        self._changes = 0  # in a row
        self._failures = 0  # in a row
        self._change_at = 0.0  # earliest time of the next BINDING-CHANGE
        self._refusals = 0  # of BINDING-CHANGE, in a row
        self._idle_before = 0.0  # idle time before the request in progress
        self._request: StunTransaction | None = None
        self._probe: StunTransaction | None = None
        self._quiet_since = 0.0
        self._due = 0.0
        self._probe_due = False  # what is due is a probe, not a keep-alive
        self._retry_at = float("-inf")  # after a failure: time of the next request with retransmissions

    @property
    def behind_nat(self) -> bool:
        """Whether the mapped address differs from the local one (NATDetected)."""
        return self.mapping is not None and self.mapping != self._local

    @property
    def period(self) -> float:
        """Present keep-alive period: seconds without traffic after which a Binding Request is sent."""
        if not self.behind_nat:
            return max(self._shortest, WITHOUT_NAT if self._settings.longest is None else self._settings.longest)
        return self._probes.period

    @property
    def searching(self) -> bool:
        """Whether the search for the binding's lifetime is still running."""
        return self.behind_nat and self._probes.searching and self._alone()

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
        return self._due if pending is None else min(pending.wakes_at, self._silent_until)

    def start(self, now: float) -> list[Action]:
        """Send the first Binding Request."""
        return self._send_request(now)

    def wake(self, now: float) -> list[Action]:
        """Do what is due at ``now``: a retransmission, a keep-alive or a probe."""
        if self._request is not None:
            if self._request.over(now):
                failed = self._request.repeated
                return self._failed("it does not answer", now) if failed else self._send_request(now)
            # A request without an answer must not end the keep-alives: most NATs renew a binding only for outbound
            # datagrams.
            due = self._request.to_send(now) or now >= self._silent_until - ROUNDING
            return self._sent(self._request, now) if due else []
        if self._probe is not None:
            if self._probe.over(now) or now >= self._silent_until - ROUNDING:
                return self._probe_unanswered(now)
            return [Send(self._probe.data, True)] if self._probe.to_send(now) else []
        if now < self._due - ROUNDING:
            return []
        if self._probe_due and self._alone() and now <= self._due + min(_LATE, self._probes.lateness):
            return self._send_probe(now, now - self._quiet_since)
        return self._send_request(now)

    def hold(self, until: float) -> None:
        """Do not retry a server that does not answer before ``until``; the keep-alives go on."""
        self._retry_at = max(self._retry_at, until)

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
        if self._failures and not self._retries(now):  # until the retry, only the binding is kept alive
            self._request = self._transaction(message, signed, now, patience=self._retry_at - now, repeated=False)
        else:
            self._request = self._transaction(message, signed, now)
        self._request.to_send(now)
        return self._sent(self._request, now)

    def _send_probe(self, now: float, idle: float, *, signed: bool = False) -> list[Action]:
        """Send a Binding Request from the secondary socket, with the primary one as RESPONSE-ADDRESS."""
        self._probes.begin(idle)
        message = StunMessage(
            kind=MessageType.REQUEST,
            transaction=self._new_id(),
            response_address=self.mapping,
            username=self._username(signed or self._settings.options.username == "always"),
        )
        self._probe = self._transaction(message, signed, now, patience=PROBE_PATIENCE)
        self._probe.to_send(now)
        return [Send(self._probe.data, True)]

    def _transaction(
        self, message: StunMessage, signed: bool, now: float, *, patience: float = PATIENCE, repeated: bool = True
    ) -> StunTransaction:
        password = self._settings.password if signed else None
        data = encode(message, password=password, filled=self._settings.options.integrity == "rfc3489")
        return StunTransaction(message.transaction, data, now, signed, message.binding_change, patience, repeated)

    def _username(self, needed: bool) -> str | None:
        return self._settings.username if needed and self._settings.username else None

    def _sent(self, request: StunTransaction, now: float) -> list[Action]:
        self._quiet_since = now
        return [Send(request.data)]

    @property
    def _silent_until(self) -> float:
        """Time at which the primary socket must send, whatever is in progress."""
        tests_idle = self._probe is not None and not self._probes.on_trial
        return self._quiet_since + (self._probes.longest_silence if tests_idle else self.period)

    def _schedule_next(self, now: float) -> list[Action]:
        """After an answer of the server: schedule the next keep-alive or probe; a trial is sent at once."""
        idle = self._probes.idle_to_test(now, self._quiet_since) if self.behind_nat and self._alone() else None
        if idle == 0:
            return self._send_probe(now, idle)
        self._probe_due = idle is not None
        self._due = self._quiet_since + (self.period if idle is None else idle)
        return []

    def _schedule_keep_alive(self) -> list[Action]:
        """After a trial, which the keep-alives do not wait for."""
        self._probe_due = False
        self._due = self._quiet_since + self.period
        return []

    def _answered(self, message: StunMessage, request: StunTransaction, now: float, secondary: bool) -> list[Action]:
        if secondary:
            return []
        if message.kind is MessageType.ERROR:
            return self._refused(message.error, request, now)
        if message.mapped is None:
            return []
        moved = self.mapping is not None and message.mapped != self.mapping
        probed = self._probes.server_answers(now)
        if moved and not probed and not self._failures and self._idle_before <= self._probes.period + _LATE:
            self._probes.lost()
        self._request, self._failures = None, 0
        if message.mapped == self.mapping:
            self._changes = 0
            if request.has_change or not self._change_pending:
                self._change_pending, self._refusals = False, 0
            return self._schedule_next(now)
        self.mapping, self._change_pending, self._change_at = message.mapped, True, now
        self._changes += 1
        # BINDING-CHANGE is sent at once. The limit is for NATs that map every request to another address.
        return [
            Mapped(message.mapped),
            *(self._send_request(now) if self._changes <= _CHANGES_IN_A_ROW else self._schedule_next(now)),
        ]

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
        return [Unreachable(reason), *self._schedule_next(now)]

    def _failed(self, reason: str, now: float) -> list[Action]:
        """Schedule a retry, later after each failure, and the keep-alives until then, which are not reported."""
        actions: list[Action] = []
        if not self._failures or self._retries(now):
            wait = _RETRY_FIRST * 2 ** min(self._failures, 10)
            self._failures += 1
            self._retry_at = now + max(min(wait, _RETRY_MOST), self._shortest)
            actions.append(Unreachable(reason))
        self._request, self._probe_due = None, False
        self._probes.forget()
        self._due = min(self._retry_at, max(now, self._quiet_since + self.period))
        return actions

    def _retries(self, now: float) -> bool:
        return now >= self._retry_at - ROUNDING

    def _probed(self, message: StunMessage, probe: StunTransaction, now: float, secondary: bool) -> list[Action]:
        self._probe = None
        if secondary and message.error == _UNAUTHORIZED and not probe.signed and self._settings.username:
            return self._send_probe(now, 0.0 if self._probes.on_trial else now - self._quiet_since, signed=True)
        trial = self._probes.on_trial
        if secondary:
            self._probes.refused(message.error if message.kind is MessageType.ERROR else None, now)
        elif trial or self._alone():
            self._probes.answered()
        else:
            self._probes.forget()
        return self._schedule_keep_alive() if trial else self._send_request(now)

    def _probe_unanswered(self, now: float) -> list[Action]:
        """End the probe. The answer to the next request shows whether the binding or the server is gone."""
        self._probe = None
        return self._schedule_keep_alive() if self._probes.on_trial else self._send_request(now)
