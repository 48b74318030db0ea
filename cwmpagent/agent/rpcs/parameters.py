"""GetParameterNames, GetParameterValues and SetParameterValues."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from cwmpagent.agent.long_work import LongWork
from cwmpagent.agent.parameters.access import Access
from cwmpagent.agent.parameters.answer_names import AnswerNames, Skips, from_root
from cwmpagent.agent.parameters.answer_size import AnswerSize
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.session.dispatcher import Dispatcher
from cwmpagent.datamodel.tree import Tree
from cwmpagent.gradual import Gradual
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

_NAME_MARKUP = 90
_VALUE_MARKUP = 105
"""Octets of one parameter in the answer besides its name and value."""


class ParameterValues:
    """Reads and writes parameter values for the ACS.

    ``deferred``: parameters whose new value takes effect only after the session (Status 1).
    """

    def __init__(
        self, access: Access, changes: Changes, refresher: Refresher, long_work: LongWork, deferred: Collection[str]
    ) -> None:
        self._access = access
        self._changes = changes
        self._refresher = refresher
        self._long_work = long_work
        self._deferred = frozenset(deferred)

    def register(self, dispatcher: Dispatcher) -> None:
        """Register the functions of these RPCs."""
        dispatcher.register(GetParameterNames, self.get_names)
        dispatcher.register(GetParameterValues, self.get_values)
        dispatcher.register(SetParameterValues, self.set_values)

    async def get_names(self, request: GetParameterNames) -> GetParameterNamesResponse:
        """Return the names below a path (A.3.2.3). Raises CwmpFault 9003, 9004, 9005."""
        await self._refresher.rows([request.parameter_path])
        return await self._long_work.run(_names(self._refresher.snapshot(), self._access, request))

    async def get_values(self, request: GetParameterValues) -> GetParameterValuesResponse:
        """Return the values of parameters and partial paths, each once (A.3.2.2).

        Raises CwmpFault 9005, 9002 if one of them cannot be read, and 9004 if the answer would be too long.
        """
        await self._refresher.read(request.parameter_names)
        tree = self._refresher.snapshot()
        return await self._long_work.run(_values(tree, from_root(tree, request.parameter_names)))

    async def set_values(self, request: SetParameterValues) -> SetParameterValuesResponse:
        """Set all values or none (A.3.2.1). Raises CwmpFault 9003 with the fault of each parameter."""
        await self._refresher.rows([parameter.name for parameter in request.parameter_list])
        later = await self._changes.set_values(request.parameter_list, Origin.ACS, request.parameter_key)
        later = later or any(parameter.name in self._deferred for parameter in request.parameter_list)
        return SetParameterValuesResponse(status=int(later))


def _names(tree: Tree, access: Access, request: GetParameterNames) -> Gradual[GetParameterNamesResponse]:
    names: list[ParameterInfoStruct] = []
    size = AnswerSize()

    def pieces(path: str, _: Skips) -> Iterator[Sequence[tuple[str, bool]]]:
        return (access.restricted(piece, tree) for piece in tree.named(path, request.next_level))

    for piece in AnswerNames(tree).answer([request.parameter_path], pieces):
        names += [ParameterInfoStruct(name, writable) for name, _, writable in piece]
        size.add(sum(_NAME_MARKUP + len(name) for name, _, _ in piece))
        yield
    return GetParameterNamesResponse(tuple(names))


def _values(tree: Tree, paths: Sequence[str]) -> Gradual[GetParameterValuesResponse]:
    values: list[ParameterValueStruct] = []
    size = AnswerSize()
    for piece in AnswerNames(tree).answer(paths, tree.covered):
        for name, path, parameter in piece:
            value = tree.shown_of(path, parameter)
            values.append(ParameterValueStruct(name, value))
            size.add(_VALUE_MARKUP + len(name) + len(value.text))
        yield
    return GetParameterValuesResponse(tuple(values))
