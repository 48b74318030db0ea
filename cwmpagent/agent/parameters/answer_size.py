"""The bound of an answer with many parameters."""

from __future__ import annotations

from cwmpagent.errors import CwmpFault

LONGEST_ANSWER = 64 * 2**20
"""Largest length of an answer, in octets: enough for 300,000 parameters with short values."""


class AnswerSize:
    """Counts the octets of one answer, approximately."""

    def __init__(self, longest: int = LONGEST_ANSWER) -> None:
        self._longest = longest
        self._octets = 0

    def add(self, octets: int) -> None:
        """Add a part of the answer. Raises CwmpFault 9004 if it is too long."""
        self._octets += octets
        if self._octets > self._longest:
            raise CwmpFault(9004, f"the answer would be longer than {self._longest} octets: request fewer parameters")
