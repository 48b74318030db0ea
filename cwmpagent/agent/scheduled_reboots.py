"""Reboots that are set by parameters: ManagementServer.ScheduleReboot and DelayReboot (TR-181).

What waits is saved in the transaction that sets the parameters. The boot is reported by ``1 BOOT`` alone: no RPC asked
for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.journal import Journal
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.parameters.changes import Change, Changes, Origin
from cwmpagent.agent.ports import Clock, DelayedCall, Restart, Timers
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.agenda.reboot_times import RebootTimes
from cwmpagent.values import UNKNOWN_TIME, LexicalError, parse_time

SCHEDULED_REBOOTS = "scheduled_reboots"
"""Name of the saved note."""

LOOK_AGAIN = 1.0
"""Seconds after which a reboot that is due in a session looks again whether the session has ended."""

_NO_DELAY = "-1"


class ScheduledReboots:
    """Carries out both, between sessions. ``saved``: the note of the last start; ``booted``: the device has booted."""

    def __init__(
        self,
        server: ManagementServer,
        journal: Journal,
        restart: Restart,
        clock: Clock,
        timers: Timers,
        observer: Observer,
        saved: str | None,
        *,
        booted: bool,
    ) -> None:
        self._date_path, self._delay_path = server.path("ScheduleReboot"), server.path("DelayReboot")
        self._server = server
        self._journal = journal
        self._restart = restart
        self._clock = clock
        self._timers = timers
        self._observer = observer
        self._booted = booted
        self._times = self._restored(saved)
        self._in_session: Callable[[], bool] = lambda: False
        self._timer: DelayedCall | None = None
        self._running = False

    @property
    def note(self) -> Mapping[str, str | None]:
        """The note that a start saves."""
        return {SCHEDULED_REBOOTS: self._times.record()}

    async def start(self, changes: Changes, in_session: Callable[[], bool]) -> None:
        """Begin. After a boot DelayReboot is -1. ``in_session``: whether a session is under way."""
        self._in_session = in_session
        self._running = True
        if self._booted and self._server.number("DelayReboot", -1) != -1:
            try:
                await changes.set_values([ParameterAssignment(self._delay_path, _NO_DELAY)], Origin.DEVICE)
            except CwmpFault as fault:
                self._observer(Warned(f"cannot reset DelayReboot: {fault.text}"))
        self.session_over()

    def stop(self) -> None:
        """Reboot no more; what waits stays saved."""
        self._running = False
        self._disarm()

    def resume(self) -> None:
        """Continue after :meth:`stop`, where a reboot has failed. One that was due is not tried again."""
        now = Now.read(self._clock)
        if self._times.begun or self._times.is_due(now):
            self._times = RebootTimes()
            self._journal.save_soon(self.note)
        self._running = True
        self._arm()

    def before(self, change: Change) -> Mapping[str, str | None]:
        """The note to save in the transaction of ``change``."""
        times = self._after(change)
        return {} if times == self._times else {SCHEDULED_REBOOTS: times.record()}

    def after(self, change: Change) -> None:
        """Apply ``change``, which has been made. Out of a session, a delay begins at once."""
        self._times = self._after(change)
        if not self._in_session():
            self.session_over()

    def session_over(self) -> None:
        """Begin the delay that the session has set, and reboot where it is time."""
        times = self._times.session_over(Now.read(self._clock))
        if times != self._times:
            self._times = times
            self._journal.save_soon(self.note)
        self._arm()

    def _after(self, change: Change) -> RebootTimes:
        times, plan = self._times, change.plan
        if self._delay_path in plan.assigned:
            times = times.delayed(self._number(plan.batch.values.get(self._delay_path, self._delay())))
        if self._date_path in plan.assigned:
            date = plan.batch.values.get(self._date_path, self._server.text("ScheduleReboot"))
            times = times.scheduled(_time(date), Now.read(self._clock))
        return times

    def _delay(self) -> str:
        return self._server.text("DelayReboot")

    def _number(self, text: str | None) -> int:
        try:
            return int(text or _NO_DELAY)
        except ValueError:
            return -1

    def _arm(self) -> None:
        """Look at the clocks again when something can be due."""
        self._disarm()
        wait = self._times.wake_in(Now.read(self._clock)) if self._running else None
        if wait is not None:
            self._timer = self._timers.callLater(wait, self._look)

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _look(self) -> None:
        now = Now.read(self._clock)
        checked = self._times.checked(now)
        if checked != self._times:
            self._times = checked
            self._journal.save_soon(self.note)
        if not self._times.is_due(now):
            self._arm()
        elif self._in_session():
            self._timer = self._timers.callLater(LOOK_AGAIN, self._look)
        else:
            self._times = replace(self._times, begun=True)
            done = Deferred.fromCoroutine(self._reboot())
            done.addErrback(lambda failure: report_internal_error(self._observer, failure))

    async def _reboot(self) -> None:
        await self._journal.save_or_warn(self.note)
        self._restart.reboot("")

    def _restored(self, saved: str | None) -> RebootTimes:
        if saved is None:
            return RebootTimes()
        try:
            times = RebootTimes.restored(saved, Now.read(self._clock))
        except ValueError as error:
            self._observer(Warned(f"cannot read the saved reboots, none is scheduled: {error}"))
            return RebootTimes()
        return (times.booted() if self._booted else times).checked(Now.read(self._clock))


def _time(text: str | None) -> float | None:
    with suppress(LexicalError):
        return parse_time(text or UNKNOWN_TIME)
    return None
