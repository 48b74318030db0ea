"""The spool directory: its permissions, its names, and what is left in it."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TransferFailure
from cwmpagent.transport.files.spool import Spool


class SpoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()) / "spool"
        self.spool = Spool(self.directory)

    def test_a_missing_directory_is_made_again(self) -> None:
        for _ in range(2):
            self.assertEqual(self.spool.path("7a"), str(self.directory / "7a"))
            self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)
            self.directory.rmdir()

    def test_an_open_directory_is_closed(self) -> None:
        self.spool.path("1")
        self.directory.chmod(0o755)
        self.spool.path("1")
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)

    def test_names_never_leave_it(self) -> None:
        for name in ("", "..", "a/b", "/a", "a\x00", "a\n", "A" * 3, "a" * 65):
            self.assertEqual(self.assertRaises(TransferFailure, self.spool.path, name).code, 9002)

    def test_a_file_or_link_in_its_place(self) -> None:
        self.directory.parent.mkdir()
        self.directory.write_bytes(b"")
        self.assertEqual(self.assertRaises(TransferFailure, self.spool.path, "1").code, 9002)
        self.directory.unlink()
        self.directory.symlink_to(self.directory.parent)
        self.assertEqual(self.assertRaises(TransferFailure, self.spool.path, "1").code, 9002)

    def test_files_that_no_record_names_are_removed(self) -> None:
        kept = Path(self.spool.path("1"))
        kept.write_bytes(b"x")
        Path(self.spool.path("2")).write_bytes(b"x")
        self.assertEqual(self.spool.remove_others([str(kept)]), 1)
        self.assertEqual(list(self.directory.iterdir()), [kept])
