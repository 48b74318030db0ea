"""Everything of the software modules that survives a restart, as one record: units, requests and reports."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from cwmpagent.protocol.agenda.saved_json import SavedJson
from cwmpagent.protocol.software.operation import Operation, Phase
from cwmpagent.protocol.software.unit import DeploymentUnit


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """The operations of one ChangeDUState, or of a program (``autonomous``). It is kept until it is reported."""

    command_key: str | None
    operations: tuple[Operation, ...]
    autonomous: bool = False

    @property
    def complete(self) -> bool:
        """Whether every operation has a result."""
        return all(operation.phase is Phase.DONE for operation in self.operations)


@dataclass(frozen=True, slots=True)
class SoftwareState:
    """The state of one agent. ``next_duid``: the number in the next DUID; numbers never return.

    ``disabled``: names of the execution environments that are disabled.
    """

    units: tuple[DeploymentUnit, ...] = ()
    requests: tuple[ChangeRequest, ...] = ()
    next_duid: int = 1
    disabled: frozenset[str] = frozenset()

    def unit(self, duid: str) -> DeploymentUnit | None:
        """The deployment unit with this DUID."""
        return next((unit for unit in self.units if unit.duid == duid), None)

    def with_unit(self, changed: DeploymentUnit) -> SoftwareState:
        """Return it with ``changed`` in place of the unit with its DUID, or as the last one."""
        if self.unit(changed.duid) is None:
            return replace(self, units=(*self.units, changed))
        return replace(self, units=tuple(changed if unit.duid == changed.duid else unit for unit in self.units))

    def without_unit(self, duid: str) -> SoftwareState:
        """Return it without the unit with this DUID."""
        return replace(self, units=tuple(unit for unit in self.units if unit.duid != duid))

    def added(self, request: ChangeRequest) -> SoftwareState:
        """Return it with ``request`` as the last one."""
        return replace(self, requests=(*self.requests, request))

    def without_request(self, at: int) -> SoftwareState:
        """Return it without the request at this place."""
        return replace(self, requests=(*self.requests[:at], *self.requests[at + 1 :]))

    def next_step(self) -> tuple[int, int] | None:
        """Place of the first operation that is not done: that of its request, and its own in it."""
        for at, request in enumerate(self.requests):
            for number, operation in enumerate(request.operations):
                if operation.phase is not Phase.DONE:
                    return at, number
        return None

    def with_operations(self, step: tuple[int, int], operations: tuple[Operation, ...]) -> SoftwareState:
        """Return it with ``operations`` in place of the one at ``step``."""
        at, number = step
        request = self.requests[at]
        merged = (*request.operations[:number], *operations, *request.operations[number + 1 :])
        requests = (*self.requests[:at], replace(request, operations=merged), *self.requests[at + 1 :])
        return replace(self, requests=requests)

    def at_work(self) -> frozenset[str]:
        """DUIDs of the units on which an operation works."""
        return frozenset(
            operation.duid
            for request in self.requests
            for operation in request.operations
            if operation.duid and operation.phase is not Phase.DONE
        )

    def present(self) -> frozenset[str]:
        """DUIDs of the units of which something may be installed."""
        return self.at_work() | {unit.duid for unit in self.units}

    def record(self) -> str:
        """Return the text for :meth:`restored`."""
        requests: list[dict[str, Any]] = [
            {
                "command_key": request.command_key,
                "autonomous": request.autonomous,
                "operations": [operation.record() for operation in request.operations],
            }
            for request in self.requests
        ]
        members = {
            "units": [unit.record() for unit in self.units],
            "requests": requests,
            "next_duid": self.next_duid,
            "disabled": sorted(self.disabled),
        }
        return json.dumps(members, separators=(",", ":"))

    @classmethod
    def restored(cls, text: str) -> SoftwareState:
        """Restore a :meth:`record`. Raises ValueError where it is damaged."""
        record = SavedJson.parse(text)
        requests = []
        for row in record.rows("requests"):
            key = None if row.value("command_key", "") in ("", None) else row.text("command_key")
            operations = tuple(Operation.restored(operation) for operation in row.rows("operations"))
            requests.append(ChangeRequest(key, operations, row.flag("autonomous")))
        return cls(
            tuple(DeploymentUnit.restored(row) for row in record.rows("units")),
            tuple(requests),
            record.whole("next_duid", least=1),
            frozenset(record.texts("disabled")),
        )
