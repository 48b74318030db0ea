"""The applied configuration files: their names, their bound, and their saved text."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.transfers.applied_file import (
    MOST_FILES,
    AppliedFile,
    file_name,
    files_record,
    restored_files,
    with_file,
)


class AppliedFileTests(SynchronousTestCase):
    def test_names(self) -> None:
        for url, target, name in (
            ("http://files.example/a/voice.cfg?token=secret", "target", "voice.cfg"),
            ("http://files.example/a%20b%0A%00.cfg", "", "a b  .cfg"),
            ("http://files.example/%2e%2e%2fetc%2fpasswd", "", "../etc/passwd"),
            ("http://files.example/a/", "target.cfg", "target.cfg"),
            ("http://files.example", " \n", "unnamed"),
            ("http://files.example/%20", "", "unnamed"),
            ("http://files.example/" + "x" * 100, "", "x" * 64),
        ):
            with self.subTest(url=url):
                self.assertEqual(file_name(url, target), name)

    def test_a_file_of_the_same_name_is_replaced(self) -> None:
        files = with_file(with_file((), AppliedFile("a", 1.0)), AppliedFile("b", None))
        self.assertEqual(with_file(files, AppliedFile("a", 3.0)), (AppliedFile("b", None), AppliedFile("a", 3.0)))

    def test_the_first_one_goes(self) -> None:
        files: tuple[AppliedFile, ...] = ()
        for number in range(MOST_FILES + 2):
            files = with_file(files, AppliedFile(str(number), 0.0))
        self.assertEqual([each.name for each in files], [str(number) for number in range(2, MOST_FILES + 2)])
        self.assertEqual(restored_files(files_record(files)), files)

    def test_damaged_texts(self) -> None:
        file = {"name": "a", "applied": None}
        self.assertEqual(restored_files(json.dumps({"files": [file]})), (AppliedFile("a", None),))
        for damaged in (
            "",
            "[]",
            "{}",
            '{"files": 1}',
            json.dumps({"files": [file, file]}),
            json.dumps({"files": [file | {"name": ""}]}),
            json.dumps({"files": [file | {"name": "\n"}]}),
            json.dumps({"files": [file | {"name": "x" * 65}]}),
            json.dumps({"files": [file | {"applied": "now"}]}),
            json.dumps({"files": [{"name": "a"}]}),
            json.dumps({"files": [{"name": str(number), "applied": None} for number in range(MOST_FILES + 1)]}),
        ):
            with self.subTest(damaged=damaged):
                self.assertRaises(ValueError, restored_files, damaged)
