"""What the ACS must be told and when (TR-069 3.2.1, 3.7.1.5): events, periodic phase, schedule, retry, throttle.

It has no clock. Whoever drives it calls :meth:`Agenda.due` whenever something was added or :meth:`Agenda.wake_at` has
come, opens a session when the answer is True, and saves :meth:`Agenda.record` before anything that promises it leaves.
An event is told by one Inform and goes when the message that delivers it is answered; one that arrives during a session
is another occurrence and stays.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.agenda.clock import Chance, Now
from cwmpagent.protocol.agenda.event_queue import EventQueue
from cwmpagent.protocol.agenda.events import (
    BOOT,
    BOOTSTRAP,
    HEARTBEAT,
    M_REBOOT,
    M_SCHEDULE_INFORM,
    PERIODIC,
    VALUE_CHANGE,
    Event,
)
from cwmpagent.protocol.agenda.heartbeat import Heartbeat
from cwmpagent.protocol.agenda.periodic import Periodic, PeriodicTicks
from cwmpagent.protocol.agenda.retry import Retries, RetryPolicy
from cwmpagent.protocol.agenda.saved_json import SavedJson
from cwmpagent.protocol.agenda.schedule_inform import ScheduledInform, ScheduleInformQueue

__all__ = ["Agenda", "Now", "Periodic", "RetryPolicy", "ScheduledInform", "Snapshot"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the Inform of one session says: the events, in order, and RetryCount.

    A ``heartbeat`` delivers nothing else, changed parameters neither.
    """

    events: tuple[Event, ...]
    retry_count: int
    heartbeat: bool = False


@dataclass(slots=True)
class _Open:
    """The session under way: whether its Inform was answered, and whether a bootstrap has made its end meaningless."""

    snapshot: Snapshot
    informed: bool = False
    superseded: bool = False


class Agenda:
    """Pending events, and the times at which sessions fall due; all times are those of the ``now`` it is given."""

    def __init__(self, *, random: Chance) -> None:
        self._random = random
        self._pending = EventQueue()
        self._ticks = PeriodicTicks()
        self._heartbeat = Heartbeat()
        self._schedule = ScheduleInformQueue()
        self._retries = Retries()
        self._throttle = 0.0
        self._succeeded: float | None = None  # monotonic time at which a session last did
        self._acs = ""
        self._open: _Open | None = None

    # what happens

    def add(self, event: Event, now: Now, *, opens_session: bool = True) -> None:
        """Something happened that the ACS must be told; ``opens_session`` is False for a passive notification."""
        self._look(now)
        self._pending.add(event, opens_session)

    def withdraw(self, code: str) -> None:
        """Forget the pending events of this EventCode, as when the change they tell of was undone."""
        self._pending.withdraw(code)
        if not self._pending.events and not self._retries.owed:
            self._retries.at = None

    def schedule_inform(self, command_key: str, delay: float, now: Now) -> None:
        """Tell ``3 SCHEDULED`` after ``delay`` seconds. Raises CwmpFault 9003 (no delay) and 9004 (queue full)."""
        self._look(now)
        self._schedule.add(command_key, delay, now)

    def scheduled(self) -> tuple[ScheduledInform, ...]:
        """The ScheduleInforms that wait, as :meth:`reschedule` takes them back."""
        return self._schedule.waiting

    def reschedule(self, waiting: tuple[ScheduledInform, ...]) -> None:
        """Put back what :meth:`scheduled` gave: undoes a :meth:`schedule_inform` that could not be saved."""
        self._schedule = ScheduleInformQueue(waiting)

    def bootstrap(self, now: Now, acs: str = "") -> None:
        """First contact, factory reset or a new ACS: every other undelivered event is discarded (``0 BOOTSTRAP``).

        ``acs`` says for whom the event is, as :attr:`acs` gives it back.
        """
        self._look(now)
        self._pending = EventQueue()
        self._schedule = ScheduleInformQueue()
        self._retries.forget()
        if self._open is not None:
            self._open.superseded = True
        self._pending.add(Event(BOOTSTRAP), True)
        self._acs = acs

    def boot(self, now: Now, command_key: str | None = None) -> None:
        """The device has booted; ``command_key`` is that of the Reboot RPC that caused it, None where none did."""
        self._booted(now)
        self._pending.add(Event(BOOT), True)
        if command_key is not None:
            self._pending.add(Event(M_REBOOT, command_key), True)

    def configure(
        self,
        *,
        now: Now,
        periodic: Periodic | None = None,
        retry: RetryPolicy | None = None,
        throttle: float | None = None,
        heartbeat: Periodic | None = None,
    ) -> None:
        """Take over settings, each in force at once; None leaves one as it is, an equal one disturbs nothing.

        ``throttle`` is DefaultActiveNotificationThrottle, in seconds. A retry wait that runs keeps its end.
        ``heartbeat`` is HeartbeatPolicy.
        """
        self._look(now)
        if periodic is not None:
            self._ticks.configure(periodic, now, self._random)
        if retry is not None:
            self._retries.policy = retry
        if throttle is not None:
            self._throttle = float(throttle)
        if heartbeat is not None:
            self._heartbeat.configure(heartbeat, now, self._random)

    # when to act

    def due(self, now: Now) -> bool:
        """Whether a session should be opened now; takes in what time has brought."""
        self._look(now)
        return self._is_due(now)

    def wake_at(self, now: Now) -> float | None:
        """The monotonic time at which :meth:`due` must be asked again; that of ``now`` where it is True already.

        Otherwise it is later than ``now``. None: nothing will happen by time alone, or a session is open.
        """
        self._look(now)
        if self._open is not None:
            return None
        if self._is_due(now):
            return now.monotonic
        looks = [
            self._retries.at,
            self._ticks.next_look(now),
            self._schedule.next_look(now),
            self._heartbeat.next_look(now),
        ]
        if self._pending.asking():
            looks.append(self._throttled_until())
        return min((look for look in looks if look is not None), default=None)

    def session_at(self, now: Now) -> float | None:
        """The monotonic time at which a session will fall due if nothing happens before; None where none will.

        It is :meth:`wake_at` for people: the looks at a clock in between are not in it.
        """
        self._look(now)
        if self._is_due(now):
            return now.monotonic
        times = [self._retries.at, self._ticks.due, self._heartbeat.due, *(each.due for each in self._schedule.waiting)]
        if self._pending.asking():
            times.append(self._throttled_until())
        return min((time for time in times if time is not None), default=None)

    def retry_in(self, now: Now) -> float | None:
        """Seconds until a failed session is tried again; None where none is to be."""
        return None if self._retries.at is None else max(0.0, self._retries.at - now.monotonic)

    @property
    def retry_count(self) -> int:
        """Failed sessions since the last one that succeeded, or since the boot."""
        return self._retries.count

    @property
    def pending(self) -> tuple[Event, ...]:
        """Every event that is not delivered, in the order of an Inform."""
        return self._pending.events

    @property
    def acs(self) -> str:
        """For whom the last ``0 BOOTSTRAP`` was raised, delivered or not."""
        return self._acs

    # the life of a session

    def begin(self, now: Now) -> Snapshot:
        """A session is opened: what its Inform must say. Until :meth:`ended`, a restart counts it as failed."""
        if self._open is not None:
            raise MisuseError("a session is open already")
        self._look(now)
        if self._heartbeat.came and not (self._heartbeat.last and self._is_called_for(now)):
            self._heartbeat.came = False
            self._open = _Open(Snapshot((Event(HEARTBEAT),), self._retries.count, heartbeat=True))
            return self._open.snapshot
        self._retries.at = None
        self._open = _Open(Snapshot(self._pending.tell(), self._retries.count))
        return self._open.snapshot

    def informed(self, snapshot: Snapshot) -> None:
        """The ACS has answered the Inform that said ``snapshot``."""
        if self._open is None or self._open.snapshot != snapshot:
            raise MisuseError("no open session told this snapshot")
        self._open.informed = True
        if not snapshot.heartbeat:
            self._pending.informed()

    def delivered_by(self, request: str, command_key: str = "", *, code: str = "", more: bool = False) -> None:
        """The ACS has answered ``request`` (``TransferComplete`` ...), the report on ``command_key``.

        ``code`` says which event where several share the CommandKey. The single event goes with the last report;
        ``more`` says that reports without an event of their own (autonomous ones) remain.
        """
        self._pending.delivered_by(request, command_key, code, more)

    def ended(self, success: bool, now: Now) -> None:
        """The open session is over. After a failure the retry wait begins."""
        if self._open is None:
            raise MisuseError("no session is open")
        self._look(now)
        session, self._open = self._open, None
        self._heartbeat.last = session.snapshot.heartbeat
        if session.snapshot.heartbeat:
            return
        if success:
            self._pending.succeeded()
            self._retries.forget()
            self._succeeded = now.monotonic
            return
        self._pending.failed()
        if not session.superseded:
            left = bool(self._pending.events)
            self._retries.failed(now, self._random, again=left, informed=session.informed)

    # what is kept over a restart

    def record(self) -> str:
        """Everything, settings included, as text for :meth:`restored`."""
        session = self._open
        record = {
            "format": _FORMAT,
            "events": self._pending.record(),
            "periodic": self._ticks.record(),
            "schedule": self._schedule.record(),
            "retry": self._retries.record(),
            "throttle": self._throttle,
            "succeeded": self._succeeded,
            "acs": self._acs,
            "heartbeat": self._heartbeat.record(),
            "session": session
            and {
                "informed": session.informed,
                "superseded": session.superseded,
                "heartbeat": session.snapshot.heartbeat,
            },
        }
        return json.dumps(record, separators=(",", ":"))

    @classmethod
    def restored(cls, text: str, *, random: Chance, now: Now, booted: bool) -> Agenda:
        """The agenda that ``text`` recorded. Raises ValueError for what is no record, or one of another format.

        ``booted``: the device has booted since, the monotonic clock began anew, and :meth:`boot` is to be called next.
        Otherwise waits go on where they were, and a session that was open counts as failed now.

        An older version's record is read too. What is added to a record gets a default here, by which one without it
        means what it meant; it is a new format only where none would do, for a device that does not know the format
        loses its events.
        """
        record = SavedJson.parse(text)
        if record.whole("format") != _FORMAT:
            raise ValueError(f"format {record.whole('format')} is not known")
        agenda = cls(random=random)
        agenda._pending = EventQueue.restored(record.rows("events"))
        agenda._ticks = PeriodicTicks.restored(record.members("periodic"), now=now, chance=random)
        agenda._schedule = ScheduleInformQueue.restored(record.rows("schedule"), now)
        agenda._retries = Retries.restored(record.members("retry"), now)
        agenda._throttle = record.number("throttle")
        succeeded = record.number_or_none("succeeded")
        agenda._succeeded = None if succeeded is None else min(succeeded, now.monotonic)
        agenda._acs = record.text("acs", "")
        heartbeat = record.members_or_none("heartbeat")
        if heartbeat is not None:
            agenda._heartbeat = Heartbeat.restored(heartbeat, now=now, chance=random)
        session = record.members_or_none("session")
        if session is not None:
            snapshot = Snapshot((), 0, heartbeat=session.flag("heartbeat", False))
            agenda._open = _Open(snapshot, session.flag("informed"), session.flag("superseded"))
        if booted:
            agenda._booted(now)
        elif agenda._open is not None:
            agenda.ended(False, now)
        return agenda

    # within

    def _look(self, now: Now) -> None:
        """Take in what time alone has brought."""
        if self._ticks.ticked(now):
            self._pending.add(Event(PERIODIC), True)
        for command_key in self._schedule.take(now):
            self._pending.add(Event(M_SCHEDULE_INFORM, command_key), True)
        self._heartbeat.look(now, known=Event(BOOTSTRAP) not in self._pending.events)

    def _is_due(self, now: Now) -> bool:
        return self._open is None and (self._heartbeat.came or self._is_called_for(now))

    def _is_called_for(self, now: Now) -> bool:
        """Whether something other than a heartbeat is a reason for a session now."""
        if self._retries.at is not None and now.reached(self._retries.at):
            return True
        asking = self._pending.asking()
        return bool(asking - {VALUE_CHANGE}) or (bool(asking) and now.reached(self._throttled_until()))

    def _throttled_until(self) -> float:
        """The monotonic time before which an active notification alone opens no session."""
        return 0.0 if self._succeeded is None else self._succeeded + self._throttle

    def _booted(self, now: Now) -> None:
        """What a boot makes of all this, but for the event itself."""
        self._open = None
        self._succeeded = None
        self._pending.booted()
        self._retries.forget()
        self._schedule.booted(now)
        self._ticks.start(now, self._random)
        self._heartbeat.start(now, self._random)
