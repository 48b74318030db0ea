"""GetParameterAttributes and SetParameterAttributes."""

from __future__ import annotations

from cwmpagent.agent.changes import Changes, Origin
from cwmpagent.agent.dispatcher import Dispatcher
from cwmpagent.agent.live import Live
from cwmpagent.datamodel.plan import AttributeChange
from cwmpagent.datamodel.tree import Tree
from cwmpagent.protocol.rpc import (
    GetParameterAttributes,
    GetParameterAttributesResponse,
    ParameterAttributeStruct,
    SetParameterAttributes,
    SetParameterAttributesResponse,
)


class ParameterAttributes:
    """Reads and writes Notification and AccessList for the ACS."""

    def __init__(self, tree: Tree, changes: Changes, live: Live) -> None:
        self._tree = tree
        self._changes = changes
        self._live = live

    def register(self, dispatcher: Dispatcher) -> None:
        """Register each RPC's function."""
        dispatcher.register(GetParameterAttributes, self.get)
        dispatcher.register(SetParameterAttributes, self.set)

    async def get(self, request: GetParameterAttributes) -> GetParameterAttributesResponse:
        """Attributes of parameters and partial paths (A.3.2.5). Raises CwmpFault 9005."""
        await self._live.rows(request.parameter_names)
        tree = self._tree
        names = dict.fromkeys(name for path in request.parameter_names for name in tree.parameters(path))
        return GetParameterAttributesResponse(
            parameter_list=tuple(
                ParameterAttributeStruct(name=name, notification=found.notification, access_list=found.access_list)
                for name, found in ((name, tree.attributes(name)) for name in names)
            )
        )

    async def set(self, request: SetParameterAttributes) -> SetParameterAttributesResponse:
        """Set attributes, all or none (A.3.2.4). Raises CwmpFault 9003, 9005, 9009."""
        await self._live.rows([each.name for each in request.parameter_list])
        await self._live.freshen(name for each in request.parameter_list for name in self._tree.parameters(each.name))
        await self._changes.set_attributes(
            [
                AttributeChange(
                    each.name,
                    notification=each.notification if each.notification_change else None,
                    access_list=each.access_list if each.access_list_change else None,
                )
                for each in request.parameter_list
            ],
            Origin.ACS,
        )
        return SetParameterAttributesResponse()
