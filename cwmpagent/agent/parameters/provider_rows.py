"""Rows that providers supply: each key keeps its instance number, over restarts and while its row does not exist.

The numbers are saved with the rows. The first keys of a table get its factory rows from the model; factory rows without
a key are removed, because the real device does not have them. Rows that an ACS created are not changed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from cwmpagent.agent.parameters.provider_calls import GuardedProvider, GuardedProviders
from cwmpagent.agent.parameters.provider_values import FRESH
from cwmpagent.datamodel.names import named, request_template
from cwmpagent.datamodel.plan import Plan, joined
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.schema import ROW, Model, ObjectDefinition, is_instance_number
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.gradual import Gradual

ROWS = "rows:"
"""Prefix of the notes that contain the keys of a table."""
REMEMBERED = 256
"""Largest number of rows of one table that keep their numbers while they do not exist; the latest are kept."""
LONGEST_KEY = 256
"""Largest length of a key, in characters."""


class ProviderRows:
    """The rows of one device that providers supply.

    ``notes``: the saved notes. ``keys``: row path -> key; it is updated.
    """

    def __init__(
        self,
        providers: GuardedProviders,
        tree: Tree,
        monotonic: Callable[[], float],
        keys: dict[str, str],
        notes: Mapping[str, str],
    ) -> None:
        self._tree = tree
        self._monotonic = monotonic
        self.keys = keys
        self._read_at: dict[str, float] = {}
        self._tables = [
            (template, provider)
            for template, provider in sorted(providers.tables.items(), key=lambda entry: entry[0].count("."))
            if tree.model.definition(template) is not None
        ]
        self._counters = {template: _counter(tree.model, template) for template, _ in self._tables}
        self._numbers: dict[str, dict[str, int]] = {
            note.removeprefix(ROWS): _read(text) for note, text in notes.items() if note.startswith(ROWS)
        }
        for table, numbers in self._numbers.items():
            keys.update((f"{table}{number}.", key) for key, number in numbers.items())

    def tables_for(self, paths: Iterable[str]) -> Gradual[list[tuple[str, GuardedProvider]]]:
        """Templates of the tables that determine the parameters in ``paths``, outermost first, with providers."""
        remaining = dict(self._tables)
        templates: set[str] = set()
        for path in paths if remaining else ():
            yield
            template = request_template(path)
            if template not in templates:
                templates.add(template)
                for table in [table for table in remaining if self._determines(table, template)]:
                    del remaining[table]
        return [(table, provider) for table, provider in self._tables if table not in remaining]

    def _determines(self, table: str, template: str) -> bool:
        """Whether the rows of ``table`` determine parameters in a path of ``template``."""
        return self._counters[table] == template or table.startswith(template) or template.startswith(table)

    def stale_tables(self, template: str) -> list[str]:
        """Existing tables of ``template`` whose rows were not read within the last :data:`FRESH` seconds."""
        now = self._monotonic()
        tables = [table for table in self._expanded("", template) if self._tree.exists(table)]
        return [table for table in tables if now >= self._read_at.get(table, -1e9) + FRESH]

    async def read_keys(self, table: str, provider: GuardedProvider) -> list[str]:
        """Read the keys of the rows of ``table``. Raises Unavailable."""
        try:
            result = await provider.call("instances", named(table, self.keys))
        except CwmpFault as fault:
            raise provider.failure(f"instances of {table} refused: {fault}") from None
        if isinstance(result, str | bytes | Mapping) or not isinstance(result, Iterable):
            raise provider.failure(f"instances of {table} returned {type(result).__name__}, not a list of strings")
        keys = list(result)
        if not all(isinstance(key, str) and 0 < len(key) <= LONGEST_KEY for key in keys):
            raise provider.failure(
                f"instances of {table} returned keys that are not strings of 1 to {LONGEST_KEY} characters"
            )
        if len(set(keys)) < len(keys):
            raise provider.failure(f"instances of {table} returned a duplicate key")
        self._read_at[table] = self._monotonic()
        return keys

    def forget(self) -> None:
        """Mark the rows of all tables as not read."""
        self._read_at.clear()

    def plan(self, table: str, keys: Collection[str], held: Collection[str]) -> tuple[Plan, Mapping[str, str]] | None:
        """Plan that gives ``table`` the rows of ``keys``, and the notes to save; None where nothing is to be changed.

        ``held``: rows whose change waits for the end of the session; they are not changed.
        """
        present = self._tree.instances(table)
        numbers = self._numbers.get(table, {})
        keyless = [number for number in present if f"{table}{number}." not in self.keys]
        factory = [number for number in keyless if number in self._tree.model.rows.get(table, ())]
        chosen: dict[str, int] = {}
        last = self._tree.last_instance(table)
        for key in keys:
            number = numbers.get(key)
            if number is None and is_instance_number(key) and int(key) in keyless:
                number = int(key)
            if number is None and factory:
                number = factory[0]
            if number is None:
                last = number = last + 1
            factory = [other for other in factory if other != number]
            chosen[key] = number
        held_numbers = {number for number in (*present, *chosen.values()) if f"{table}{number}." in held}
        removed = [n for n in present if n in factory or (n not in keyless and n not in chosen.values())]
        added = [number for number in chosen.values() if number not in present]
        removed = [number for number in removed if number not in held_numbers]
        added = [number for number in added if number not in held_numbers]
        absent = {key: number for key, number in numbers.items() if key not in chosen}
        kept = dict(list(absent.items())[-REMEMBERED:])
        if not removed and not added and {**kept, **chosen} == numbers:
            return None
        plans: list[Plan] = []
        tree = self._tree
        for number in removed:
            plans.append(plan_delete(tree, f"{table}{number}.", as_acs=False))
            tree = tree.after(plans[-1].batch)
        for number in sorted(added):
            plans.append(plan_add(tree, table, as_acs=False, number=number)[0])
            tree = tree.after(plans[-1].batch)
        note = json.dumps({**kept, **chosen}, separators=(",", ":"))
        return joined(*plans), {ROWS + table: note}

    def before(self, plan: Plan) -> Mapping[str, str | None]:
        """Notes to delete with ``plan``: those of tables below the rows that it deletes."""
        removed = tuple(plan.removed)
        return {ROWS + table: None for table in self._numbers if removed and table.startswith(removed)}

    def saved(self, notes: Mapping[str, str | None]) -> None:
        """Apply ``notes``, which have been saved."""
        for note, text in notes.items():
            if not note.startswith(ROWS):
                continue
            table = note.removeprefix(ROWS)
            for number in self._numbers.pop(table, {}).values():
                self.keys.pop(f"{table}{number}.", None)
            if text is not None:
                self._numbers[table] = numbers = _read(text)
                self.keys.update((f"{table}{number}.", key) for key, number in numbers.items())

    def _expanded(self, prefix: str, template: str) -> list[str]:
        before, row, after = template.partition(ROW)
        if not row:
            return [prefix + template]
        table = prefix + before
        if not self._tree.exists(table):
            return []
        rows = self._tree.instances(table)
        return [path for number in rows for path in self._expanded(f"{table}{number}.", after)]


def _counter(model: Model, template: str) -> str:
    """Template of the parameter that counts the rows of a table; empty where there is none."""
    table = model.definition(template)
    if not isinstance(table, ObjectDefinition) or not table.number_of_entries:
        return ""
    return template.removesuffix(".").rpartition(".")[0] + "." + table.number_of_entries


def _read(text: str) -> dict[str, int]:
    """Read a note: key -> instance number; empty where it is damaged."""
    try:
        note: Any = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(note, dict):
        return {}
    return {key: number for key, number in note.items() if type(number) is int and number >= 0}
