"""Small model with every feature, and helpers for tests with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.plan import Assignment, AttributeChange, ParameterAssignment, Plan
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.attributes import plan_attributes_gradually
from cwmpagent.datamodel.planning.autocreate import plan_values_in_new_rows_gradually
from cwmpagent.datamodel.planning.objects import plan_add
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.sources.toml_reader import read_toml
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.gradual import at_once
from cwmpagent.values import Value

SAMPLE = rb"""
[types.link]
type = "string"
writable = true

[objects."Box.".parameters]
Version = { type = "string", default = "1.0", forced_inform = true, notify = "forced" }
Mode = { type = "string", enumeration = ["Auto", "Fixed"], default = "Auto", writable = true, forced_inform = true }
Level = { type = "int", min = -5, max = 5, writable = true }
Since = { type = "dateTime", writable = true }
Secret = { type = "string", max_length = 8, writable = true, hidden = true }
Uptime = { type = "unsignedInt", notify = "can-deny", live = true }
Address = { type = "string", notify = "default-active" }
Main = { type = "link", reference = "Box.Port." }
All = { type = "link", list = true, reference = "any" }
PortNumberOfEntries = { type = "unsignedInt" }

[objects."Box.Empty."]

[objects."Box.Port.{i}."]
create = true
enable = "Enable"
number_of_entries = "PortNumberOfEntries"
max_rows = 4
unique = [["Label", "Number"]]
always_unique = [["Place"]]

[objects."Box.Port.{i}.".parameters]
Enable = { type = "boolean", writable = true }
Label = { type = "string", writable = true }
Number = { type = "unsignedInt", max = 9, writable = true }
Place = { type = "string", writable = true }
Speed = { type = "unsignedLong", notify = "can-deny" }
RuleNumberOfEntries = { type = "unsignedInt" }

[objects."Box.Port.{i}.Rule.{i}."]
create = true
number_of_entries = "RuleNumberOfEntries"

[objects."Box.Port.{i}.Rule.{i}.".parameters]
Note = { type = "string", writable = true }

[objects."Box.Port.{i}.Stats.".parameters]
Sent = { type = "unsignedInt", notify = "default-active" }

[objects."Box.Fixed.{i}."]

[objects."Box.Fixed.{i}.".parameters]
Port = { type = "link", reference = "Box.Port." }

[rows]
"Box.Port." = [1, 3]
"Box.Port.3.Rule." = [2]
"Box.Fixed." = [1]

[values]
"Box.Port.1.Enable" = true
"Box.Port.1.Label" = "one"
"Box.Port.3.Rule.2.Note" = "given"
"Box.Fixed.1.Port" = "Box.Port.3"
"""

_ALIAS = b'Alias = { type = "string", max_length = 64, writable = true }\n'
ALIASED = SAMPLE.replace(b"Label = ", _ALIAS + b"Label = ").replace(b"Note = ", _ALIAS + b"Note = ")
"""The same model with an alias for ports and rules, but not for fixed rows."""


def build(*documents: bytes | str) -> Model:
    """Model of TOML documents."""
    builder = ModelBuilder()
    for number, document in enumerate(documents, 1):
        read_toml(document.encode() if isinstance(document, str) else document, f"{number}.toml", builder)
    return builder.build("sample")


def assign(tree: Tree, /, **texts: str) -> Plan:
    """Apply an assignment; names are below the root, and ``__`` in a name is a dot."""
    plan = plan_values(
        tree, [ParameterAssignment("Box." + name.replace("__", "."), text) for name, text in texts.items()]
    )
    tree.apply(plan.batch)
    return plan


def add(tree: Tree, table: str) -> int:
    """Add a row and return its instance number."""
    plan, number = plan_add(tree, table)
    tree.apply(plan.batch)
    return number


def read(tree: Tree, path: str) -> list[tuple[str, Value]]:
    """Names and shown values of the parameters that ``path`` covers, in the order of an answer."""
    return [(name, tree.shown_of(name, parameter)) for piece in tree.covered(path) for name, parameter in piece]


def plan_attributes(tree: Tree, changes: Sequence[AttributeChange]) -> Plan:
    """The plan of the change of attributes, without pauses."""
    return at_once(plan_attributes_gradually(tree, changes))


def plan_values_in_new_rows(tree: Tree, assignments: Sequence[Assignment]) -> Plan:
    """The plan of values and the rows that they create, without pauses."""
    return at_once(plan_values_in_new_rows_gradually(tree, assignments))


class PlanCase(SynchronousTestCase):
    """Tree of the model :data:`SAMPLE`, and assertions that a fault changes nothing."""

    def setUp(self) -> None:
        self.model = build(SAMPLE)
        self.tree = Tree(self.model)

    def text(self, path: str) -> str:
        return self.tree.value(path).text

    def assert_faults(self, expected: dict[str, int], pairs: Sequence[tuple[str, str]], *, as_acs: bool = True) -> None:
        before = read(self.tree, "")
        assignments = [ParameterAssignment(name, text) for name, text in pairs]
        fault = self.assertRaises(CwmpFault, plan_values, self.tree, assignments, as_acs=as_acs)
        self.assertEqual(fault.code, 9003)
        self.assertEqual([(each.name, each.code) for each in fault.parameters], list(expected.items()))
        self.assertNotIn("", [each.text for each in fault.parameters])
        self.assertEqual(read(self.tree, ""), before)

    def assert_fault(self, code: int, call: Callable[..., object], *arguments: object) -> None:
        self.assertEqual(self.assertRaises(CwmpFault, call, *arguments).code, code)
