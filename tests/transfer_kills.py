"""``kill -9`` while transfers of all kinds run: at random moments, and aimed at each state of a transfer.

The program of ``[hooks] install`` adds lines with the CommandKey to a list: when it begins, and when the file is
installed. That of ``[hooks] installed`` answers from this list, and forbids an installation that has not begun by then.
So the list shows what was installed, and how often.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from cwmpagent.lab.acs.misbehaviour import Delay
from cwmpagent.lab.acs.tasks import Task, Unanswered
from cwmpagent.protocol.rpc import (
    AcsRequest,
    DownloadResponse,
    GetAllQueuedTransfers,
    GetParameterValues,
    ScheduleDownloadResponse,
    TransferComplete,
    UploadResponse,
)
from cwmpagent.protocol.transfers.record import TRANSFER
from tests.agent.bench import DEVICE
from tests.lab.files.serving import start
from tests.process import Child
from tests.transfer_orders import NOT_APPLIED, PARAMETER, PASSWORD, REFUSED, USER, Order, Orders
from tests.transfer_reports import BEGUN, INSTALLED, TransferReports

MOST_OPEN = 10
AIMS = ("anything", "start", "transferring", "installing", "restarting", "reporting")
PROGRAM = f"""
import fcntl, os, sys, time
hook, name = sys.argv[1:]
key = os.environ["CWMP_COMMAND_KEY"]
with open(name, "a+b", buffering=0) as file:
    fcntl.flock(file, fcntl.LOCK_EX)  # "installed" waits for an installation under way
    file.seek(0)
    words = [line.split()[1] for line in file.read().decode().splitlines() if line.split()[0] == key]
    if hook == "installed":
        if "{INSTALLED}" in words:
            sys.exit(0)
        file.write(f"{{key}} forbidden\\n".encode())
        sys.exit("{NOT_APPLIED}")
    if "forbidden" in words:
        sys.exit("it comes too late")
    file.write(f"{{key}} {BEGUN}\\n".encode())
    with open(os.environ["CWMP_FILE"], "rb") as image:
        data = image.read()
    if data.startswith(b"bad"):
        sys.exit("{REFUSED}")
    time.sleep(0.03)
    file.write(f"{{key}} {INSTALLED}\\n".encode())
time.sleep(0.03)
sys.exit(10 if data.startswith(b"restart") else 0)
"""


class TransferKills:
    """Runs agents one after another on the state directory of ``case`` (a TapCase), and kills each.

    ``states``: how many transfers had each state on the disk at a kill. ``started``: kills during the start.
    """

    def __init__(self, case: Any, seed: int) -> None:
        self.case = case
        self.random = random.Random(seed)
        self.accepted: dict[str, Order] = {}
        self.maybe: dict[str, Order] = {}  # the answer to the request was lost
        self.states: Counter[str] = Counter()
        self.started = 0
        self._waiting: list[Task] = []
        parent: Path = case.state.parent
        folder = parent / "files"
        folder.mkdir()
        self._list = parent / "list"
        program = parent / "hook.py"
        program.write_text(PROGRAM)
        server, port = start(case, folder, auth="digest", username=USER, password=PASSWORD)
        self.orders = Orders(self.random, folder, server, f"http://127.0.0.1:{port}/")
        self.reports = TransferReports(case, case.lab.sessions, folder / "uploads")
        lines = {
            name: json.dumps([sys.executable, "-I", "-S", str(program), name, str(self._list)])
            for name in ("install", "installed")
        }
        case.write(acs="[hooks]\n" + "\n".join(f"{name} = {line}" for name, line in lines.items()))

    async def round(self, *, cut: bool) -> None:
        """Start an agent, order transfers, and kill it. ``cut``: connections are cut, so that attempts are repeated."""
        aim = self.random.choice(AIMS)
        if aim == "start":
            await self._kill_at_the_start()
        child = await self._started()
        for _ in range(self.random.randrange(2, 6)):
            if len(self._open()) + len(self._waiting) < MOST_OPEN:
                self._order(cut=cut)
        await self.case.lab.connection_request(DEVICE)
        if aim in ("anything", "start"):
            enough = len(self.reports.reported) + self.random.randrange(0, 4)
            delay = self.random.uniform(0, 0.2)
            await self._until(lambda: len(self.reports.reported) >= enough or not self._open(), child, 0.7)
        else:
            delay = self.random.uniform(0, 0.03)
            await self._until(self._sign(aim, child), child, 1.5)
        await self.case.pause(delay)
        self.case.assertFalse(child.ended.called, child.out + child.err)
        await self._kill(child)
        for task in self._waiting:
            if task.state == "queued":
                task.done.cancel()
        self._waiting.clear()
        self.case.lab.misbehaviours.clear()

    async def finish(self) -> None:
        """Let an agent end all transfers; then check what is left."""
        child = await self._started()
        for _ in range(120):
            await self.case.lab.connection_request(DEVICE)
            if await self._until(lambda: not self._open(), child, 1.0):
                break
        self.case.assertEqual(self._open(), [], "transfers without a report")
        answer = await self._ask(GetAllQueuedTransfers())
        while answer.transfer_list:  # those whose acceptance was not seen
            await self.case.pause(0.5)
            answer = await self._ask(GetAllQueuedTransfers())
        self._look()
        for key in self.maybe.keys() - self.reports.reported.keys():
            del self.maybe[key]
        spool = self.case.state / "spool"
        self.case.assertEqual([each.name for each in spool.iterdir()] if spool.exists() else [], [])
        lines = [line.split() for line in self._list.read_text().splitlines()] if self._list.exists() else []
        self.reports.check_installations(self._orders().values(), [(key, word) for key, word in lines])
        child.signal("TERM")
        self.case.assertEqual(await child.ended, 0, child.err)
        self.case.assertEqual(self._saved(), [])

    async def _kill_at_the_start(self) -> None:
        child: Child = self.case.run_agent()
        await self.case.pause(self.random.uniform(0.1, 1.0))
        await self._kill(child)
        self.started += 1

    async def _kill(self, child: Child) -> None:
        child.signal("KILL")
        await child.ended
        self._look()
        self.states.update(self._saved())

    def _saved(self) -> list[str]:
        """The states of the transfers on the disk; read from a copy, so that the next start finds what is there."""
        copy = self.case.state.parent / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in self.case.state.glob("state.sqlite*"):
            shutil.copy(file, copy)
        if not (copy / "state.sqlite").exists():
            return []
        with closing(sqlite3.connect(copy / "state.sqlite")) as database:
            rows = database.execute("SELECT text FROM note WHERE name LIKE ?", (f"{TRANSFER}%",)).fetchall()
        return [json.loads(text)["state"] for (text,) in rows]

    def _sign(self, aim: str, child: Child) -> Callable[[], bool]:
        """Whether a transfer has come to the state ``aim``."""
        if aim == "transferring":
            spool = self.case.state / "spool"
            return lambda: spool.exists() and any(each.stat().st_size for each in spool.iterdir())
        if aim == "restarting":
            return lambda: "reboot requested" in child.out
        if aim == "reporting":  # the kill comes before the answer
            self.case.lab.misbehave(Delay(at="TransferComplete", seconds=0.5))
            since = self.case.lab.sessions.seen
            return lambda: any(
                trace.number > since and any(isinstance(each, TransferComplete) for each in trace.requests)
                for trace in self.case.lab.sessions
            )
        begun = self._begun()
        return lambda: self._begun() > begun

    def _begun(self) -> int:
        return self._list.read_text().count(BEGUN) if self._list.exists() else 0

    async def _started(self) -> Child:
        child: Child = self.case.run_agent()
        await self.case.until(lambda: "its ACS is" in child.out)
        await self._compare_queue()
        configured = self.reports.configured
        if configured is not None and not self._configuring():
            answer = await self._ask(GetParameterValues((PARAMETER,)))
            self.case.assertEqual(answer.parameter_list[0].value.text, configured, "reported, but not in force")
        return child

    async def _compare_queue(self) -> None:
        """No accepted transfer is lost; and whether those were accepted whose answer was lost."""
        listed = [each.command_key for each in (await self._ask(GetAllQueuedTransfers())).transfer_list]
        self.case.assertEqual(len(listed), len(set(listed)), "queued twice")
        self.case.assertEqual(set(self._open()) - set(listed), set(), "accepted, but lost")
        for key in self.maybe.keys() - self.reports.reported.keys() - set(listed):
            del self.maybe[key]

    async def _ask(self, request: AcsRequest) -> Any:
        """The answer to ``request``; repeated where a restart of the device ends the session."""
        while True:
            done = self.case.lab.queue(DEVICE, request)
            await self.case.lab.connection_request(DEVICE)
            answer = await done
            self._look()
            if not isinstance(answer, Unanswered):
                return answer

    async def _until(self, condition: Callable[[], bool], child: Child, seconds: float) -> bool:
        for _ in range(int(seconds / 0.01)):
            self._look()
            if condition():
                return True
            if child.ended.called:
                return False
            await self.case.pause(0.01)
        return False

    def _orders(self) -> dict[str, Order]:
        return {**self.accepted, **self.maybe}

    def _open(self) -> list[str]:
        return [key for key in self.accepted if key not in self.reports.reported]

    def _configuring(self) -> bool:
        """Whether a transfer that changes the configuration may be under way."""
        given = self._orders().values()
        return any(each.is_configuration and each.key not in self.reports.reported for each in given)

    def _order(self, *, cut: bool) -> None:
        order = self.orders.make(cut=cut, configuration=not self._configuring())
        self.maybe[order.key] = order
        task = self.case.lab.task(DEVICE, order.request)
        task.done.addCallbacks(
            self._was_answered, lambda failure: self.maybe.pop(order.key, None), callbackArgs=(order,)
        )
        self._waiting.append(task)

    def _was_answered(self, answer: Any, order: Order) -> None:
        if isinstance(answer, Unanswered):
            return
        self.case.assertIsInstance(answer, DownloadResponse | UploadResponse | ScheduleDownloadResponse)
        self.accepted[order.key] = self.maybe.pop(order.key)

    def _look(self) -> None:
        self.reports.look(self._orders())
