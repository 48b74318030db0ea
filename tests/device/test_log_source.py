"""Logs for an Upload: the agent's own, the end of files, and files that cannot be sent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.device.files import log_source
from cwmpagent.device.files.log_source import LogSource
from cwmpagent.errors import TransferFailure


class LogSourceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.log = self.directory / "messages"
        self.log.write_bytes(b"0123456789")
        os.mkfifo(self.directory / "pipe")
        files = [self.log, self.directory / "absent", self.directory / "pipe", Path("/dev/zero"), self.directory]
        self.source = LogSource(lambda: ["one", "two \ud800"], files, self.elsewhere)
        self.threads = 0

    def elsewhere(self, work: Callable[[], None]) -> Deferred[None]:
        self.threads += 1
        work()
        return succeed(None)

    def written(self, file_type: str) -> bytes:
        path = self.directory / "written"
        self.successResultOf(Deferred.fromCoroutine(self.source.write(file_type, str(path))))
        data = path.read_bytes()
        path.unlink()
        return data

    def test_own_log(self) -> None:
        for file_type in ("2 Vendor Log File", "4 Vendor Log File 1"):
            self.assertTrue(self.source.knows(file_type))
            self.assertEqual(self.written(file_type), b"one\ntwo ?\n")
        self.assertEqual(self.threads, 2)

    def test_end_of_a_file(self) -> None:
        self.assertEqual(self.written("4 Vendor Log File 2"), b"0123456789")
        self.patch(log_source, "MOST", 4)
        self.assertEqual(self.written("4 Vendor Log File 2"), b"6789")

    def test_what_cannot_be_sent(self) -> None:
        for number, reason in (
            (3, "No such file"),
            (4, "pipe is not a regular file"),
            (5, "zero is not a regular file"),
            (6, "is not a regular file"),
            (7, "there is no such log"),
        ):
            write = self.source.write(f"4 Vendor Log File {number}", str(self.directory / "written"))
            failure = self.failureResultOf(Deferred.fromCoroutine(write), TransferFailure)
            self.assertEqual(failure.value.code, 9011)
            self.assertIn(reason, str(failure.value))
        self.assertFalse((self.directory / "written").exists())

    def test_unknown_types(self) -> None:
        for file_type in ("", "4 Vendor Log File", "4 Vendor Log File 0", "4 Vendor Log File 7", "2 Vendor Log File 1"):
            self.assertFalse(self.source.knows(file_type), file_type)
        self.assertFalse(self.source.knows("4 Vendor Log File 1" + "0" * 5000))

    def test_what_logs_there_are(self) -> None:
        long = Path("/") / ("x" * 100)
        files = [Path("/var/log/a\n"), long, long, Path("cwmpagent"), Path("/dev/shm/log")]
        logs = LogSource(list, files, self.elsewhere).logs
        names = ["cwmpagent", "/var/log/a?", "x" * 64, "x" * 60 + "~2", "cwmpagent~2", "/dev/shm/log"]
        self.assertEqual([log.name for log in logs], names)
        self.assertEqual([log.persistent for log in logs], [False, True, True, True, True, False])
