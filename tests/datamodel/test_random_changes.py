"""Random changes of a tree, compared with a simple device that stores every path in one dictionary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import zip_longest
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.plan import AttributeChange, ParameterAssignment, Plan
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.records import Attributes, Batch, Saved
from tests.datamodel.sample import ALIASED, build, plan_attributes, plan_values_in_new_rows

MODEL = build(ALIASED)
FACTORY = {"Box.Port.1.Number": "7", "Box.Level": "-1"}
TABLES = ("Box.Port.", "Box.Port.1.Rule.", "Box.Port.3.Rule.", "Box.Port.4.Rule.", "Box.Fixed.", "Box.", "Box.Nothing.")
LEAVES = {
    "": ["Version", "Mode", "Level", "Since", "Secret", "Uptime", "Address", "Main", "All", "PortNumberOfEntries"],
    "Box.Port.": ["Enable", "Alias", "Label", "Number", "Place", "Speed", "RuleNumberOfEntries", "Stats.Sent"],
    "Rule.": ["Alias", "Note"],
    "Box.Fixed.": ["Port"],
}
DEFAULTS = {"Enable": "false", "Number": "0", "Speed": "0", "Stats.Sent": "0", "RuleNumberOfEntries": "0"}
READ_ONLY = {"Version", "Uptime", "Address", "PortNumberOfEntries", "Speed", "RuleNumberOfEntries", "Sent"}
GOOD: Mapping[str, Callable[[str], bool]] = {
    "Mode": lambda text: text in ("Auto", "Fixed"),
    "Level": lambda text: text in ("0", "1", "5"),
    "Since": lambda text: False,
    "Secret": lambda text: len(text) < 9,
    "Enable": lambda text: text in ("true", "false", "1", "0"),
    "Number": lambda text: text in ("0", "1", "5"),
    "Alias": lambda text: text[:1].isalpha() and "[" not in text,
}
ALIASES = ["one", "two", "cpe-1", "cpe-4", "cpe-5", "a.b", "9x"]
ROWS = ["Box.Port.1", "Box.Port.3", "Box.Port.4", "Box.Port.[one]", "Box.Port.[cpe-1],Box.Port.3"]
TEXTS = st.sampled_from(["", "true", "false", "1", "0", "5", "Auto", "Fixed", *ROWS, *ALIASES])
SOME_ALIAS = st.sampled_from(ALIASES)
ASKED = (
    "Box.Port.*.",
    "Box.Port.*.Label",
    "Box.Port.*.Stats.",
    "Box.Port.*.Rule.*.",
    "Box.Port.*.Rule.*.Note",
    "Box.Port.*.Rule.2.Note",
    "Box.Port.*.Rule.[cpe-1].Note",
    "Box.Port.*.Rule.[one].",
    "Box.Port.[one].Rule.*.",
    "Box.Port.[a.b].Rule.*.Note",
    "Box.Port.4.Rule.*.Note",
    "Box.Port.[cpe-5].",
    "Box.Port.[two].Label",
    "Box.Fixed.*.",
    "Box.Fixed.[cpe-1].",
    "Box.*.",
    "Box.*.Label",
    "Box.Port.*",
    "Box.Port.*.Nothing",
    "Box.Port.*.*.",
    "Box.Port.1.*.",
    "*",
)
TEMPLATES = {
    *("Box.Port.#." + name for name in ("", "Label", "Stats.", "Rule.#.", "Rule.#.Note")),
    "Box.Fixed.#.",
}
PARTS = re.compile(r"\[[^\]]*\]|[^.]+|(?<=\.)$")


class Naive:
    """Simple implementation of a device, without any optimization."""

    def __init__(self) -> None:
        self.rows: set[str] = set()
        self.values: dict[str, str] = {
            "Box." + name: "" for name in ("Secret", "Address", "Main", "All", "PortNumberOfEntries")
        } | {"Box.Version": "1.0", "Box.Mode": "Auto", "Box.Level": "-1", "Box.Uptime": "0"}
        self.values["Box.Since"] = "0001-01-01T00:00:00Z"
        self.last = {"Box.Port.": 3, "Box.Port.3.Rule.": 2}
        self.attributes: dict[str, Attributes] = {}
        for row in ("Box.Port.1.", "Box.Port.3.", "Box.Port.3.Rule.2.", "Box.Fixed.1."):
            self.create(row)
        self.values |= {"Box.Port.1.Enable": "true", "Box.Port.1.Label": "one", "Box.Port.1.Number": "7"}
        self.values |= {"Box.Port.3.Rule.2.Note": "given", "Box.Fixed.1.Port": "Box.Port.3"}

    def create(self, row: str, alias: str = "") -> None:
        self.rows.add(row)
        table, number = row.rstrip("0123456789.") + ".", row.split(".")[-2]
        own = [f"cpe-{number}", *(f"cpe-{number}-{attempt}" for attempt in range(2, 9))]
        for name in LEAVES["Rule." if "Rule." in row else table]:
            self.values[row + name] = DEFAULTS.get(name, "")
            if name == "Alias":
                self.values[row + name] = alias or next(each for each in own if self.row(table, each) is None)

    def row(self, table: str, alias: str) -> str | None:
        """Row with this alias."""
        return next((row for row in self.children(table) if self.values.get(row + "Alias") == alias), None)

    def add(self, table: str, alias: str = "") -> int:
        """Instance number of a new row, or the negative fault code."""
        if table != "Box.Port." and not (table.endswith(".Rule.") and table.removesuffix("Rule.") in self.rows):
            return -9005
        if alias and (not GOOD["Alias"](alias) or self.row(table, alias)):
            return -9003
        if table == "Box.Port." and len(self.children(table)) >= 4:
            return -9004
        self.last[table] = self.last.get(table, 0) + 1
        self.create(f"{table}{self.last[table]}.", alias)
        return self.last[table]

    def numbered(self, path: str, create: bool = False) -> str | int:
        """Path without aliases, or the fault code."""
        so_far = ""
        for part in PARTS.findall(path):
            if part[:1] != "[":
                so_far += part + "."
                continue
            row = self.row(so_far, part[1:-1])
            if row is None and create:
                number = self.add(so_far, part[1:-1] or "-")
                if number < 0:
                    return 9001 if number == -9004 else 9005
                row = f"{so_far}{number}."
            if row is None:
                return 9005
            so_far = row
        return so_far if path[-1:] == "." and so_far[-2:] != ".." else so_far[:-1]

    def matching(self, path: str) -> set[str] | None:
        """Parameters that a path with wildcards covers, ``None`` for a fault."""
        before, wildcard, _ = path.partition("*")
        start = self.numbered(before)
        tables = {"Box.Port.", "Box.Fixed.", *(row + "Rule." for row in self.rows if row.startswith("Box.Port."))}
        if start not in ({*tables} if wildcard else {*self.values, *self.rows}):
            return None
        parts = PARTS.findall(path.removesuffix("."))
        if wildcard and re.sub(r"(?<=\.)(\d+|\*|\[[^\]]*\])(?=\.)", "#", path) not in TEMPLATES:
            return None
        whole = path[-1:] != "."
        return {
            name for name in self.values if self.fits(parts, name) and not (whole and name.count(".") >= len(parts))
        }

    def fits(self, parts: list[str], name: str) -> bool:
        so_far = ""
        for part, real in zip_longest(parts, name.split(".")[: len(parts)]):
            so_far += f"{real}."
            if part not in ("*", real, f"[{self.values.get(so_far + 'Alias')}]"):
                return False
        return True

    def drop(self, row: str) -> None:
        self.rows = {each for each in self.rows if not each.startswith(row)}
        for kept in (self.values, self.attributes, self.last):
            for path in [path for path in kept if path.startswith(row)]:
                del kept[path]
        for path, text in self.values.items():
            if path.rpartition(".")[2] in ("Main", "All", "Port"):
                self.values[path] = ",".join(item for item in text.split(",") if not (item + ".").startswith(row))

    def count(self) -> None:
        for path in self.values:
            if path.endswith("NumberOfEntries"):
                self.values[path] = str(len(self.children(path.removesuffix("NumberOfEntries") + ".")))

    def children(self, table: str) -> list[str]:
        return [row for row in self.rows if row.startswith(table) and row.count(".") == table.count(".") + 1]

    def text(self, path: str, text: str) -> str:
        return {"1": "true", "0": "false"}.get(text, text) if path.endswith(".Enable") else text

    def references(self, name: str, text: str) -> str:
        """Text with instance numbers instead of aliases if the parameter is a reference."""
        if name not in ("Main", "Port", "All"):
            return text
        items = text.split(",") if name == "All" else [text]
        return ",".join(item if isinstance(path := self.numbered(item), int) else path for item in items)

    def assign(self, written: list[tuple[str, str]], create: bool) -> dict[str, int]:
        """Fault codes by name; if there are none, all values are written."""
        faults: dict[str, int] = {}
        names: dict[str, str] = {}
        for name, _ in written:
            path = self.numbered(name, create)
            if isinstance(path, int):
                faults[name] = path
            names[name] = path if isinstance(path, str) else name
        pairs = [(names[name], text) for name, text in written]
        pairs = [(path, self.references(path.rpartition(".")[2], text)) for path, text in pairs]
        times = Counter(path for path, _ in pairs)
        codes = self.faults(pairs)
        faults = {
            name: 9003 if times[path] > 1 else faults.get(name, codes.get(path, 0)) for name, path in names.items()
        }
        if not any(faults.values()):
            self.values |= {path: self.text(path, text) for path, text in pairs}
        return {name: code for name, code in faults.items() if code}

    def faults(self, pairs: list[tuple[str, str]]) -> dict[str, int]:
        codes: dict[str, int] = {}
        after = dict(self.values)
        for path, text in pairs:
            name = path.rpartition(".")[2]
            if [each for each, _ in pairs].count(path) > 1:
                codes[path] = 9003
            elif path not in self.values:
                codes[path] = 9005
            elif name in READ_ONLY:
                codes[path] = 9008
            elif name in ("Main", "Port"):
                if text and not (text + "." in self.rows and text.startswith("Box.Port.")):
                    codes[path] = 9007
            elif name == "All":
                if text and not {item + "." for item in text.split(",")} <= self.rows:
                    codes[path] = 9007
            elif name in GOOD and not GOOD[name](text):
                codes[path] = 9007
            if path not in codes:
                after[path] = self.text(path, text)
        for row in self.children("Box.Port."):
            for other in set(self.children("Box.Port.")) - {row}:
                same = all(after[row + name] == after[other + name] for name in ("Label", "Number"))
                if same and after[row + "Enable"] == after[other + "Enable"] == "true":
                    given = [path for path, _ in pairs if path in (row + "Label", row + "Number") and path not in codes]
                    switch = [path for path, _ in pairs if path == row + "Enable" and path not in codes]
                    codes |= dict.fromkeys(given or switch, 9007)
                if after[row + "Place"] == after[other + "Place"] != "" and row + "Place" in dict(pairs):
                    codes.setdefault(row + "Place", 9007)
        for row in self.rows:
            table = row.rstrip("0123456789.") + "."
            others = [each for each in self.children(table) if after.get(each + "Alias") == after.get(row + "Alias")]
            if len(others) > 1 and row + "Alias" in dict(pairs):
                codes.setdefault(row + "Alias", 9007)
        return codes


class Store:
    """Store in memory, as specified by the interface of the store."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {name: {} for name in ("values", "attributes", "rows", "counters")}

    def save(self, batch: Batch) -> None:
        for name, kept in self.kept.items():
            for path, item in getattr(batch, name).items():
                if item is None:
                    kept.pop(path, None)
                else:
                    kept[path] = item

    def load(self) -> Saved:
        return Saved(**{name: dict(kept) for name, kept in self.kept.items()})


class Changes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.naive = Naive()
        self.store = Store()
        self.tree = self.loaded()

    def loaded(self) -> Tree:
        tree, ignored = open_tree(MODEL, self.store.load(), FACTORY)
        assert ignored == ()
        return tree

    def carry_out(self, plan: Plan) -> None:
        before = {path: self.tree.value(path) for path in self.tree.parameters("")}
        self.store.save(plan.batch)
        self.tree.apply(plan.batch)
        after = {path: self.tree.value(path) for path in self.tree.parameters("")}
        both = before.keys() & after.keys()
        assert plan.changed == {path: (before[path], after[path]) for path in both if before[path] != after[path]}

    def paths(self) -> st.SearchStrategy[str]:
        return st.sampled_from([*sorted(self.naive.values), "Box.Port.2.Label", "Box.Port.1.", "Box.Mode."])

    def written(self, data: st.DataObject, path: str, news: bool = False) -> str:
        """Path with some aliases; with ``news``, also aliases without a row."""
        so_far, shown = "", ""
        for part in path.split("."):
            so_far += part + "."
            alias = self.naive.values.get(so_far + "Alias")
            if part.isdecimal() and (news or alias) and data.draw(st.booleans()):
                part = f"[{data.draw(SOME_ALIAS) if news else alias}]"
            shown += part + "."
        return shown[:-1]

    @rule(data=st.data(), create=st.booleans())
    def assign(self, data: st.DataObject, create: bool) -> None:
        aliases = [path for path in sorted(self.naive.values) if path.endswith(".Alias")] or ["Box.Port.1.Alias"]
        renamed = st.tuples(st.sampled_from(aliases), SOME_ALIAS, st.just(False))
        drawn = data.draw(st.lists(st.tuples(self.paths(), TEXTS, st.booleans()) | renamed, max_size=4))
        pairs = [(self.written(data, path, news), text) for path, text, news in drawn]
        twin = deepcopy(self.naive)
        expected = twin.assign(pairs, create)
        planned = plan_values_in_new_rows if create else plan_values
        try:
            plan = planned(self.tree, [ParameterAssignment(path, text) for path, text in pairs])
        except CwmpFault as fault:
            assert {each.name: each.code for each in fault.parameters} == expected
            assert fault.code == 9003 and len(fault.parameters) == len(expected)
        else:
            assert not expected, expected
            self.carry_out(plan)
            assert set(plan.added) == twin.rows - self.naive.rows
            self.naive = twin

    @rule(data=st.data(), table=st.sampled_from(TABLES), alias=st.sampled_from(["", "", *ALIASES]))
    def add(self, data: st.DataObject, table: str, alias: str) -> None:
        path = self.written(data, table)
        above = self.naive.numbered(path)
        expected = -above if isinstance(above, int) else self.naive.add(above, alias)
        try:
            plan, number = plan_add(self.tree, f"{path}[{alias}]." if alias else path)
        except CwmpFault as fault:
            assert fault.code == -expected
        else:
            assert number == expected
            self.carry_out(plan)

    @precondition(lambda self: len(self.naive.rows) > 1)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from([*sorted(self.naive.rows), "Box.Port.2.", "Box.Port."]))
        before = set(self.naive.rows)
        try:
            plan = plan_delete(self.tree, self.written(data, row) if row in before else row)
        except CwmpFault as fault:
            assert fault.code == 9005 and (row not in before or "Fixed" in row)
        else:
            self.naive.drop(row)
            self.carry_out(plan)
            assert set(plan.removed) == before - self.naive.rows

    @rule(data=st.data(), level=st.sampled_from([None, 0, 1, 2]), access=st.sampled_from([None, (), ("Subscriber",)]))
    def set_attributes(self, data: st.DataObject, level: int | None, access: tuple[str, ...] | None) -> None:
        path = data.draw(st.one_of(self.paths(), st.sampled_from(["Box.", "Box.Port."])))
        covered = [each for each in self.naive.values if each == path or (path.endswith(".") and each.startswith(path))]
        known = path in ("Box.", "Box.Port.") or path in self.naive.rows or bool(covered)
        denied = level == 2 and any(each.endswith(("Uptime", "Speed")) for each in covered)
        denied |= level in (0, 1) and path == "Box.Version"
        written = self.written(data, path) if known else path
        try:
            plan = plan_attributes(self.tree, [AttributeChange(written, level, access)])
        except CwmpFault as fault:
            assert fault.code == (9009 if known else 9005) and (denied or not known)
        else:
            assert known and not denied
            self.carry_out(plan)
            for each in covered:
                present = self.attributes(each)
                wanted = present.notification if level is None else level
                self.naive.attributes[each] = Attributes(
                    2 if each == "Box.Version" else wanted, present.access_list if access is None else access
                )

    def attributes(self, path: str) -> Attributes:
        active = path.endswith(("Version", "Address", "Sent"))
        return self.naive.attributes.get(path) or Attributes(2 if active else 0)

    @rule(path=st.sampled_from(ASKED))
    def ask(self, path: str) -> None:
        expected = self.naive.matching(path)
        try:
            found = [name for each in Resolver(self.tree).paths(path) for name in self.tree.parameters(each)]
        except CwmpFault as fault:
            assert fault.code == 9005 and expected is None, expected
        else:
            assert expected is not None and len(found) == len(set(found))
            assert set(found) == expected

    @rule()
    def restart(self) -> None:
        self.tree = self.loaded()

    @invariant()
    def same(self) -> None:
        self.naive.count()
        for tree in (self.tree, self.loaded()):
            values = {path: tree.value(path).text for path in tree.parameters("")}
            assert values == self.naive.values
            assert {path: tree.attributes(path) for path in values} == {path: self.attributes(path) for path in values}
            names = {name for name, _ in tree.names("", False)}
            assert {name for name in names if name[-2:-1].isdecimal()} == self.naive.rows
            assert len(tree.names("", False)) == len(names)
            for name in names:
                depth = name.count(".") + 1
                below = {each for each in names if each.startswith(name) and each.rstrip(".").count(".") + 1 == depth}
                if name.endswith("."):
                    assert {each for each, _ in tree.names(name, True)} == below - {name}


class RandomChangeTests(SynchronousTestCase):
    def test_a_tree_is_its_naive_twin_and_the_one_rebuilt_from_what_was_saved(self) -> None:
        run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis leaves it untyped
            Changes, settings=settings(deadline=None, max_examples=100, stateful_step_count=25)
        )
