"""Rows that providers supply: each key keeps its instance number, over restarts and while the row is away.

The numbers are saved with the rows. A table's first keys take over the rows that its model gives it from the factory;
of these, the ones that no key has taken are not there on the real device. Rows that an ACS created are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from cwmpagent.agent.parameters.provider_calls import GuardedProvider, GuardedProviders
from cwmpagent.agent.parameters.provider_values import FRESH
from cwmpagent.datamodel.names import asked_template, named
from cwmpagent.datamodel.plan import Plan, joined
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.schema import ROW, Model, ObjectDefinition, is_instance_number
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault

ROWS = "rows:"
"""How the notes begin that hold a table's keys."""
REMEMBERED = 256
"""Rows of one table that are away and keep their numbers; those that went last."""
LONGEST_KEY = 256


class ProviderRows:
    """The rows of one device's tables that providers supply.

    ``notes`` are those saved. ``keys`` is kept up to date: row path -> key.
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
        self._asked_at: dict[str, float] = {}
        self._tables = [
            (template, provider)
            for template, provider in sorted(providers.tables.items(), key=lambda each: each[0].count("."))
            if tree.model.definition(template) is not None
        ]
        self._counters = {template: _counter(tree.model, template) for template, _ in self._tables}
        self._numbers: dict[str, dict[str, int]] = {
            note.removeprefix(ROWS): _read(text) for note, text in notes.items() if note.startswith(ROWS)
        }
        for table, numbers in self._numbers.items():
            keys.update((f"{table}{number}.", key) for key, number in numbers.items())

    def concerned(self, paths: Iterable[str]) -> list[tuple[str, GuardedProvider]]:
        """The tables that say which parameters ``paths`` cover, outermost first, with who supplies them."""
        wanted = {asked_template(path) for path in paths}
        return [
            (table, provider)
            for table, provider in self._tables
            if self._counters[table] in wanted
            or any(table.startswith(path) or path.startswith(table) for path in wanted)
        ]

    def real(self, template: str) -> list[str]:
        """The tables of that template that exist now, apart from those whose rows are known well enough."""
        now = self._monotonic()
        tables = [table for table in self._expanded("", template) if self._tree.exists(table)]
        return [table for table in tables if now >= self._asked_at.get(table, -1e9) + FRESH]

    async def ask(self, table: str, provider: GuardedProvider) -> list[str]:
        """The keys of the rows of ``table``. Raises Unavailable."""
        try:
            keys = await provider.ask("instances", named(table, self.keys))
        except CwmpFault as fault:
            raise provider.complaint(f"instances of {table} refused: {fault}") from None
        if isinstance(keys, str | bytes | Mapping) or not isinstance(keys, Iterable):
            raise provider.complaint(f"instances of {table} gave {type(keys).__name__}, not a list of texts")
        found = list(keys)
        if not all(isinstance(key, str) and 0 < len(key) <= LONGEST_KEY for key in found):
            raise provider.complaint(
                f"instances of {table} gave keys that are no texts of 1 to {LONGEST_KEY} characters"
            )
        if len(set(found)) < len(found):
            raise provider.complaint(f"instances of {table} gave a key twice")
        self._asked_at[table] = self._monotonic()
        return found

    def forget(self) -> None:
        """Whatever was asked may be so no longer."""
        self._asked_at.clear()

    def plan(self, table: str, keys: Collection[str], held: Collection[str]) -> tuple[Plan, Mapping[str, str]] | None:
        """What makes the rows of ``table`` those of ``keys``, with the notes to save; None where they are.

        ``held``: rows about which a change waits for the end of the session; they stay as they are.
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
            factory = [each for each in factory if each != number]
            chosen[key] = number
        held_numbers = {number for number in (*present, *chosen.values()) if f"{table}{number}." in held}
        gone = [n for n in present if n in factory or (n not in keyless and n not in chosen.values())]
        come = [number for number in chosen.values() if number not in present]
        gone = [number for number in gone if number not in held_numbers]
        come = [number for number in come if number not in held_numbers]
        away = {key: number for key, number in numbers.items() if key not in chosen}
        kept = dict(list(away.items())[-REMEMBERED:])
        if not gone and not come and {**kept, **chosen} == numbers:
            return None
        plans: list[Plan] = []
        then = self._tree
        for number in gone:
            plans.append(plan_delete(then, f"{table}{number}.", as_acs=False))
            then = then.after(plans[-1].batch)
        for number in sorted(come):
            plans.append(plan_add(then, table, as_acs=False, number=number)[0])
            then = then.after(plans[-1].batch)
        note = json.dumps({**kept, **chosen}, separators=(",", ":"))
        return joined(*plans), {ROWS + table: note}

    def before(self, plan: Plan) -> Mapping[str, str | None]:
        """The notes about rows below those that ``plan`` deletes, and which nobody needs any more."""
        gone = tuple(plan.removed)
        return {ROWS + table: None for table in self._numbers if gone and table.startswith(gone)}

    def saved(self, notes: Mapping[str, str | None]) -> None:
        """These notes are in the store now."""
        for note, text in notes.items():
            if not note.startswith(ROWS):
                continue
            table = note.removeprefix(ROWS)
            for number in self._numbers.pop(table, {}).values():
                self.keys.pop(f"{table}{number}.", None)
            if text is not None:
                self._numbers[table] = numbers = _read(text)
                self.keys.update((f"{table}{number}.", key) for key, number in numbers.items())

    def _expanded(self, so_far: str, template: str) -> list[str]:
        before, row, after = template.partition(ROW)
        if not row:
            return [so_far + template]
        table = so_far + before
        if not self._tree.exists(table):
            return []
        rows = self._tree.instances(table)
        return [path for number in rows for path in self._expanded(f"{table}{number}.", after)]


def _counter(model: Model, template: str) -> str:
    """The template of the parameter that counts the rows of a table; empty where none does."""
    table = model.definition(template)
    if not isinstance(table, ObjectDefinition) or not table.number_of_entries:
        return ""
    return template.removesuffix(".").rpartition(".")[0] + "." + table.number_of_entries


def _read(text: str) -> dict[str, int]:
    """What a note says; nothing where nobody can read it."""
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: number for key, number in found.items() if type(number) is int and number > 0}
