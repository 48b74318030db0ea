"""Reports of changes that no ACS has asked for: the policy (TR-181 ManagementServer.DUStateChangeComplPolicy.)."""

from __future__ import annotations

from dataclasses import dataclass

from cwmpagent.protocol.software.operation import Operation

SUCCESS, FAILURE, BOTH = "Success", "Failure", "Both"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPolicy:
    """The parameters of that object; an empty filter of operations, or of fault codes, lets none pass."""

    enable: bool = False
    operations: frozenset[str] = frozenset()
    results: str = BOTH
    fault_codes: frozenset[str] = frozenset()

    def reports(self, operation: Operation) -> bool:
        """Whether the result of ``operation``, which is done, is reported."""
        if not self.enable or operation.outcome is None or operation.kind not in self.operations:
            return False
        code = operation.outcome.code
        if code == 0:
            return self.results in (SUCCESS, BOTH)
        return self.results in (FAILURE, BOTH) and str(code) in self.fault_codes
