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
    """The operations of one ChangeDUState, or of a program (``autonomous``). It is kept until it is reported.

    ``number`` identifies it among the present ones; its place changes. ``acs``: the one that has asked.
    """

    command_key: str | None
    operations: tuple[Operation, ...]
    autonomous: bool = False
    acs: str = ""
    number: int = 0

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
        """Return it with ``request``, which gets its number, as the last one."""
        number = max((each.number for each in self.requests), default=0) + 1
        return replace(self, requests=(*self.requests, replace(request, number=number)))

    def with_request(self, changed: ChangeRequest) -> SoftwareState:
        """Return it with ``changed`` in place of the request of its number."""
        requests = (changed if request.number == changed.number else request for request in self.requests)
        return replace(self, requests=tuple(requests))

    def without_request(self, number: int) -> SoftwareState:
        """Return it without the request of this number."""
        return replace(self, requests=tuple(request for request in self.requests if request.number != number))

    def next_step(self) -> tuple[int, int] | None:
        """The first operation that is not done: the number of its request, and its place there."""
        for request in self.requests:
            for place, operation in enumerate(request.operations):
                if operation.phase is not Phase.DONE:
                    return request.number, place
        return None

    def operation(self, step: tuple[int, int]) -> Operation:
        """The operation at ``step``, which is a :meth:`next_step`."""
        number, place = step
        (request,) = (request for request in self.requests if request.number == number)
        return request.operations[place]

    def with_operations(self, step: tuple[int, int], operations: tuple[Operation, ...]) -> SoftwareState:
        """Return it with ``operations`` in place of the one at ``step``."""
        number, place = step
        (request,) = (request for request in self.requests if request.number == number)
        merged = (*request.operations[:place], *operations, *request.operations[place + 1 :])
        return self.with_request(replace(request, operations=merged))

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
                "acs": request.acs,
                "number": request.number,
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
        requests: list[ChangeRequest] = []
        for row in record.rows("requests"):
            key = None if row.value("command_key", "") in ("", None) else row.text("command_key")
            operations = tuple(Operation.restored(operation) for operation in row.rows("operations"))
            number = row.whole("number", least=1)
            if any(request.number == number for request in requests):
                raise ValueError("two requests have one number")
            requests.append(ChangeRequest(key, operations, row.flag("autonomous"), row.text("acs"), number))
        return cls(
            tuple(DeploymentUnit.restored(row) for row in record.rows("units")),
            tuple(requests),
            record.whole("next_duid", least=1),
            frozenset(record.texts("disabled")),
        )
