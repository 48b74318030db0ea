"""The fault table compared with TR-069 A.5."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.faults import FAULT_CODES, fault_text, is_client

CLIENT = {8003, 9003, 9005, 9006, 9007, 9008, 9020, 9021}


class FaultTableTests(SynchronousTestCase):
    def test_every_code_of_the_standard_is_there(self) -> None:
        self.assertEqual(set(FAULT_CODES), set(range(8000, 8007)) | set(range(9000, 9033)))

    def test_who_is_at_fault(self) -> None:
        self.assertEqual({code for code in FAULT_CODES if is_client(code)}, CLIENT)
        self.assertFalse(is_client(9800))

    def test_the_texts_that_others_look_for(self) -> None:
        for code, text in (
            (9000, "Method not supported"),
            (9003, "Invalid arguments"),
            (9005, "Invalid parameter name"),
            (8005, "Retry request"),
        ):
            self.assertEqual(fault_text(code), text)
        self.assertEqual(len({row.text for row in FAULT_CODES.values() if row.code >= 9000}), 33)

    def test_codes_that_the_standard_leaves_open(self) -> None:
        self.assertEqual(fault_text(9850), "Vendor-specific fault")
        self.assertEqual(fault_text(8850), "Vendor-specific fault")
        self.assertEqual(fault_text(9500), "Unknown fault")
