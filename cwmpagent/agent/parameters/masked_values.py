"""Values with secrets masked, for facts, logs and the control socket."""

from __future__ import annotations

from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.masking import MASK, masked
from cwmpagent.protocol.rpc import GetParameterValuesResponse, ParameterValueStruct
from cwmpagent.values import NULL, Value


def is_hidden(tree: Tree, name: str) -> bool:
    """Whether the value of the parameter ``name``, with or without aliases, is secret; True for an unknown one."""
    try:
        return tree.definition(Resolver(tree).path(name)).hidden
    except CwmpFault:
        return True


def masked_value(tree: Tree, name: str, value: Value) -> Value:
    """``value`` of the parameter ``name``; a secret is replaced by a mask, or stays empty where it is not set."""
    if is_hidden(tree, name):
        return Value(value.kind, "" if value.text == NULL[value.kind] else MASK)
    answer = masked(GetParameterValuesResponse((ParameterValueStruct(name, value),)), lambda path: False)
    assert isinstance(answer, GetParameterValuesResponse)
    return answer.parameter_list[0].value
