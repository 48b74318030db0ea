"""The fault code of each failure, and whether another attempt may succeed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.transfers import failures


class Failures(SynchronousTestCase):
    def test_status(self) -> None:
        for status, code, permanent in (
            (204, 9010, True),
            (401, 9012, True),
            (403, 9012, True),
            (404, 9016, True),
            (410, 9016, True),
            (408, 9016, False),
            (425, 9016, False),
            (429, 9016, False),
            (500, 9016, False),
            (503, 9016, False),
        ):
            failure = failures.refused(status)
            self.assertEqual((failure.code, failure.permanent), (code, permanent), status)
        self.assertEqual(failures.refused(304, upload=True).code, 9011)

    def test_codes_of_a_report(self) -> None:
        for code in (9001, 9002, 9010, 9012, 9014, 9020, 9033, 9799, 9800, 9899):
            self.assertTrue(failures.is_reported(code), code)
        for code in (-1, 0, 1, 8000, 9000, 9003, 9013, 9021, 9032, 9900, 2**32):
            self.assertFalse(failures.is_reported(code), code)

    def test_others(self) -> None:
        for failure, code, permanent in (
            (failures.unreachable("x"), 9015, False),
            (failures.broken_off("x"), 9017, False),
            (failures.corrupt("x"), 9018, True),
            (failures.unsigned("x"), 9019, True),
            (failures.other("x"), 9010, False),
            (failures.other("x", upload=True, permanent=True), 9011, True),
        ):
            self.assertEqual((failure.code, failure.permanent, str(failure)), (code, permanent, "x"))
