"""The queues of the ACS's requests, which wait for the next session of each device and are sent in order."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Literal

from twisted.internet.defer import Deferred

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.rpc import Fault, Request, Response, SoapFault


@dataclass(frozen=True, slots=True)
class Unanswered:
    """In place of an answer: none arrived, and whether the device carried out ``request`` is not known."""

    request: Request
    reason: str


Answer = Response | Fault | SoapFault | Unanswered


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """One request for one device. ``queued``: wall time. ``done``: fires with the :data:`Answer` and never fails."""

    number: int
    device_id: str
    request: Request
    queued: float
    state: Literal["queued", "sent", "answered", "unanswered"] = "queued"
    answer: Answer | None = None
    done: Deferred[Answer] = field(repr=False)

    def finish(self, answer: Answer) -> None:
        """Set the answer and fire ``done``. Only the first call counts."""
        if self.answer is not None:
            return
        self.answer = answer
        self.state = "unanswered" if isinstance(answer, Unanswered) else "answered"
        if not self.done.called:
            self.done.callback(answer)


class Tasks:
    """The queues of all devices, known or not, and the last sent tasks of each."""

    WAITING = 1000
    KEPT = 20

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Task]] = defaultdict(deque)
        self._recent: dict[str, deque[Task]] = {}
        self._count = 0

    def queue(self, device_id: str, request: Request, now: float) -> Task:
        """Queue ``request`` (``now`` is wall time). Cancelling the task's ``done`` withdraws a task that was not sent.

        Raises MisuseError if :attr:`WAITING` tasks of this device are waiting.
        """
        waiting = self._waiting[device_id]
        if len(waiting) >= self.WAITING:
            raise MisuseError(f"{self.WAITING} tasks are waiting for {device_id} already")
        self._count += 1
        task = Task(
            number=self._count,
            device_id=device_id,
            request=request,
            queued=now,
            done=Deferred(lambda _: self._withdraw(task)),
        )
        waiting.append(task)
        return task

    def next(self, device_id: str) -> Task | None:
        """Take the next task of this device out of its queue; None if there is none."""
        waiting = self._waiting.get(device_id)
        if not waiting:
            return None
        task = waiting.popleft()
        if not waiting:
            del self._waiting[device_id]
        task.state = "sent"
        self._recent.setdefault(device_id, deque(maxlen=self.KEPT)).append(task)
        return task

    def of(self, device_id: str) -> list[Task]:
        """The last sent tasks of this device, then those that wait."""
        return [*self._recent.get(device_id, ()), *self._waiting.get(device_id, ())]

    def forget(self, device_id: str) -> None:
        """Drop the sent tasks of a device that is no longer known; waiting tasks are kept."""
        self._recent.pop(device_id, None)

    def close(self, reason: str) -> None:
        """Finish every waiting task as unanswered."""
        for waiting in list(self._waiting.values()):
            while waiting:
                task = waiting.popleft()
                task.finish(Unanswered(task.request, reason))
        self._waiting.clear()

    def _withdraw(self, task: Task) -> None:
        waiting = self._waiting.get(task.device_id)
        if waiting is not None and task in waiting:
            waiting.remove(task)
