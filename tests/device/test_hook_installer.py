"""The programs of ``[hooks]`` that apply files: what they get, how they end, and what the log has of them."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import LoopingCall
from twisted.trial.unittest import TestCase

from cwmpagent.device.files import program
from cwmpagent.device.files.hook_installer import HookInstaller
from cwmpagent.device.files.program import MOST_LINES
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import ReceivedFile

FIRMWARE = "1 Firmware Upgrade Image"


class HookInstallerTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.logged: list[str] = []
        self.progress: list[str] = []
        self.file = ReceivedFile(path=str(self.directory / "image"), file_type=FIRMWARE, command_key="k")

    def installer(self, script: str, installed: str = "", seconds: float = 30) -> HookInstaller:
        return HookInstaller(
            reactor,
            ("/bin/sh", "-c", script),
            ("/bin/sh", "-c", installed) if installed else (),
            seconds=seconds,
            environ={"PATH": os.environ["PATH"]},
            log=self.logged.append,
        )

    async def failure(self, script: str, seconds: float = 30) -> TransferFailure:
        error = await self.assertFailure(self.started(script, seconds), TransferFailure)
        assert isinstance(error, TransferFailure)
        self.assertEqual((error.code, error.permanent), (9010, True))
        return error

    def started(self, script: str, seconds: float = 30) -> Deferred[bool]:
        return Deferred.fromCoroutine(self.installer(script, seconds=seconds).install(self.file, self.progress.append))

    async def test_exit_status(self) -> None:
        self.assertIs(await self.started("exit 0"), False)
        self.assertIs(await self.started("exit 10"), True)
        self.assertEqual(str(await self.failure("exit 3")), "the program of hooks.install ended with status 3")

    async def test_last_line_is_the_reason(self) -> None:
        error = await self.failure("echo begun; echo progress: 5 %; echo 'no room\x07 at http://a:b@c/' >&2; exit 1")
        self.assertEqual(str(error), "no room  at http://***@c/")
        self.assertEqual(self.logged, ["hooks.install: begun", f"hooks.install: {error}"])
        self.assertEqual(self.progress, ["5 %"])

    async def test_variables(self) -> None:
        self.file = ReceivedFile(
            path=self.file.path, file_type="X 00D09E a", target_name="$(exit 9); ../\0-r\ud800", command_key="two words"
        )
        script = (
            'printf "%s|" "$CWMP_FILE" "$CWMP_FILE_TYPE" "$CWMP_TARGET_NAME" "$CWMP_COMMAND_KEY"; env | grep -c ^HOME='
        )
        await self.started(script + "; exit 0")
        self.assertEqual(self.logged, [f"hooks.install: {self.file.path}|X 00D09E a|$(exit 9); ../-r?|two words|0"])

    async def test_program_that_cannot_be_started(self) -> None:
        installer = HookInstaller(reactor, ("/no/such",), (), seconds=5, environ={}, log=self.logged.append)
        install = Deferred.fromCoroutine(installer.install(self.file, self.progress.append))
        error = await self.assertFailure(install, TransferFailure)
        self.assertIn("cannot be started: No such file", str(error))

    async def test_death_by_a_signal(self) -> None:
        error = await self.failure("echo well; kill -SEGV $$")
        self.assertEqual(str(error), "the program of hooks.install was ended by SIGSEGV")

    async def test_hang_ends_the_whole_group(self) -> None:
        self.patch_grace(0.1)
        error = await self.failure("trap '' TERM; sleep 1000 & echo $!; wait; while :; do sleep 1; done", seconds=0.3)
        self.assertEqual(str(error), "the program of hooks.install has not ended within 0.3 s")
        await self.gone(int(self.logged[0].split()[-1]))

    async def test_term_comes_first(self) -> None:
        error = await self.failure("trap 'echo tidied; exit 0' TERM; sleep 1000 & wait", seconds=0.3)
        self.assertIn("has not ended within", str(error))
        self.assertEqual(self.logged, ["hooks.install: tidied"])

    async def test_a_program_in_the_background_does_not_keep_the_transfer(self) -> None:
        self.assertIs(await self.started("sleep 1000 & echo $!; exit 0"), False)
        os.kill(int(self.logged[0].split()[-1]), signal.SIGKILL)

    async def test_output_of_100_megabytes(self) -> None:
        turns: list[None] = []
        turning = LoopingCall(lambda: turns.append(None))
        ended = turning.start(0.01)
        self.assertIs(await self.started("yes 'a line of the output' | head -c 100000000; echo; echo the end"), False)
        turning.stop()
        await ended
        self.assertEqual(len(self.logged), MOST_LINES + 1)
        self.assertIn("lines are not logged; the last: the end", self.logged[-1])
        self.assertGreater(len(turns), 5)

    async def test_one_endless_line(self) -> None:
        self.assertIs(await self.started("head -c 20000000 /dev/zero | tr '\\0' x; exit 10"), True)
        self.assertEqual([len(line) for line in self.logged], [len("hooks.install: ") + 300])

    async def test_cancellation_ends_the_program(self) -> None:
        for script, result in (
            ("exec sleep 1000", "the program of hooks.install was ended by SIGTERM"),
            ("trap 'echo half; exit 3' TERM; sleep 1000 & wait", "half"),
            ("trap 'exit 0' TERM; sleep 1000 & wait", False),
            ("trap 'exit 10' TERM; sleep 1000 & wait", True),
        ):
            self.logged.clear()
            install = self.started(f"echo $$; {script}")
            while not self.logged:
                await self.pause()
            install.cancel()
            install.cancel()
            if isinstance(result, bool):
                self.assertIs(await install, result)
            else:
                self.assertEqual(str(await self.assertFailure(install, TransferFailure)), result)
            await self.gone(int(self.logged[0].split()[-1]))

    async def test_cancellation_of_the_question(self) -> None:
        asked = Deferred.fromCoroutine(self.installer("", "echo $$; exec sleep 1000").installed(self.file))
        while not self.logged:
            await self.pause()
        asked.cancel()
        await self.assertFailure(asked, CancelledError)
        await self.gone(int(self.logged[0].split()[-1]))

    async def test_installed(self) -> None:
        await self.installer("").installed(self.file)
        await self.installer("", "exit 0").installed(self.file)
        for status in (1, 10):
            check = self.installer("", f"echo old version; exit {status}").installed(self.file)
            error = await self.assertFailure(Deferred.fromCoroutine(check), TransferFailure)
            self.assertEqual(str(error), "old version")

    def test_known_types(self) -> None:
        installer = self.installer("")
        for known in (FIRMWARE, "2 Web Content", "6 Stored Firmware Image", "X 00D09E Any thing"):
            self.assertTrue(installer.knows(known), known)
        for unknown in ("", "1", "7 Tea", "1 ", "X 00d09e x", "X 00D09E", "1 a\nb", "11 Firmware"):
            self.assertFalse(installer.knows(unknown), unknown)
        none = HookInstaller(reactor, (), (), seconds=1, environ={}, log=self.logged.append)
        self.assertFalse(none.knows(FIRMWARE))

    def patch_grace(self, seconds: float) -> None:
        self.patch(program, "GRACE", seconds)

    async def gone(self, pid: int) -> None:
        """Wait until the process is gone, or a zombie that its new parent has not collected."""
        status = Path(f"/proc/{pid}/stat")
        while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
            await self.pause()

    async def pause(self) -> None:
        paused: Deferred[None] = Deferred()
        reactor.callLater(0.02, paused.callback, None)  # type: ignore[attr-defined]
        await paused
