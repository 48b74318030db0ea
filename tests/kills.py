"""``kill -9`` at random moments during a series of changes, and the checks after each.

Each change has its number as ParameterKey, so the device reports its last change. It must be the last change that the
device answered, or the next one, and all other values must be exactly those of that change.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.lab.acs.tasks import Unanswered
from cwmpagent.protocol.rpc import (
    AcsRequest,
    AddObject,
    AddObjectResponse,
    DeleteObject,
    DeleteObjectResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    SetParameterValuesResponse,
)
from tests.agent.bench import DEVICE, SERVER, assign
from tests.process import Child

TABLE = "Device.NAT.PortMapping."
WORDS = ("Device.DeviceInfo.ProvisioningCode", "Device.Time.LocalTimeZone", SERVER + "UDPLightweightNotificationHost")
KEY = SERVER + "ParameterKey"
MOST_ROWS = 12


@dataclass(frozen=True, slots=True)
class Expected:
    """Expected state of the device after one change."""

    word: str | None = None
    rows: frozenset[tuple[int, str]] = frozenset()
    last_row: int = 0


class Kills:
    """Runs agents one after another on the state directory of ``case`` (a TapCase), and kills each."""

    def __init__(self, case: Any, seed: int) -> None:
        self.case = case
        self._waiting: list[Deferred[Any]] = []
        self.random = random.Random(seed)
        self.history = [Expected()]
        self.answered = 0
        self.queued = 0
        self.unanswered_but_done = 0

    async def round(self) -> None:
        """Start an agent, check its state, send changes, and kill it."""
        child: Child = self.case.run_agent()
        await self.case.until(lambda: "its ACS is" in child.out)
        lab = self.case.lab
        number = lab.sessions.seen
        values: Deferred[Any] = lab.queue(DEVICE, GetParameterValues((TABLE, *WORDS, KEY)))
        await lab.connection_request(DEVICE)
        self._check(await values)
        trace = next(trace for trace in lab.sessions if trace.number > number)
        if len(self.history) > 1:
            self.case.assertNotIn("1 BOOT", trace.event_codes, "a kill is no boot")
        for _ in range(20):
            self._queue_change()
        stop_at = self.answered + self.random.randrange(1, 40)
        delay = self.random.uniform(0, 0.02)
        await self.case.until(lambda: self.answered >= stop_at or child.ended.called)
        await self.case.pause(delay)
        child.signal("KILL")
        await child.ended
        self._withdraw_all()

    def _check(self, answer: Any) -> None:
        """Compare the values of the device with the history."""
        self.case.assertIsInstance(answer, GetParameterValuesResponse)
        values = {each.name: each.value.text for each in answer.parameter_list}
        last = int(values.pop(KEY) or 0)
        self.case.assertIn(last, (self.answered, self.answered + 1), "a change is lost, or was made twice")
        self.case.assertLess(last, len(self.history))
        if last > self.answered:
            self.unanswered_but_done += 1
        del self.history[last + 1 :]
        self.answered = self.queued = last
        expected = self.history[last]
        words = {values.pop(word) for word in WORDS}
        if expected.word is not None:
            self.case.assertEqual(words, {expected.word}, "a change was saved only in part")
        rows = {(int(name.split(".")[3]), text) for name, text in values.items() if name.endswith(".Description")}
        self.case.assertEqual(rows, expected.rows)

    def _queue_change(self) -> None:
        number = self.queued + 1
        request, expected = self._next(number, self.history[self.queued])
        self.history.append(expected)
        self.queued = number
        done = self.case.lab.queue(DEVICE, request)
        done.addCallback(self._was_answered, number, expected)
        done.addErrback(lambda failure: None if failure.check(AssertionError) is None else failure)
        self._waiting.append(done)

    def _next(self, number: int, before: Expected) -> tuple[AcsRequest, Expected]:
        key = str(number)
        rows = sorted(before.rows)
        choice = self.random.random()
        if rows and (choice < 0.2 or len(rows) >= MOST_ROWS):
            gone = self.random.choice(rows)
            return DeleteObject(f"{TABLE}{gone[0]}.", key), replace(before, rows=before.rows - {gone})
        if choice < 0.5:
            row = before.last_row + 1
            return AddObject(TABLE, key), replace(before, rows=before.rows | {(row, "")}, last_row=row)
        word = f"word-{number}"  # also valid as a host name
        named = frozenset((row, word) for row, _ in before.rows)
        values = dict.fromkeys((*WORDS, *(f"{TABLE}{row}.Description" for row, _ in rows)), word)
        return assign(key, **values), replace(before, word=word, rows=named)

    def _was_answered(self, answer: Any, number: int, expected: Expected) -> None:
        if isinstance(answer, Unanswered):
            return
        if isinstance(answer, AddObjectResponse):
            self.case.assertEqual(answer, AddObjectResponse(expected.last_row, 0), "an instance number was used twice")
        else:
            self.case.assertIsInstance(answer, SetParameterValuesResponse | DeleteObjectResponse)
        self.case.assertEqual(number, self.answered + 1)
        self.answered = number
        self._queue_change()

    def _withdraw_all(self) -> None:
        """Cancel the requests that were not sent to the killed agent."""
        waiting, self._waiting = self._waiting, []
        for done in waiting:
            if not done.called:
                done.cancel()
