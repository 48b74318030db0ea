"""The RPC ChangeDUState: it is answered at once, and its operations are carried out after the session (A.4.1.10)."""

from __future__ import annotations

from collections.abc import Callable

from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.agent.software.records import SoftwareRecords
from cwmpagent.errors import CwmpFault, StoreWriteError
from cwmpagent.protocol.rpc import ChangeDUState, ChangeDUStateResponse
from cwmpagent.protocol.software.operation import Operation
from cwmpagent.protocol.software.state import ChangeRequest

MOST_OPERATIONS = 64
"""Maximum number of operations in one request."""


class ChangeDUStates:
    """Accepts requests. ``acs`` returns the present ACS; ``accepted`` is called for each request that is saved."""

    def __init__(self, records: SoftwareRecords, acs: Callable[[], str], accepted: Callable[[], None]) -> None:
        self._records = records
        self._acs = acs
        self._accepted = accepted

    def register(self, dispatcher: Dispatcher) -> None:
        """Register the function of this RPC."""
        dispatcher.register(ChangeDUState, self.change)

    async def change(self, request: ChangeDUState) -> ChangeDUStateResponse:
        """Accept the request. Raises CwmpFault 9003, 9004, and 9002 if it cannot be saved.

        Everything else that is wrong with an operation is its own result.
        """
        if not request.operations:
            raise CwmpFault(9003, "there is no operation")
        if len(request.operations) > MOST_OPERATIONS:
            raise CwmpFault(9004, f"at most {MOST_OPERATIONS} operations are allowed in one request")
        self._records.check_room()
        operations = tuple(Operation.asked(struct) for struct in request.operations)
        accepted = ChangeRequest(request.command_key, operations, acs=self._acs())
        try:
            await self._records.promise(self._records.state.added(accepted))
        except StoreWriteError as error:
            raise CwmpFault(9002, f"cannot save the request: {error}") from None
        self._accepted()
        return ChangeDUStateResponse()
