"""GetParameterAttributes and SetParameterAttributes."""

from __future__ import annotations

from cwmpagent.agent.parameters.answer_names import AnswerNames
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.datamodel.plan import AttributeChange
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.tree import Tree
from cwmpagent.protocol.rpc import (
    GetParameterAttributes,
    GetParameterAttributesResponse,
    ParameterAttributeStruct,
    SetParameterAttributes,
    SetParameterAttributesResponse,
)
from cwmpagent.records import Attributes


class ParameterAttributes:
    """Reads and writes Notification and AccessList for the ACS."""

    def __init__(self, tree: Tree, changes: Changes, refresher: Refresher) -> None:
        self._tree = tree
        self._changes = changes
        self._refresher = refresher

    def register(self, dispatcher: Dispatcher) -> None:
        """Register the functions of these RPCs."""
        dispatcher.register(GetParameterAttributes, self.get)
        dispatcher.register(SetParameterAttributes, self.set)

    async def get(self, request: GetParameterAttributes) -> GetParameterAttributesResponse:
        """Return the attributes of parameters and partial paths (A.3.2.5). Raises CwmpFault 9005."""
        await self._refresher.rows(request.parameter_names)
        return GetParameterAttributesResponse(
            parameter_list=tuple(
                ParameterAttributeStruct(
                    name=name, notification=attributes.notification, access_list=attributes.access_list
                )
                for name, attributes in AnswerNames(self._tree).answer(request.parameter_names, self._attributes)
            )
        )

    async def set(self, request: SetParameterAttributes) -> SetParameterAttributesResponse:
        """Set the attributes of all parameters or none (A.3.2.4). Raises CwmpFault 9003, 9005, 9009."""
        await self._refresher.rows([parameter.name for parameter in request.parameter_list])
        resolver = Resolver(self._tree)
        paths = [resolver.path(parameter.name) for parameter in request.parameter_list]
        await self._refresher.freshen(name for path in paths for name in self._tree.parameters(path))
        await self._changes.set_attributes(
            [
                AttributeChange(
                    parameter.name,
                    notification=parameter.notification if parameter.notification_change else None,
                    access_list=parameter.access_list if parameter.access_list_change else None,
                )
                for parameter in request.parameter_list
            ],
            Origin.ACS,
        )
        return SetParameterAttributesResponse()

    def _attributes(self, path: str) -> list[tuple[str, Attributes]]:
        return [(name, self._tree.attributes(name)) for name in self._tree.parameters(path)]
