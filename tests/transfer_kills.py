"""``kill -9`` at random moments while transfers of all kinds run, and the checks of what was reported and installed.

Each transfer has its own CommandKey and its own file. The program of ``[hooks] install`` adds a line with the
CommandKey to a list; that of ``[hooks] installed`` answers from this list, and forbids an installation that has not
begun by then. So the list shows what was installed, and how often.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cwmpagent.agent.files.configuration_text import configuration_text
from cwmpagent.lab.acs.tasks import Task, Unanswered
from cwmpagent.lab.files.faults import Cut, Slow
from cwmpagent.protocol.rpc import (
    AcsRequest,
    Download,
    DownloadResponse,
    GetAllQueuedTransfers,
    GetParameterValues,
    ScheduleDownload,
    ScheduleDownloadResponse,
    TimeWindowStruct,
    TransferComplete,
    Upload,
    UploadResponse,
)
from tests.agent.bench import DEVICE
from tests.lab.files.serving import start
from tests.process import Child

FIRMWARE = "1 Firmware Upgrade Image"
VENDOR = "X 00D09E Rules"
CONFIGURATION = "3 Vendor Configuration File"
PARAMETER = "Device.DeviceInfo.ProvisioningCode"
MOST_OPEN = 10
SIZE = 200_000
INSTALLED = "installed"
FORBIDDEN = "forbidden"
PROGRAM = """
import fcntl, os, sys, time
hook, name = sys.argv[1:]
key = os.environ["CWMP_COMMAND_KEY"]
with open(name, "a+b", buffering=0) as file:
    fcntl.flock(file, fcntl.LOCK_EX)  # "installed" waits for an installation under way
    file.seek(0)
    words = [line.split()[1] for line in file.read().decode().splitlines() if line.split()[0] == key]
    if hook == "installed":
        if "installed" in words:
            sys.exit(0)
        file.write(f"{key} forbidden\\n".encode())
        sys.exit("it was not installed")
    if "forbidden" in words:
        sys.exit("it comes too late")
    with open(os.environ["CWMP_FILE"], "rb") as image:
        data = image.read()
    if data.startswith(b"bad"):
        sys.exit("this is not for this board")
    time.sleep(0.03)
    file.write(f"{key} installed\\n".encode())
time.sleep(0.03)
sys.exit(10 if data.startswith(b"restart") else 0)
"""


class TransferKills:
    """Runs agents one after another on the state directory of ``case`` (a TapCase), and kills each."""

    def __init__(self, case: Any, seed: int) -> None:
        self.case = case
        self.random = random.Random(seed)
        self.accepted: dict[str, AcsRequest] = {}
        self.maybe: dict[str, AcsRequest] = {}  # the answer to the request was lost
        self.reports: dict[str, TransferComplete] = {}
        self.repeated = 0  # reports whose answer was lost by a kill
        self._last_session: dict[str, int] = {}
        self._seen = 0
        self._number = 0
        self._waiting: list[Task] = []
        self._configured: str | None = None
        parent: Path = case.state.parent
        self._folder = parent / "files"
        self._folder.mkdir()
        self._list = parent / "list"
        program = parent / "hook.py"
        program.write_text(PROGRAM)
        self.server, port = start(case, self._folder, auth="digest", username="cpe", password="files-secret")
        self._url = f"http://127.0.0.1:{port}/"
        lines = {
            name: json.dumps([sys.executable, "-I", "-S", str(program), name, str(self._list)])
            for name in ("install", "installed")
        }
        case.write(acs="[hooks]\n" + "\n".join(f"{name} = {line}" for name, line in lines.items()))

    async def round(self, *, cut: bool) -> None:
        """Start an agent, order transfers, and kill it. ``cut``: connections are cut, so that attempts are repeated."""
        child = await self._started()
        for _ in range(self.random.randrange(2, 6)):
            if len(self._open()) + len(self._waiting) < MOST_OPEN:
                self._order(cut=cut)
        await self.case.lab.connection_request(DEVICE)
        reported = len(self.reports)
        enough = reported + self.random.randrange(0, 4)
        delay = self.random.uniform(0, 0.2)
        await self._until(lambda: len(self.reports) >= enough or not self._open() or child.ended.called, 0.7)
        await self.case.pause(delay)
        self.case.assertFalse(child.ended.called, child.out + child.err)
        child.signal("KILL")
        await child.ended
        self._look()
        for task in self._waiting:
            if task.state == "queued":
                task.done.cancel()
        self._waiting.clear()

    async def finish(self) -> None:
        """Let an agent end all transfers; then check what is left."""
        await self._started()
        for _ in range(120):
            await self.case.lab.connection_request(DEVICE)
            if await self._until(lambda: not self._open(), 1.0):
                break
        self.case.assertEqual(self._open(), [], "transfers without a report")
        answer = await self._ask(GetAllQueuedTransfers())
        while answer.transfer_list:  # those whose acceptance was not seen
            await self.case.pause(0.5)
            answer = await self._ask(GetAllQueuedTransfers())
        self._look()
        spool = self.case.state / "spool"
        self.case.assertEqual([each.name for each in spool.iterdir()] if spool.exists() else [], [])
        self._check_installations()

    async def _started(self) -> Child:
        child: Child = self.case.run_agent()
        await self.case.until(lambda: "its ACS is" in child.out)
        await self._compare_queue()
        if self._configured is not None and not self._has(CONFIGURATION):
            answer = await self._ask(GetParameterValues((PARAMETER,)))
            self.case.assertEqual(answer.parameter_list[0].value.text, self._configured, "reported, but not in force")
        return child

    async def _compare_queue(self) -> None:
        """No accepted transfer is lost; and whether those were accepted whose answer was lost."""
        queued = {each.command_key for each in (await self._ask(GetAllQueuedTransfers())).transfer_list}
        self.case.assertEqual(set(self._open()) - queued, set(), "accepted, but lost")
        for key in self.maybe.keys() - self.reports.keys() - queued:
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

    async def _until(self, condition: Callable[[], bool], seconds: float) -> bool:
        for _ in range(int(seconds / 0.01)):
            self._look()
            if condition():
                return True
            await self.case.pause(0.01)
        return False

    def _open(self) -> list[str]:
        return [key for key in self.accepted if key not in self.reports]

    def _has(self, file_type: str) -> bool:
        """Whether a download of this type may be under way."""
        given = {**self.accepted, **self.maybe}
        return any(
            isinstance(request, Download) and request.file_type == file_type and key not in self.reports
            for key, request in given.items()
        )

    def _order(self, *, cut: bool) -> None:
        self._number += 1
        key = f"t{self._number}"
        choice = self.random.random()
        request: AcsRequest
        if choice < 0.2:
            request = Upload(key, self.random.choice(("1 Vendor Configuration File", "2 Vendor Log File")),
                             self._url + key, "cpe", "files-secret", 0)  # fmt: skip
        elif choice < 0.35:
            windows = (TimeWindowStruct(0, 3600, "1 At Any Time", "", -1),)
            kind = self._made(key, VENDOR)
            request = ScheduleDownload(key, kind, self._url + key, "cpe", "files-secret", 0, "", windows)
        else:
            kind = FIRMWARE if choice < 0.5 else VENDOR
            if choice > 0.8 and not self._has(CONFIGURATION):
                kind = CONFIGURATION
            delay = self.random.choice((0, 0, 0, 1))
            kind = self._made(key, kind)
            request = Download(key, kind, self._url + key, "cpe", "files-secret", 0, "", delay, "", "")
        if cut and self.random.random() < 0.15:
            self.server.faults.add(Cut(path=f"/{key}", keep=self.random.randrange(SIZE)))
        elif self.random.random() < 0.5:
            self.server.faults.add(Slow(path=f"/{key}", rate=self.random.randrange(300_000, 3_000_000)))
        self.maybe[key] = request
        task = self.case.lab.task(DEVICE, request)
        task.done.addCallbacks(self._was_answered, lambda failure: self.maybe.pop(key, None), callbackArgs=(key,))
        self._waiting.append(task)

    def _made(self, key: str, kind: str) -> str:
        """Write the file for a download. Returns ``kind``."""
        if kind == CONFIGURATION:
            content = configuration_text({PARAMETER: key})
        elif self.random.random() < 0.1:
            content = b"bad " * 10
        else:
            content = (b"restart " if kind == FIRMWARE else b"install ") * (SIZE // 8)
        (self._folder / key).write_bytes(content)
        return kind

    def _was_answered(self, answer: Any, key: str) -> None:
        if isinstance(answer, Unanswered):
            return
        self.case.assertIsInstance(answer, DownloadResponse | UploadResponse | ScheduleDownloadResponse)
        self.accepted[key] = self.maybe.pop(key)

    def _look(self) -> None:
        """Take the reports of the sessions since the last look."""
        for trace in self.case.lab.sessions:
            if trace.number <= self._seen:
                continue
            for report in trace.requests:
                if isinstance(report, TransferComplete):
                    self._was_reported(report, trace.number)
            if trace.ended:
                self._seen = max(self._seen, trace.number)
                self.case.assertEqual(trace.violations, [])

    def _was_reported(self, report: TransferComplete, session: int) -> None:
        key = report.command_key
        former = self._last_session.get(key)
        if former == session:
            return
        self._last_session[key] = session
        if former is not None:
            self.case.assertEqual(report, self.reports[key], "two different reports of one transfer")
            broken = next(trace for trace in self.case.lab.sessions if trace.number == former)
            self.case.assertNotEqual(broken.ended, "complete", f"{key} is reported again, though no answer was lost")
            self.repeated += 1
            return
        request = self.accepted.get(key) or self.maybe.get(key)
        self.case.assertIsNotNone(request, f"a report of {key}, which was not ordered")
        self.reports[key] = report
        succeeded = report.fault_struct.fault_code == 0
        if succeeded and isinstance(request, Download) and request.file_type == CONFIGURATION:
            self._configured = key
        if succeeded and isinstance(request, Upload):
            self.case.assertTrue((self._folder / "uploads" / key).exists(), f"{key} is reported, but not there")

    def _check_installations(self) -> None:
        """Each file was installed once where its report says so, else never."""
        lines = [line.split() for line in self._list.read_text().splitlines()] if self._list.exists() else []
        installed = Counter(key for key, word in lines if word == INSTALLED)
        by_hook = {
            key: report
            for key, report in self.reports.items()
            if isinstance(request := self.accepted.get(key) or self.maybe[key], Download | ScheduleDownload)
            and request.file_type != CONFIGURATION
        }
        for key, report in by_hook.items():
            expected = 1 if report.fault_struct.fault_code == 0 else 0
            self.case.assertEqual(installed.pop(key, 0), expected, f"{key}: {report.fault_struct}")
        self.case.assertEqual(installed, Counter(), "installed without a report")
