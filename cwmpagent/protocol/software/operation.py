"""One operation of a ChangeDUState: what is asked, how far it has come, and its result (TR-069 A.4.1.10)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from cwmpagent.protocol.agenda.saved_json import SavedJson
from cwmpagent.protocol.rpc import (
    AutonOpResultStruct,
    DeploymentUnitFaultStruct,
    InstallOpStruct,
    OpResultStruct,
    UninstallOpStruct,
    UpdateOpStruct,
)
from cwmpagent.values import UNKNOWN_TIME

LONGEST_VERSION = 32
LONGEST_FAULT = 256


class Kind(StrEnum):
    """Kind of an operation, as in OperationPerformed."""

    INSTALL = "Install"
    UPDATE = "Update"
    UNINSTALL = "Uninstall"


class Phase(StrEnum):
    """The progress of an operation. Each phase is saved before its work begins, and its work may be done again.

    ``APPLYING``: the file is fetched; from here on it is no longer needed that the server answers.
    """

    WAITING = "waiting"
    FETCHING = "fetching"
    APPLYING = "applying"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of one operation. ``state``: Installed, Uninstalled or Failed; ``units``: paths of execution units."""

    uuid: str = ""
    reference: str = ""
    version: str = ""
    state: str = "Failed"
    resolved: bool = False
    units: str = ""
    complete_time: str = UNKNOWN_TIME
    code: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """An operation, as it is saved. ``duid``: the unit that it works on, once that is known.

    ``selected``: whether it stands for one unit already; else it may become one operation for each unit it means.
    """

    kind: Kind
    uuid: str = ""
    url: str = ""
    version: str = ""
    environment: str = ""
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    phase: Phase = Phase.WAITING
    duid: str = ""
    selected: bool = False
    start_time: str = UNKNOWN_TIME
    outcome: Outcome | None = None

    @classmethod
    def asked(cls, struct: InstallOpStruct | UpdateOpStruct | UninstallOpStruct) -> Operation:
        """The operation that the ACS asks for."""
        match struct:
            case InstallOpStruct():
                return cls(
                    kind=Kind.INSTALL,
                    uuid=struct.uuid or "",
                    url=struct.url,
                    environment=struct.execution_env_ref or "",
                    username=struct.username or "",
                    password=struct.password or "",
                )
            case UpdateOpStruct():
                return cls(
                    kind=Kind.UPDATE,
                    uuid=struct.uuid or "",
                    url=struct.url or "",
                    version=struct.version or "",
                    username=struct.username or "",
                    password=struct.password or "",
                )
        return cls(
            kind=Kind.UNINSTALL,
            uuid=struct.uuid,
            version=struct.version or "",
            environment=struct.execution_env_ref or "",
        )

    def done(self, outcome: Outcome) -> Operation:
        """Return it with its result. Its credentials are forgotten."""
        return replace(self, phase=Phase.DONE, outcome=outcome, username="", password="")

    def result(self) -> OpResultStruct:
        """The result for a DUStateChangeComplete; the operation is done."""
        return OpResultStruct(**self._members())

    def autonomous_result(self) -> AutonOpResultStruct:
        """The result for an AutonomousDUStateChangeComplete; the operation is done."""
        return AutonOpResultStruct(operation_performed=str(self.kind), **self._members())

    def record(self) -> dict[str, Any]:
        """The JSON object for :meth:`restored`."""
        return {**asdict(self), "kind": str(self.kind), "phase": str(self.phase)}

    @classmethod
    def restored(cls, record: SavedJson) -> Operation:
        """Restore a :meth:`record`. Raises ValueError where it is damaged."""
        outcome = record.members_or_none("outcome")
        phase = Phase(record.text("phase"))
        if (phase is Phase.DONE) is (outcome is None):
            raise ValueError("an operation has a result where it is done")
        names = ("uuid", "url", "version", "environment", "username", "password", "duid", "start_time")
        return cls(
            kind=Kind(record.text("kind")),
            phase=phase,
            selected=record.flag("selected"),
            outcome=None if outcome is None else _outcome(outcome),
            **{name: record.text(name) for name in names},
        )

    def _members(self) -> dict[str, Any]:
        outcome = self.outcome or Outcome()
        fault = DeploymentUnitFaultStruct(outcome.code, outcome.reason[:LONGEST_FAULT] if outcome.code else None)
        return {
            "uuid": outcome.uuid,
            "deployment_unit_ref": outcome.reference,
            "version": outcome.version[:LONGEST_VERSION],
            "current_state": outcome.state,
            "resolved": outcome.resolved,
            "execution_unit_ref_list": outcome.units,
            "start_time": self.start_time,
            "complete_time": outcome.complete_time,
            "fault": fault,
        }


def _outcome(record: SavedJson) -> Outcome:
    names = ("uuid", "reference", "version", "state", "units", "complete_time", "reason")
    return Outcome(
        resolved=record.flag("resolved"), code=record.whole("code"), **{name: record.text(name) for name in names}
    )
