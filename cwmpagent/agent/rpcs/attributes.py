"""GetParameterAttributes and SetParameterAttributes."""

from __future__ import annotations

from collections.abc import Sequence

from cwmpagent.agent.long_work import LongWork
from cwmpagent.agent.parameters.answer_names import AnswerNames, from_root
from cwmpagent.agent.parameters.answer_size import AnswerSize
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.datamodel.plan import AttributeChange
from cwmpagent.datamodel.tree import Tree
from cwmpagent.gradual import Gradual
from cwmpagent.protocol.rpc import (
    GetParameterAttributes,
    GetParameterAttributesResponse,
    ParameterAttributeStruct,
    SetParameterAttributes,
    SetParameterAttributesResponse,
)

_MARKUP = 250
"""Octets of one parameter in the answer besides its name."""


class ParameterAttributes:
    """Reads and writes Notification and AccessList for the ACS."""

    def __init__(self, changes: Changes, refresher: Refresher, long_work: LongWork) -> None:
        self._changes = changes
        self._refresher = refresher
        self._long_work = long_work

    def register(self, dispatcher: Dispatcher) -> None:
        """Register the functions of these RPCs."""
        dispatcher.register(GetParameterAttributes, self.get)
        dispatcher.register(SetParameterAttributes, self.set)

    async def get(self, request: GetParameterAttributes) -> GetParameterAttributesResponse:
        """Return the attributes of parameters and partial paths (A.3.2.5). Raises CwmpFault 9005."""
        await self._refresher.rows(request.parameter_names)
        tree = self._refresher.snapshot()
        return await self._long_work.run(_answer(tree, from_root(tree, request.parameter_names)))

    async def set(self, request: SetParameterAttributes) -> SetParameterAttributesResponse:
        """Set the attributes of all parameters or none (A.3.2.4). Raises CwmpFault 9003, 9005, 9009."""
        await self._refresher.freshen_below([parameter.name for parameter in request.parameter_list])
        await self._changes.set_attributes(await self._long_work.run(_changes(request)), Origin.ACS)
        return SetParameterAttributesResponse()


def _changes(request: SetParameterAttributes) -> Gradual[list[AttributeChange]]:
    changes: list[AttributeChange] = []
    for parameter in request.parameter_list:
        yield
        notification = parameter.notification if parameter.notification_change else None
        access_list = parameter.access_list if parameter.access_list_change else None
        changes.append(AttributeChange(parameter.name, notification=notification, access_list=access_list))
    return changes


def _answer(tree: Tree, paths: Sequence[str]) -> Gradual[GetParameterAttributesResponse]:
    parameters: list[ParameterAttributeStruct] = []
    size = AnswerSize()
    for piece in AnswerNames(tree).answer(paths, tree.covered):
        for name, path, parameter in piece:
            attributes = tree.attributes_of(path, parameter)
            parameters.append(
                ParameterAttributeStruct(
                    name=name, notification=attributes.notification, access_list=attributes.access_list
                )
            )
            size.add(_MARKUP + len(name))
        yield
    return GetParameterAttributesResponse(parameter_list=tuple(parameters))
