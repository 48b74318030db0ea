"""Parameters as the control socket shows them, with secrets masked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from cwmpagent.agent.parameters.masked_values import is_hidden, masked_value
from cwmpagent.control.recent_facts import Item
from cwmpagent.datamodel.resolve import Resolver, parameters_gradually
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.gradual import Gradual
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.values import Value


async def named(runtime: AgentRuntime, texts: Sequence[str]) -> list[str]:
    """Read the rows of the device, and return the paths, with instance numbers, that ``texts`` name.

    The dot at the end of an object may be left out; ``[alias]`` or ``*`` may replace an instance number, as in an RPC.
    Raises CwmpFault 9005 for an alias or a wildcard that matches nothing.
    """
    await runtime.refresher.rows([*texts, *(text + "." for text in texts if text[-1:] not in ("", "."))])
    return list(dict.fromkeys(path for text in texts for path in _paths(runtime.tree, text)))


def _paths(tree: Tree, text: str) -> list[str]:
    resolver = Resolver(tree)
    for path in (text, text + "."):
        with suppress(CwmpFault):
            paths = resolver.paths(path)
            if any(map(tree.exists, paths)):
                return paths
    return resolver.paths(text)


class Shown(NamedTuple):
    """A parameter. ``unread``: its value cannot be read now, and ``value`` is the last known one."""

    name: str
    value: Value
    unread: bool


async def parameters(runtime: AgentRuntime, paths: Sequence[str]) -> list[Shown]:
    """Names and values below ``paths``, each once, with secrets masked. Raises CwmpFault 9005."""
    # An ACS gets a complete answer or a fault; the command line shows all values that can be read.
    unread = frozenset(await runtime.refresher.freshen_below(paths))
    long_work = runtime.parameters.long_work
    return await long_work.run(_shown(runtime.refresher.snapshot(), paths, unread))


def _shown(tree: Tree, paths: Sequence[str], unread: Collection[str]) -> Gradual[list[Shown]]:
    shown: list[Shown] = []
    for name in (yield from parameters_gradually(tree, paths)):
        yield
        shown.append(Shown(name, _masked(tree, name, tree.shown(name)), name in unread))
    return shown


def items(runtime: AgentRuntime, parameters: Iterable[Shown]) -> Iterator[Item]:
    """One JSON object for each parameter; parameters deleted meanwhile are left out."""
    for name, value, unread in parameters:
        if runtime.tree.exists(name):
            writable = runtime.parameters.access.writable(name)
            item = {"name": name, "type": value.kind.value, "value": value.text, "writable": writable}
            yield {**item, "unread": True} if unread else item


def _masked(tree: Tree, name: str, readable: Value) -> Value:
    """The masked value of the parameter ``name``; ``readable`` is the value that an ACS may read."""
    try:
        return masked_value(tree, name, tree.value(name) if is_hidden(tree, name) else readable)
    except CwmpFault:
        return readable
