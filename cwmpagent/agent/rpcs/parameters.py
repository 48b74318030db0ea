"""GetParameterNames, GetParameterValues and SetParameterValues."""

from __future__ import annotations

from collections.abc import Collection

from cwmpagent.agent.parameters.access import Access
from cwmpagent.agent.parameters.answer_names import AnswerNames
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.datamodel.tree import Tree
from cwmpagent.protocol.rpc import (
    GetParameterNames,
    GetParameterNamesResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    ParameterInfoStruct,
    ParameterValueStruct,
    SetParameterValues,
    SetParameterValuesResponse,
)


class ParameterValues:
    """Reads and writes parameter values for the ACS.

    ``deferred`` are the parameters whose new value takes effect only after the session (Status 1).
    """

    def __init__(
        self, tree: Tree, access: Access, changes: Changes, refresher: Refresher, deferred: Collection[str]
    ) -> None:
        self._tree = tree
        self._access = access
        self._changes = changes
        self._refresher = refresher
        self._deferred = frozenset(deferred)

    def register(self, dispatcher: Dispatcher) -> None:
        """Register each RPC's function."""
        dispatcher.register(GetParameterNames, self.get_names)
        dispatcher.register(GetParameterValues, self.get_values)
        dispatcher.register(SetParameterValues, self.set_values)

    async def get_names(self, request: GetParameterNames) -> GetParameterNamesResponse:
        """Names below a path (A.3.2.3). Raises CwmpFault 9003, 9005."""
        await self._refresher.rows([request.parameter_path])
        found = AnswerNames(self._tree).answer(
            [request.parameter_path], lambda path: self._access.names(path, request.next_level)
        )
        return GetParameterNamesResponse(tuple(ParameterInfoStruct(name, writable) for name, writable in found))

    async def get_values(self, request: GetParameterValues) -> GetParameterValuesResponse:
        """Values of parameters and partial paths, each once (A.3.2.2). Raises CwmpFault 9005, and 9002 where one
        of them cannot be read."""
        await self._refresher.read(request.parameter_names)
        found = AnswerNames(self._tree).answer(request.parameter_names, self._tree.read)
        return GetParameterValuesResponse(tuple(ParameterValueStruct(name, value) for name, value in found))

    async def set_values(self, request: SetParameterValues) -> SetParameterValuesResponse:
        """Set values, all or none (A.3.2.1). Raises CwmpFault 9003 with every parameter's fault."""
        await self._refresher.rows([each.name for each in request.parameter_list])
        later = await self._changes.set_values(request.parameter_list, Origin.ACS, request.parameter_key)
        later = later or any(each.name in self._deferred for each in request.parameter_list)
        return SetParameterValuesResponse(status=int(later))
