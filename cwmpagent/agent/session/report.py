"""Report of the session subsystem: the last and the next session, and the events that are not delivered."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cwmpagent.agent.facts import SessionEnded
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.agent.report import Json, Metric, Report, planned_text, span, stamped
from cwmpagent.agent.session.driver import SessionDriver
from cwmpagent.protocol.agenda import Agenda, Now
from cwmpagent.protocol.masking import without_userinfo


class SessionReport(Report):
    """``session`` in `status`, and all of `events`. ``last``: wall time and fact of the last session that ended."""

    def __init__(
        self,
        driver: SessionDriver,
        agenda: Agenda,
        server: ManagementServer,
        notifications: Notifications,
        last: tuple[float, SessionEnded] | None,
    ) -> None:
        self._driver = driver
        self._agenda = agenda
        self._server = server
        self._notifications = notifications
        self._last = last

    def status(self) -> Json:
        """Return whether a session is under way, the last one that ended, and the next planned one."""
        now = self._driver.now()
        planned = self._agenda.session_at(now) if self._server.flag("EnableCWMP", True) else None
        last = self._ended(*self._last) if self._last is not None else None
        return {"session": {"open": self._driver.in_session, "last": last, "next": _planned(planned, now)}}

    def summary(self) -> Iterable[tuple[str, str]]:
        """Return the last and the next session."""
        session = self.status()["session"]
        yield "Last session", _last_text(session["last"])
        yield "Next session", "under way now" if session["open"] else planned_text(session["next"])

    def events(self) -> Json:
        """Return events, parameters of ``4 VALUE CHANGE``, ScheduleInforms, and the retry under way."""
        now = self._driver.now()
        agenda = self._agenda
        retry_in = agenda.retry_in(now)
        return {
            "pending": [{"event": event.code, "command_key": event.command_key} for event in agenda.pending],
            "changed": list(self._notifications.pending),
            "scheduled": [
                {"command_key": entry.command_key, **(_planned(entry.due, now) or {})} for entry in agenda.scheduled()
            ],
            "retry_count": agenda.retry_count,
            "retry_in": None if retry_in is None else round(retry_in, 1),
            **self.status(),
        }

    def events_summary(self) -> Iterable[tuple[str, str]]:
        """Return RetryCount, and the last and the next session."""
        retry_in = self._agenda.retry_in(self._driver.now())
        wait = "" if retry_in is None else f", next try in {span(round(retry_in, 1))}"
        yield "RetryCount", f"{self._agenda.retry_count}{wait}"
        yield from self.summary()

    def metrics(self) -> Iterable[Metric]:
        """Return RetryCount, the number of undelivered events, and whether a session is open."""
        in_session = self._driver.in_session
        yield Metric("cwmpagent_retry_count", "Failed sessions since the last success.", self._agenda.retry_count)
        yield Metric("cwmpagent_events_pending", "Events not yet delivered to the ACS.", len(self._agenda.pending))
        yield Metric("cwmpagent_session_open", "Whether a session is under way: 1 or 0.", float(in_session))

    def _ended(self, wall: float, fact: SessionEnded) -> dict[str, Any]:
        return {
            "ended": stamped(wall),
            "success": fact.success,
            "reason": without_userinfo(fact.reason),
            "events": list(fact.events),
            "rpcs": sum(fact.rpcs.values()),
            "faults": list(fact.faults),
            "seconds": round(fact.seconds, 3),
        }


def _last_text(last: Json | None) -> str:
    if last is None:
        return "none since the agent's start"
    how = "done" if last["success"] else "failed"
    text = f"{how} {last['ended']} in {last['seconds']} s: {', '.join(last['events']) or 'no event'}"
    if last["faults"]:
        text += f"; faults {', '.join(map(str, last['faults']))}"
    return f"{text}; {last['reason']}" if last["reason"] else text


def _planned(moment: float | None, now: Now) -> dict[str, Any] | None:
    """A monotonic time as seconds from now, and as a time in UTC where the wall clock is trusted."""
    if moment is None:
        return None
    left = max(0.0, moment - now.monotonic)
    return {"in": round(left, 1), "at": "" if now.wall is None else stamped(now.wall + left)}
