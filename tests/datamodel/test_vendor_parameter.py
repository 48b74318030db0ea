"""Copy of a model with an additional parameter."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.schema import ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.datamodel.vendor_parameter import with_parameter
from cwmpagent.device.models import find_model
from cwmpagent.values import ValueType


class ExtendTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.model = find_model("device2")
        self.definition = ParameterDefinition(name="X_EXAMPLE_Level", kind=ValueType.INT, default="0")

    def test_the_copy_has_it_and_everything_else(self) -> None:
        for above in ("Device.", "Device.DeviceInfo.MemoryStatus."):
            before = Tree(self.model).names("", next_level=False)
            grown = Tree(with_parameter(self.model, above, self.definition))
            new = (f"{above}X_EXAMPLE_Level", False)
            self.assertEqual(sorted(grown.names("", next_level=False)), sorted([*before, new]))
            self.assertEqual(grown.value(new[0]).text, "0")
            self.assertEqual(Tree(self.model).names("", next_level=False), before)

    def test_what_is_not_on_its_path_is_shared(self) -> None:
        grown = with_parameter(self.model, "Device.DeviceInfo.", self.definition)
        self.assertIs(grown.root.children["Time"], self.model.root.children["Time"])
        self.assertIs(grown.values, self.model.values)

    def test_another_in_its_place(self) -> None:
        once = with_parameter(self.model, "Device.", self.definition)
        twice = with_parameter(once, "Device.", ParameterDefinition(name="X_EXAMPLE_Level", kind=ValueType.STRING))
        self.assertEqual(Tree(twice).definition("Device.X_EXAMPLE_Level").kind, ValueType.STRING)
        self.assertEqual(list(twice.root.parameters), list(once.root.parameters))
