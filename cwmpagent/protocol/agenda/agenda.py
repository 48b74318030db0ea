"""Events and the times of sessions (TR-069 3.2.1, 3.7.1.5): periodic phase, ScheduleInform, retry, throttle.

The agenda has no clock. The caller calls :meth:`Agenda.due` after each change and at :meth:`Agenda.wake_at`, and opens
a session where it returns True. It saves :meth:`Agenda.record` before it sends a message that depends on the change. An
event is reported by an Inform and removed when the message that delivers it is answered. An event that occurs during a
session is another occurrence and stays.
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

__all__ = ["Agenda", "Snapshot"]

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The content of the Inform of one session: the events in order, and RetryCount.

    A ``heartbeat`` session delivers no other event and no changed parameters.
    """

    events: tuple[Event, ...]
    retry_count: int
    heartbeat: bool = False


@dataclass(slots=True)
class _Open:
    """The open session. ``informed``: its Inform was answered. ``superseded``: a bootstrap voids its result."""

    snapshot: Snapshot
    informed: bool = False
    superseded: bool = False


class Agenda:
    """The pending events, and the times at which sessions are due. Every time is that of the ``now`` argument."""

    def __init__(self, *, random: Chance) -> None:
        self._random = random
        self._pending = EventQueue()
        self._ticks = PeriodicTicks()
        self._heartbeat = Heartbeat()
        self._schedule = ScheduleInformQueue()
        self._retries = Retries()
        self._throttle = 0.0
        self._succeeded: float | None = None  # monotonic time of the last successful session
        self._acs = ""
        self._open: _Open | None = None

    def add(self, event: Event, now: Now, *, opens_session: bool = True) -> None:
        """Add an event. ``opens_session`` is False for one that does not open a session (passive notification)."""
        self._advance(now)
        self._pending.add(event, opens_session)

    def withdraw(self, code: str) -> None:
        """Remove the pending events with this EventCode, for example after a change was undone."""
        self._pending.withdraw(code)
        if not self._pending.events and not self._retries.owed:
            self._retries.at = None

    def schedule_inform(self, command_key: str, delay: float, now: Now) -> None:
        """Add ``3 SCHEDULED`` after ``delay`` seconds. Raises CwmpFault 9003 (no delay) and 9004 (queue full)."""
        self._advance(now)
        self._schedule.add(command_key, delay, now)

    def scheduled(self) -> tuple[ScheduledInform, ...]:
        """The waiting ScheduleInforms, for :meth:`reschedule`."""
        return self._schedule.waiting

    def periodic_due(self) -> tuple[float | None, int]:
        """Monotonic time of the next periodic Inform, None without one, and PeriodicInformInterval in seconds."""
        return self._ticks.due, self._ticks.periodic.interval

    def reschedule(self, waiting: tuple[ScheduledInform, ...]) -> None:
        """Restore the result of :meth:`scheduled`, to undo a :meth:`schedule_inform` that could not be saved."""
        self._schedule = ScheduleInformQueue(waiting)

    def bootstrap(self, now: Now, acs: str = "") -> None:
        """Add ``0 BOOTSTRAP`` and discard all other events: first contact, factory reset or a new ACS.

        ``acs`` identifies the ACS of the event; it is stored as :attr:`acs`.
        """
        self._advance(now)
        self._pending = EventQueue()
        self._schedule = ScheduleInformQueue()
        self._retries.forget()
        if self._open is not None:
            self._open.superseded = True
        self._pending.add(Event(BOOTSTRAP), True)
        self._acs = acs

    def boot(self, now: Now) -> None:
        """Apply a boot and add ``1 BOOT``. The cause (``M Reboot``) is added afterwards, by :meth:`add`."""
        self._booted(now)
        self._pending.add(Event(BOOT), True)

    def configure(
        self,
        *,
        now: Now,
        periodic: Periodic | None = None,
        retry: RetryPolicy | None = None,
        throttle: float | None = None,
        heartbeat: Periodic | None = None,
    ) -> None:
        """Apply settings at once; None and equal values change nothing.

        ``throttle`` is DefaultActiveNotificationThrottle in seconds, ``heartbeat`` is HeartbeatPolicy. A running retry
        wait keeps its end.
        """
        self._advance(now)
        if periodic is not None:
            self._ticks.configure(periodic, now, self._random)
        if retry is not None:
            self._retries.policy = retry
        if throttle is not None:
            self._throttle = float(throttle)
        if heartbeat is not None:
            self._heartbeat.configure(heartbeat, now, self._random)

    def due(self, now: Now) -> bool:
        """Whether a session must be opened now. Adds the events that are due by time."""
        self._advance(now)
        return self._is_due(now)

    def wake_at(self, now: Now) -> float | None:
        """Monotonic time at which :meth:`due` must be called again; that of ``now`` where it is True already.

        Otherwise it is later than ``now``. None: no event is due by time, or a session is open.
        """
        self._advance(now)
        if self._open is not None:
            return None
        if self._is_due(now):
            return now.monotonic
        times = [
            self._retries.at,
            self._ticks.next_check(now),
            self._schedule.next_check(now),
            self._heartbeat.next_check(now),
        ]
        if self._pending.codes_waiting():
            times.append(self._throttled_until())
        return min((time for time in times if time is not None), default=None)

    def session_at(self, now: Now) -> float | None:
        """Monotonic time of the next session if no event occurs before; None where none is due by time.

        Unlike :meth:`wake_at`, it does not include the checks of the wall clock. It is for display.
        """
        self._advance(now)
        if self._is_due(now):
            return now.monotonic
        times = [
            self._retries.at,
            self._ticks.due,
            self._heartbeat.due,
            *(entry.due for entry in self._schedule.waiting),
        ]
        if self._pending.codes_waiting():
            times.append(self._throttled_until())
        return min((time for time in times if time is not None), default=None)

    def retry_in(self, now: Now) -> float | None:
        """Seconds until the retry of a failed session; None where no retry is due."""
        return None if self._retries.at is None else max(0.0, self._retries.at - now.monotonic)

    @property
    def retry_count(self) -> int:
        """Number of failed sessions since the last successful one or the boot (RetryCount)."""
        return self._retries.count

    @property
    def pending(self) -> tuple[Event, ...]:
        """The undelivered events, in the order of an Inform."""
        return self._pending.events

    @property
    def acs(self) -> str:
        """The ACS for which the last ``0 BOOTSTRAP`` was added, delivered or not."""
        return self._acs

    def begin(self, now: Now) -> Snapshot:
        """Begin a session and return the content of its Inform. Until :meth:`ended`, a restart counts it as failed."""
        if self._open is not None:
            raise MisuseError("cannot begin a session: one is open already")
        self._advance(now)
        if self._heartbeat.pending and not (self._heartbeat.was_last and self._is_other_due(now)):
            self._heartbeat.pending = False
            self._open = _Open(Snapshot((Event(HEARTBEAT),), self._retries.count, heartbeat=True))
            return self._open.snapshot
        self._retries.at = None
        self._open = _Open(Snapshot(self._pending.take_for_inform(), self._retries.count))
        return self._open.snapshot

    def informed(self, snapshot: Snapshot) -> None:
        """Record that the ACS has answered the Inform with ``snapshot``."""
        if self._open is None or self._open.snapshot != snapshot:
            raise MisuseError("the open session has not sent this snapshot")
        self._open.informed = True
        if not snapshot.heartbeat:
            self._pending.informed()

    def delivered_by(
        self, request: str, command_key: str = "", *, code: str = "", more: bool = False, again: int = 0
    ) -> None:
        """Record that the ACS has answered ``request`` (``TransferComplete`` ...) for ``command_key``.

        ``code`` selects the event where several have the same CommandKey. The single event is removed with the last
        report. ``more``: reports without an own event (autonomous ones) remain. ``again``: number of
        other reports of the same event; it stays for them: several requests had the same CommandKey.
        """
        self._pending.delivered_by(request, command_key, code, more, again)

    def ended(self, success: bool, now: Now) -> None:
        """End the open session; a failure begins the retry wait."""
        if self._open is None:
            raise MisuseError("cannot end a session: none is open")
        self._advance(now)
        session, self._open = self._open, None
        self._heartbeat.was_last = session.snapshot.heartbeat
        if session.snapshot.heartbeat:
            return
        if success:
            self._pending.succeeded()
            self._retries.forget()
            self._succeeded = now.monotonic
            return
        self._pending.failed()
        if not session.superseded:
            self._retries.failed(now, self._random, again=bool(self._pending.events), informed=session.informed)

    def record(self) -> str:
        """Return the whole state, settings included, as text for :meth:`restored`."""
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
        """Restore a :meth:`record`. Raises ValueError where ``text`` is damaged or of an unknown format.

        ``booted``: the device has booted since, the monotonic clock has restarted, and :meth:`boot` is called next.
        Otherwise waits continue, and a session that was open counts as failed now.

        Records of older versions are accepted: a new member gets a default here that keeps the meaning of a record
        without it. Raise the format number only where no default is possible, because a device that does not know the
        format loses its events.
        """
        record = SavedJson.parse(text)
        if record.whole("format") != _FORMAT:
            raise ValueError(f"record format {record.whole('format')} is not supported")
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

    def _advance(self, now: Now) -> None:
        """Add the events that are due by time."""
        if self._ticks.ticked(now):
            self._pending.add(Event(PERIODIC), True)
        for command_key in self._schedule.take(now):
            self._pending.add(Event(M_SCHEDULE_INFORM, command_key), True)
        self._heartbeat.update(now, known=Event(BOOTSTRAP) not in self._pending.events)

    def _is_due(self, now: Now) -> bool:
        return self._open is None and (self._heartbeat.pending or self._is_other_due(now))

    def _is_other_due(self, now: Now) -> bool:
        """Whether a session other than a heartbeat is due now."""
        if self._retries.at is not None and now.reached(self._retries.at):
            return True
        waiting = self._pending.codes_waiting()
        return bool(waiting - {VALUE_CHANGE}) or (bool(waiting) and now.reached(self._throttled_until()))

    def _throttled_until(self) -> float:
        """Monotonic time before which an active notification alone opens no session."""
        return 0.0 if self._succeeded is None else self._succeeded + self._throttle

    def _booted(self, now: Now) -> None:
        """Apply a boot to the whole state, without the event ``1 BOOT``."""
        self._open = None
        self._succeeded = None
        self._pending.booted()
        self._retries.forget()
        self._schedule.booted(now)
        self._ticks.start(now, self._random)
        self._heartbeat.start(now, self._random)
