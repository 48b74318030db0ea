"""AddObject and DeleteObject."""

from __future__ import annotations

from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.protocol.rpc import AddObject, AddObjectResponse, DeleteObject, DeleteObjectResponse


class Objects:
    """Creates and deletes rows of tables for the ACS."""

    def __init__(self, changes: Changes, refresher: Refresher) -> None:
        self._changes = changes
        self._refresher = refresher

    def register(self, dispatcher: Dispatcher) -> None:
        """Register the functions of these RPCs."""
        dispatcher.register(AddObject, self.add)
        dispatcher.register(DeleteObject, self.delete)

    async def add(self, request: AddObject) -> AddObjectResponse:
        """Create a row with default values (A.3.2.6). Raises CwmpFault 9003 for its alias, 9004, 9005."""
        await self._refresher.rows([request.object_name])
        instance, later = await self._changes.add_object(request.object_name, Origin.ACS, request.parameter_key)
        return AddObjectResponse(instance_number=instance, status=int(later))

    async def delete(self, request: DeleteObject) -> DeleteObjectResponse:
        """Delete a row and everything below it (A.3.2.7). Raises CwmpFault 9005."""
        await self._refresher.rows([request.object_name])
        later = await self._changes.delete_object(request.object_name, Origin.ACS, request.parameter_key)
        return DeleteObjectResponse(status=int(later))
