"""What the ACS is to ask of each device: requests waiting for its next session, one by one, in order."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Literal

from twisted.internet.defer import Deferred

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.rpc import Fault, Request, Response, SoapFault


@dataclass(frozen=True, slots=True)
class Unanswered:
    """In place of an answer: none came, and the ACS cannot know whether the device did what ``request`` says."""

    request: Request
    reason: str


Answer = Response | Fault | SoapFault | Unanswered


@dataclass(slots=True, kw_only=True, eq=False)
class Task:
    """One request for one device. ``queued`` is wall time; ``done`` fires with the :data:`Answer`, and never fails."""

    number: int
    device_id: str
    request: Request
    queued: float
    state: Literal["queued", "sent", "answered", "unanswered"] = "queued"
    answer: Answer | None = None
    done: Deferred[Answer] = field(repr=False)

    def finish(self, answer: Answer) -> None:
        """Tell who waits. Only the first answer counts."""
        if self.answer is not None:
            return
        self.answer = answer
        self.state = "unanswered" if isinstance(answer, Unanswered) else "answered"
        if not self.done.called:
            self.done.callback(answer)


class Tasks:
    """The queues of all devices, known yet or not, and the last tasks of each that are done."""

    WAITING = 1000
    KEPT = 20

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Task]] = defaultdict(deque)
        self._recent: dict[str, deque[Task]] = {}
        self._count = 0

    def queue(self, device_id: str, request: Request, now: float) -> Task:
        """Queue ``request`` (``now`` is wall time). Cancelling the task's ``done`` withdraws it if it was not sent.

        Raises MisuseError where :attr:`WAITING` tasks wait for this device already.
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
        """The next task of this device, now its caller's; None if there is none."""
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
        """The last tasks of this device that were sent, then those that wait."""
        return [*self._recent.get(device_id, ()), *self._waiting.get(device_id, ())]

    def forget(self, device_id: str) -> None:
        """Drop what was done for a device that is no longer known; what waits stays."""
        self._recent.pop(device_id, None)

    def close(self, reason: str) -> None:
        """Finish every waiting task unanswered."""
        for waiting in list(self._waiting.values()):
            while waiting:
                task = waiting.popleft()
                task.finish(Unanswered(task.request, reason))
        self._waiting.clear()

    def _withdraw(self, task: Task) -> None:
        waiting = self._waiting.get(task.device_id)
        if waiting is not None and task in waiting:
            waiting.remove(task)
