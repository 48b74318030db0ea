"""Real programs of execution units: their output, their end, what they leave, and another user."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import skipIf

import psutil
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.device.software.installer import ArchiveInstaller
from cwmpagent.device.software.marked_programs import MARK, end_marked
from cwmpagent.device.software.program_output import MOST, PERIOD, ProgramOutput
from cwmpagent.protocol.software.unit import RunFault, RunStatus
from tests.device.software.archives import entry, write

reactor: Any = global_reactor


def shell(start: str, stop: str = "true") -> bytes:
    """A manifest with one execution unit of shell commands."""
    texts = {"start": start, "stop": stop}
    commands = "\n".join(f'{name} = ["/bin/sh", "-c", """{text}"""]' for name, text in texts.items())
    return f'name = "a"\nversion = "1"\n[[unit]]\nname = "main"\n{commands}\n'.encode()


class ProgramCase(TestCase):
    timeout = 60
    user: str | None = None

    def setUp(self) -> None:
        self.folder = self.new_folder()
        self.log: list[str] = []
        self.installer = self.begin()
        self.unit = self.folder / "units" / "1"

    def new_folder(self) -> Path:
        return Path(self.mktemp()).absolute()

    def begin(self) -> ArchiveInstaller:
        installer = ArchiveInstaller(reactor, self.folder, user=self.user, log=self.log.append)
        self.addCleanup(end_marked, f"{self.folder}/")
        self.addCleanup(lambda: Deferred.fromCoroutine(installer.close()))
        return installer

    async def run_unit(self, data: bytes) -> None:
        write(Path(self.installer.spool_path("1")), entry("unit.toml", data))
        await self.installer.install("1")
        await self.installer.start("1", "main")

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            await deferLater(reactor, 0.01)

    def running(self) -> list[int]:
        """The programs with a mark of this installer, children too."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK, "").startswith(f"{self.folder}/"):
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found


class ProgramTests(ProgramCase):
    async def test_its_output_is_in_the_log_and_bounded(self) -> None:
        flood = "head -c 30000000 /dev/zero | tr '\\\\000' x; seq 1 100000"
        await self.run_unit(shell(f"echo hello; echo wrong >&2; {flood}; exec sleep 1000"))
        await self.until(lambda: len(self.log) >= MOST)
        self.assertIn("1/main: hello", self.log)
        self.assertIn("1/main: wrong", self.log)
        self.assertLessEqual(max(map(len, self.log)), 400)
        await self.installer.stop("1", "main")
        self.assertLessEqual(len(self.log), MOST + 2)
        self.assertIn("more lines are not logged", self.log[-1])

    async def test_its_environment_has_nothing_of_the_agent(self) -> None:
        os.environ["A_SECRET_OF_THE_AGENT"] = "hidden"
        self.addCleanup(os.environ.pop, "A_SECRET_OF_THE_AGENT")
        await self.run_unit(shell("env > env; exec sleep 1000"))
        await self.until(lambda: (self.unit / "env").exists() and "PWD" in (self.unit / "env").read_text())
        names = {line.partition("=")[0] for line in (self.unit / "env").read_text().splitlines()}
        self.assertEqual(names - {"_", "SHLVL", "OLDPWD"}, {"PATH", "HOME", "PWD", MARK})

    async def test_one_that_ends_is_started_again(self) -> None:
        await self.run_unit(shell("echo run >> runs"))
        await self.until(lambda: (self.unit / "runs").exists() and (self.unit / "runs").read_text().count("run") >= 2)
        await self.until(lambda: self.installer.status("1", "main") == (RunStatus.STARTING, RunFault.ON_START))
        await self.installer.stop("1", "main")
        self.assertEqual(self.installer.status("1", "main"), (RunStatus.IDLE, RunFault.NONE))

    async def test_one_that_ignores_sigterm_and_its_children_end(self) -> None:
        await self.run_unit(shell("trap '' TERM; sleep 1000 & echo run > runs; while true; do sleep 0.1; done"))
        await self.until((self.unit / "runs").exists)
        await self.installer.stop("1", "main")
        self.assertEqual(self.running(), [])

    async def test_a_child_in_the_background_does_not_hold_up_the_end(self) -> None:
        start, stop = "sleep 1000 & echo run > runs; exec sleep 1000", "sleep 1000 & echo stop > stopped"
        await self.run_unit(shell(start, stop))
        await self.until((self.unit / "runs").exists)
        await self.installer.stop("1", "main")
        self.assertTrue((self.unit / "stopped").exists())
        self.assertEqual(self.running(), [])

    async def test_what_an_earlier_process_left_is_ended_and_removed(self) -> None:
        await self.run_unit(shell("echo run > runs; exec sleep 1000"))
        await self.until((self.unit / "runs").exists)
        self.assertEqual(len(self.running()), 1)
        later = self.begin()
        for duid in ("1", "2"):
            Path(later.spool_path(duid)).write_bytes(b"x")
        Path(later.spool_path("2") + ".sig").write_bytes(b"x")
        (self.folder / "units" / "2.new").mkdir()
        self.installer._programs._monitor.stopService()  # the earlier process starts nothing again
        await later.recover({"2"}, {"1"})
        self.assertEqual(self.running(), [])
        self.assertEqual(sorted(path.name for path in self.unit.parent.iterdir()), ["1"])
        self.assertEqual(sorted(path.name for path in (self.folder / "fetched").iterdir()), ["2", "2.sig"])
        later.discard("2")
        await later.recover((), ())
        self.assertEqual([*self.unit.parent.iterdir(), *(self.folder / "fetched").iterdir()], [])


@skipIf(os.geteuid() != 0, "only root can run programs as another user")
class UserTests(ProgramCase):
    user = "nobody"

    def new_folder(self) -> Path:
        folder = Path(tempfile.mkdtemp())  # that of the other tests is closed to other users
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o755)
        return folder / "software"

    async def test_as_another_user(self) -> None:
        await self.run_unit(shell("id -u; id -G; echo x > written; exec sleep 1000"))
        account = pwd.getpwnam("nobody")
        await self.until(lambda: len(self.log) >= 3)
        self.assertEqual(self.log[:2], [f"1/main: {account.pw_uid}", f"1/main: {account.pw_gid}"])
        self.assertFalse((self.unit / "written").exists(), "the files belong to the agent")
        await self.installer.stop("1", "main")
        self.assertEqual(self.running(), [])


class OutputTests(SynchronousTestCase):
    def test_lines_are_counted_anew_in_each_period(self) -> None:
        clock, log = Clock(), list[str]()
        output = ProgramOutput("u", clock.seconds, log.append)
        for _ in range(3):
            for number in range(MOST + 5):
                output.add(f"line {number} of http://user:secret@host/")
            clock.advance(PERIOD)
        output.end()
        self.assertEqual(len(log), 3 * MOST + 3)
        self.assertEqual(log[MOST], "u: 5 more lines are not logged")
        self.assertNotIn("secret", "".join(log))
