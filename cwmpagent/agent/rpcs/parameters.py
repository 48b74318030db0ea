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

    ``deferred``: parameters whose new value takes effect only after the session (Status 1).
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
        """Register the functions of these RPCs."""
        dispatcher.register(GetParameterNames, self.get_names)
        dispatcher.register(GetParameterValues, self.get_values)
        dispatcher.register(SetParameterValues, self.set_values)

    async def get_names(self, request: GetParameterNames) -> GetParameterNamesResponse:
        """Return the names below a path (A.3.2.3). Raises CwmpFault 9003, 9005."""
        await self._refresher.rows([request.parameter_path])
        names = AnswerNames(self._tree).answer(
            [request.parameter_path], lambda path: self._access.names(path, request.next_level)
        )
        return GetParameterNamesResponse(tuple(ParameterInfoStruct(name, writable) for name, writable in names))

    async def get_values(self, request: GetParameterValues) -> GetParameterValuesResponse:
        """Return the values of parameters and partial paths, each once (A.3.2.2).

        Raises CwmpFault 9005, and 9002 if one of them cannot be read.
        """
        await self._refresher.read(request.parameter_names)
        values = AnswerNames(self._tree).answer(request.parameter_names, self._tree.read)
        return GetParameterValuesResponse(tuple(ParameterValueStruct(name, value) for name, value in values))

    async def set_values(self, request: SetParameterValues) -> SetParameterValuesResponse:
        """Set all values or none (A.3.2.1). Raises CwmpFault 9003 with the fault of each parameter."""
        await self._refresher.rows([parameter.name for parameter in request.parameter_list])
        later = await self._changes.set_values(request.parameter_list, Origin.ACS, request.parameter_key)
        later = later or any(parameter.name in self._deferred for parameter in request.parameter_list)
        return SetParameterValuesResponse(status=int(later))
