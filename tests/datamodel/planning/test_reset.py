"""Planning of the reset to factory values: changed and unchanged parameters, faults."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.planning.assignments import plan_values
from cwmpagent.datamodel.planning.objects import plan_add, plan_delete
from cwmpagent.datamodel.planning.reset import plan_reset
from cwmpagent.datamodel.restore import open_tree
from cwmpagent.device.models import find_model
from cwmpagent.errors import CwmpFault
from tests.datamodel.sample import SAMPLE, assign, build

SERVER = "Device.ManagementServer."
CODE = "Device.DeviceInfo.ProvisioningCode"


class ResetTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.tree = open_tree(find_model("device2"), factory={CODE: "factory"})[0]

    def write(self, *, as_acs: bool = True, **values: str) -> None:
        assignments = [ParameterAssignment(name, text) for name, text in values.items()]
        self.tree.apply(plan_values(self.tree, assignments, as_acs=as_acs).batch)

    def refused(self, *paths: str) -> CwmpFault:
        return self.assertRaises(CwmpFault, plan_reset, self.tree, paths)

    def test_the_files_value_is_back(self) -> None:
        self.write(**{CODE: "written"})
        plan = plan_reset(self.tree, [CODE])
        self.assertEqual(plan.assigned, {CODE})
        self.assertEqual([value.text for value in plan.changed[CODE]], ["written", "factory"])
        self.tree.apply(plan.batch)
        self.assertEqual(self.tree.value(CODE).text, "factory")
        self.assertNotIn(CODE, self.tree.overlay.values)

    def test_what_was_written_the_same_is_taken_away_but_no_change(self) -> None:
        self.write(**{CODE: "other"})
        self.write(**{CODE: "factory"})
        plan = plan_reset(self.tree, [CODE])
        self.assertEqual((plan.assigned, dict(plan.changed)), ({CODE}, {}))

    def test_nothing_written_nothing_done(self) -> None:
        plan = plan_reset(self.tree, [CODE, "Device."])
        self.assertEqual((plan.assigned, dict(plan.batch.values)), (frozenset(), {}))

    def test_below_a_partial_path_what_the_device_keeps_stays(self) -> None:
        self.write(**{SERVER + "PeriodicInformInterval": "77", CODE: "written"})
        self.write(as_acs=False, **{SERVER + "ParameterKey": "key"})
        self.tree.apply(plan_reset(self.tree, [SERVER]).batch)
        self.assertEqual(self.tree.value(SERVER + "ParameterKey").text, "key")
        self.assertEqual(self.tree.value(CODE).text, "written")
        self.assertNotEqual(self.tree.value(SERVER + "PeriodicInformInterval").text, "77")

    def test_a_row_that_was_added_keeps_its_place(self) -> None:
        plan, number = plan_add(self.tree, "Device.NAT.PortMapping.")
        self.tree.apply(plan.batch)
        row = f"Device.NAT.PortMapping.{number}."
        self.write(**{row + "ExternalPort": "80"})
        self.tree.apply(plan_reset(self.tree, ["Device."]).batch)
        self.assertTrue(self.tree.exists(row))
        self.assertEqual(self.tree.value(row + "ExternalPort").text, "0")

    def test_a_factory_value_that_no_longer_fits_is_refused(self) -> None:
        self.tree = open_tree(build(SAMPLE), factory={"Box.Main": "Box.Port.3", "Box.Port.1.Place": "left"})[0]
        assign(self.tree, Main="Box.Port.1", Port__1__Place="right", Port__3__Place="left")
        fault = self.refused("Box.Port.1.Place")
        self.assertEqual([(each.name, each.code) for each in fault.parameters], [("Box.Port.1.Place", 9007)])
        self.tree.apply(plan_delete(self.tree, "Box.Port.3.").batch)
        fault = self.refused("Box.")
        self.assertEqual(
            [(each.name, each.code) for each in fault.parameters], [("Box.Main", 9007), ("Box.Fixed.1.Port", 9007)]
        )

    def test_unknown_and_read_only(self) -> None:
        self.assertEqual(self.refused("Device.Nothing").code, 9005)
        fault = self.refused(SERVER + "ParameterKey", "Device.DeviceInfo.SerialNumber")
        self.assertEqual(fault.code, 9003)
        self.assertEqual([each.code for each in fault.parameters], [9008, 9008])
