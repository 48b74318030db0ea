"""Assembly of the parameters subsystem: the tree, its providers, and changes of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cwmpagent.agent.facts import Noted
from cwmpagent.agent.long_work import LongWork
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.parameters.access import Access
from cwmpagent.agent.parameters.changes import Change, Changes
from cwmpagent.agent.parameters.provider_calls import GuardedProviders
from cwmpagent.agent.parameters.provider_rows import ProviderRows
from cwmpagent.agent.parameters.provider_values import ProviderValues
from cwmpagent.agent.parameters.refresh import Refresher
from cwmpagent.agent.parameters.transaction import Transactions
from cwmpagent.agent.ports import Provider
from cwmpagent.agent.session.acs_discovery import discovered_at_start
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.tree import Tree
from cwmpagent.gradual import Gradual
from cwmpagent.records import Saved
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.factory_defaults import FactoryValue, capabilities, texts


@dataclass(frozen=True, slots=True)
class Device:
    """The tree of one device at its start, and the saved state that it was opened with.

    ``known``: the last text that was read for each parameter that a provider supplies. ``discovered_url``: a new URL of
    the ACS that the network has assigned.
    """

    tree: Tree
    server: ManagementServer
    saved: Saved
    known: dict[str, str]
    discovered_url: str | None


def open_device(model: Model, values: Mapping[str, FactoryValue], saved: Saved, environment: Environment) -> Device:
    """Open the tree of the device; saved entries that the model does not allow are logged and not used."""
    observer = environment.observer
    url = model.root.path + "ManagementServer.URL"
    saved, discovered = discovered_at_start(environment.sessions.discovered_url, url, saved, observer)
    known: dict[str, str] = {}
    udp = environment.connection_requests.udp is not None
    tree, ignored = open_tree(model, saved, {**capabilities(model, udp=udp), **texts(values)}, live=known.get)
    for entry in ignored:
        observer(Noted(f"the saved entry {entry.path} is not used: {entry.reason}"))
    return Device(tree, ManagementServer(tree), saved, known, discovered)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parts of the subsystem; ``keys``: the provider's key of each row, by row path."""

    providers: GuardedProviders
    keys: Mapping[str, str]
    values: ProviderValues
    access: Access
    changes: Changes
    refresher: Refresher
    long_work: LongWork


def build_parameters(
    device: Device,
    environment: Environment,
    own_providers: Sequence[Provider],
    tables: Sequence[Provider],
    notes: Callable[[Change], Gradual[Mapping[str, str | None]]],
) -> Parameters:
    """Assemble the subsystem.

    ``own_providers``: providers of the agent itself. ``tables``: others of it, which the device and its program may
    replace. ``notes``: the notes to save in the transaction of a change.
    """
    tree, saved, known = device.tree, device.saved, device.known
    observer, monotonic = environment.observer, environment.clock.monotonic
    every = (*tables, *environment.parameters.providers(tree.model.root.path), *own_providers)
    providers = GuardedProviders(every, environment.timers, monotonic, observer)
    long_work = LongWork(environment.timers, monotonic)
    keys: dict[str, str] = {}
    rows = ProviderRows(providers, tree, monotonic, keys, saved.notes)
    values = ProviderValues(providers, tree.definition, monotonic, known, keys, long_work)

    def forget(paths: Sequence[str]) -> None:
        values.forget(paths)
        rows.forget()

    transactions = Transactions(providers, environment.store, observer, keys, saved.notes, forget)
    values.held = lambda: transactions.held
    changes = Changes(
        tree,
        environment.store,
        observer,
        providers=providers,
        rows=rows,
        transactions=transactions,
        long_work=long_work,
        refresh=values.refresh,
        key_path=device.server.path("ParameterKey"),
        notes=notes,
    )
    refresher = Refresher(tree, values, rows, changes, long_work, observer)
    return Parameters(providers, keys, values, Access(tree, providers), changes, refresher, long_work)
