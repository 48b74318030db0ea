"""Keeps the NAT binding of the socket that takes UDP ConnectionRequests (TR-069 Annex G.2.1).

It has no socket and no clock: whoever drives it hands in datagrams and the time, sends what :class:`Send` says, and
comes back at :attr:`Binding.wakes_at`. The *primary* socket is the one whose binding is kept; from a *secondary* one
it has the server send to the primary, to find out how long a silence the binding survives.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cwmpagent.protocol.stun.lifetime import LONGEST, LifetimeSearch
from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode, signature_holds
from cwmpagent.protocol.stun.transaction import StunTransaction

SHORTEST = 1.0
"""Seconds: no period is shorter, whatever the ACS sets."""
WITHOUT_NAT = 300.0
"""Seconds between two looks whether there is a NAT by now, where none was found and the ACS sets no limit."""
_RETRY_FIRST, _RETRY_MOST = 5.0, 300.0
ANEW_AFTER = 86400.0
"""Seconds after which it is looked anew how long a binding lives."""
_LATE = 1.0  # seconds: who wakes later than this has slept, and what it finds says nothing of the time that was meant
_PROBES = 3  # refused in a row, for another reason than that the server does not know RESPONSE-ADDRESS
_UNKNOWN_ATTRIBUTE = 420
_CHANGES_IN_A_ROW = 4
_ROUNDING = 1e-6
UNAUTHORIZED = 401
_BAD_CREDENTIALS = frozenset({UNAUTHORIZED, 430, 431, 432})


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
    """Send ``data`` to the server, from the primary socket or the ``secondary`` one."""

    data: bytes = field(repr=False)
    secondary: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """Datagrams to ``address`` reach the primary socket: it is new, or another one than before."""

    address: Address


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The server does not answer, or not as it must; it will be tried again. Said at every failure."""

    reason: str


Action = Send | Mapped | Unreachable


class Binding:
    """The binding of the primary socket at ``local``. ``new_id`` gives 16 random bytes.

    Times are monotonic seconds. :meth:`start` comes first; after that it goes on for as long as it is driven.
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
        self._untold = False  # the ACS has not been told by BINDING-CHANGE of what the mapping is now
        self._changes = 0  # in a row
        self._failures = 0  # in a row
        self._tell_at = 0.0  # not before, as it was refused
        self._refusals = 0  # of BINDING-CHANGE, in a row
        self._probes_refused = 0  # in a row
        self._slept = 0.0  # the silence before the request under way
        self._found_at: float | None = None  # when the search ended
        self._asked: StunTransaction | None = None
        self._probe: StunTransaction | None = None
        self._silence: float | None = None  # which one the probe tries, or has tried in vain
        self._quiet_since = 0.0
        self._due = 0.0

    @property
    def behind_nat(self) -> bool:
        """Whether the server sees another address than ours (NATDetected)."""
        return self.mapping is not None and self.mapping != self._local

    @property
    def period(self) -> float:
        """Seconds of silence after which the binding is kept alive, as far as is known now."""
        if not self.behind_nat:
            return max(self._shortest, WITHOUT_NAT if self._settings.longest is None else self._settings.longest)
        return self._shortest if self._search is None else self._search.period

    @property
    def searching(self) -> bool:
        """Whether it is still being tried how long the binding lives."""
        return self.behind_nat and self._search is not None and self._search.candidate is not None

    @property
    def failing(self) -> bool:
        """Whether the server did not answer the last that it was asked, or does not take what it is told."""
        return self._failures > 0 or self._refusals > 0

    @property
    def unanswered(self) -> bool:
        """Whether the server did not answer the last that it was asked."""
        return self._failures > 0

    @property
    def wakes_at(self) -> float:
        """When :meth:`wake` must be called, at the latest."""
        under_way = self._asked or self._probe
        return self._due if under_way is None else under_way.wakes_at

    def start(self, now: float) -> list[Action]:
        """Ask for the binding."""
        return self._ask(now)

    def wake(self, now: float) -> list[Action]:
        """Do what is due."""
        if self._asked is not None:
            if self._asked.over(now):
                return self._failed("it does not answer", now)
            return self._sent(self._asked, now) if self._asked.to_send(now) else []
        if self._probe is not None:
            if self._probe.over(now):
                self._probe = None
                return self._ask(now)  # the answer will tell whether it was the binding that was gone, or the server
            return [Send(self._probe.data, True)] if self._probe.to_send(now) else []
        if now < self._due - _ROUNDING:
            return []
        if self._search is not None and self._found_at is not None and now >= self._found_at + ANEW_AFTER:
            self._search.anew()
            self._found_at = None
        silence = self._search.candidate if self._search is not None and self.behind_nat else None
        if silence is not None and not self._failures and now - self._quiet_since <= silence + _LATE:
            self._silence = now - self._quiet_since
            return self._try(now)
        return self._ask(now)

    def received(self, data: bytes, now: float, *, secondary: bool = False) -> list[Action]:
        """A datagram came to one of the two sockets; what is no answer to what was asked is ignored."""
        message = decode(data)
        if message is None or message.kind is MessageType.REQUEST:
            return []
        for under_way, react in ((self._probe, self._probed), (self._asked, self._answered)):
            if under_way is not None and message.transaction == under_way.id:
                good = message.kind is MessageType.RESPONSE
                if good and under_way.signed and not signature_holds(data, self._settings.password):
                    return []
                return react(message, under_way, now, secondary)
        return []

    def _ask(self, now: float, *, signed: bool = False) -> list[Action]:
        """A Binding Request from the primary socket."""
        if not signed:
            self._slept = now - self._quiet_since
        tells = self._untold and now >= self._tell_at
        message = StunMessage(
            kind=MessageType.REQUEST,
            transaction=self._new_id(),
            connection_request_binding=True,
            binding_change=tells,
            username=self._name(signed or tells or self._settings.options.username == "always"),
        )
        self._asked = self._transaction(message, signed, now)
        self._asked.to_send(now)
        return self._sent(self._asked, now)

    def _try(self, now: float, *, signed: bool = False) -> list[Action]:
        """A Binding Request from the secondary socket, whose answer is to go to the primary one."""
        message = StunMessage(
            kind=MessageType.REQUEST,
            transaction=self._new_id(),
            response_address=self.mapping,
            username=self._name(signed or self._settings.options.username == "always"),
        )
        self._probe = self._transaction(message, signed, now)
        self._probe.to_send(now)
        return [Send(self._probe.data, True)]

    def _transaction(self, message: StunMessage, signed: bool, now: float) -> StunTransaction:
        password = self._settings.password if signed else None
        data = encode(message, password=password, filled=self._settings.options.integrity == "rfc3489")
        return StunTransaction(message.transaction, data, now, signed, message.binding_change)

    def _name(self, wanted: bool) -> str | None:
        return self._settings.username if wanted and self._settings.username else None

    def _sent(self, asked: StunTransaction, now: float) -> list[Action]:
        self._quiet_since = now
        return [Send(asked.data)]

    def _rest(self) -> list[Action]:
        silence = self._search.candidate if self._search is not None and self.behind_nat else None
        if silence is None and self._found_at is None and self.behind_nat:
            self._found_at = self._quiet_since
        self._due = self._quiet_since + (self.period if silence is None else silence)
        return []

    def _answered(self, message: StunMessage, asked: StunTransaction, now: float, secondary: bool) -> list[Action]:
        if secondary:
            return []
        if message.kind is MessageType.ERROR:
            return self._refused(message.error, asked, now)
        if message.mapped is None:
            return []
        self._learn(moved=self.mapping is not None and message.mapped != self.mapping)
        self._asked, self._failures = None, 0
        if message.mapped == self.mapping:
            self._changes = 0
            if asked.tells or not self._untold:
                self._untold, self._refusals = False, 0
            return self._rest()
        self.mapping, self._untold, self._tell_at = message.mapped, True, now
        self._changes += 1
        # The ACS is told at once; but there are NATs that give another address every time.
        return [Mapped(message.mapped), *(self._ask(now) if self._changes <= _CHANGES_IN_A_ROW else self._rest())]

    def _learn(self, *, moved: bool) -> None:
        """The server is there: what does that say of the silence before?"""
        silence, self._silence = self._silence, None
        if self._search is None:
            return
        if silence is not None:
            self._search.died(silence)
        elif (
            moved
            and self._search.candidate is None
            and not self._failures
            and self._slept <= self._search.period + _LATE
        ):  # what was taken for safe was not, or is no longer
            self._search.died(self._search.period)
            self._found_at = None

    def _refused(self, code: int | None, asked: StunTransaction, now: float) -> list[Action]:
        if code == UNAUTHORIZED and not asked.signed and self._settings.username:
            return self._ask(now, signed=True)
        reason = f"it answers with error {code}"
        if code == UNAUTHORIZED and not asked.signed:
            reason = "it asks for credentials, and STUNUsername is empty"
        elif code in _BAD_CREDENTIALS:
            reason = f"it does not take STUNUsername and STUNPassword (error {code})"
        return self._not_told(reason, now) if asked.tells else self._failed(reason, now)

    def _not_told(self, reason: str, now: float) -> list[Action]:
        """The server is there, and does not take BINDING-CHANGE: that is tried again, the binding kept all the same."""
        self._tell_at = now + min(_RETRY_FIRST * 2 ** min(self._refusals, 10), _RETRY_MOST)
        self._refusals += 1
        self._asked, self._failures = None, 0
        self._rest()
        return [Unreachable(reason)]

    def _failed(self, reason: str, now: float) -> list[Action]:
        self._asked = self._silence = None
        wait = _RETRY_FIRST * 2 ** min(self._failures, 10)
        self._failures += 1
        self._due = now + max(min(wait, _RETRY_MOST), self._shortest)
        return [Unreachable(reason)]

    def _probed(self, message: StunMessage, probe: StunTransaction, now: float, secondary: bool) -> list[Action]:
        self._probe = None
        if secondary and message.error == UNAUTHORIZED and not probe.signed and self._settings.username:
            return self._try(now, signed=True)
        silence, self._silence = self._silence, None
        if secondary:
            self._probes_refused += 1
            known = message.kind is MessageType.ERROR and message.error != _UNKNOWN_ATTRIBUTE
            if known and self._probes_refused < _PROBES:
                return self._ask(now)  # and try again after the same silence
            self._search = None  # it does not know RESPONSE-ADDRESS: only the shortest period is sure
            return self._rest()
        self._probes_refused = 0
        if self._search is not None and silence is not None:
            self._search.survived(silence)
        return self._ask(now)
