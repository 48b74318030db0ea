"""Parameters as the control socket shows them: what is secret is masked, whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from cwmpagent.control.recent_facts import Item
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.masking import MASK, masked
from cwmpagent.protocol.rpc import GetParameterValuesResponse, ParameterValueStruct
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.values import NULL, Value


async def named(life: AgentRuntime, texts: Sequence[str]) -> list[str]:
    """The paths, with instance numbers, that ``texts`` name, the rows of the device having been brought up to date.

    A person may leave out the dot at the end of an object, and write ``[alias]`` or ``*`` for a row, as an ACS may.
    Raises CwmpFault 9005 for an alias or a wildcard where there is nothing of the kind.
    """
    await life.live.rows([*texts, *(text + "." for text in texts if text[-1:] not in ("", "."))])
    return list(dict.fromkeys(path for text in texts for path in _paths(life.tree, text)))


def _paths(tree: Tree, text: str) -> list[str]:
    resolver = Resolver(tree)
    for written in (text, text + "."):
        with suppress(CwmpFault):
            found = resolver.paths(written)
            if any(map(tree.exists, found)):
                return found
    return resolver.paths(text)


class Shown(NamedTuple):
    """A parameter; ``unread``: the device did not tell its value now, this is the last that is known."""

    name: str
    value: Value
    unread: bool


async def parameters(life: AgentRuntime, paths: Sequence[str]) -> list[Shown]:
    """Names and values below ``paths``, each once, secret ones masked. Raises CwmpFault 9005."""
    tree = life.tree
    lost: frozenset[str] = frozenset()
    try:
        await life.live.read(paths)
    except CwmpFault as fault:
        if fault.code != 9002:
            raise
        # An ACS gets no answer by half; a person wants to see what there is.
        lost = await life.live.freshen(name for path in paths for name in tree.parameters(path))
    found = {name: value for path in paths for name, value in tree.read(path)}
    return [Shown(name, _masked(tree, name, value), name in lost) for name, value in found.items()]


def shown(tree: Tree, name: str, value: Value) -> Value:
    """``value`` as the parameter ``name`` has it, or in the place of a secret whether there is any."""
    if _hidden(tree, name):
        return Value(value.kind, "" if value.text == NULL[value.kind] else MASK)
    answer = masked(GetParameterValuesResponse((ParameterValueStruct(name, value),)), lambda path: False)
    assert isinstance(answer, GetParameterValuesResponse)
    return answer.parameter_list[0].value


def items(tree: Tree, found: Iterable[Shown]) -> Iterator[Item]:
    """One object a parameter; those that go while the client reads are left out."""
    for name, value, unread in found:
        if tree.exists(name):
            writable = tree.definition(name).writable
            item = {"name": name, "type": value.kind.value, "value": value.text, "writable": writable}
            yield {**item, "unread": True} if unread else item


def _masked(tree: Tree, name: str, read: Value) -> Value:
    """The parameter ``name``, of which ``read`` is what an ACS may read."""
    try:
        return shown(tree, name, tree.value(name) if _hidden(tree, name) else read)
    except CwmpFault:
        return read


def _hidden(tree: Tree, name: str) -> bool:
    """Whether its value is a secret; what is not known may be one."""
    try:
        return tree.definition(name).hidden
    except CwmpFault:
        return True
