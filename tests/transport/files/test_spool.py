"""The spool directory: private, with one file for each transfer."""

from __future__ import annotations

import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TransferFailure
from cwmpagent.transport.files.spool import Spool


class SpoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.place = Path(self.mktemp()) / "state" / "spool"
        self.spool = Spool(self.place)

    def mode(self) -> int:
        return stat.S_IMODE(self.place.stat().st_mode)

    def test_made_when_it_is_used_and_private(self) -> None:
        self.spool.keep_only([])
        self.spool.remove(1)
        self.assertFalse(self.place.exists())
        self.assertEqual(self.spool.path(7), str(self.place / "7"))
        self.assertEqual(self.mode(), 0o700)
        self.place.chmod(0o755)
        self.spool.path(7)
        self.assertEqual(self.mode(), 0o700)

    def test_made_again_when_it_is_gone(self) -> None:
        self.spool.path(1)
        self.place.rmdir()
        Path(self.spool.path(1)).write_bytes(b"x")

    def test_a_file_or_a_link_in_its_place(self) -> None:
        self.place.parent.mkdir(parents=True)
        self.place.write_text("")
        self.assertEqual(self.assertRaises(TransferFailure, self.spool.path, 1).code, 9002)
        self.place.unlink()
        (self.place.parent / "elsewhere").mkdir()
        self.place.symlink_to("elsewhere")
        self.assertEqual(self.assertRaises(TransferFailure, self.spool.path, 1).code, 9002)

    def test_what_is_kept(self) -> None:
        for number in (1, 2, 30):
            Path(self.spool.path(number)).write_text("x")
        (self.place / "1.sig").write_text("x")
        (self.place / "link").symlink_to("/etc/passwd")
        self.spool.keep_only([2, 30])
        self.assertEqual(sorted(each.name for each in self.place.iterdir()), ["2", "30"])
        (self.place / "2.sig").write_text("x")
        self.spool.remove(2)
        self.spool.remove(2)
        self.assertEqual([each.name for each in self.place.iterdir()], ["30"])
