"""The declarations match the names of the standard and each other."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import ParameterFault
from cwmpagent.protocol import rpc
from cwmpagent.protocol.rpc.field_types import fields_of
from tests.protocol.strategies import RPCS

FROM_DEVICE = {
    "AutonomousDUStateChangeComplete",
    "AutonomousTransferComplete",
    "DUStateChangeComplete",
    "GetRPCMethods",
    "Inform",
    "Kicked",
    "RequestDownload",
    "TransferComplete",
}
FROM_ACS = {
    "AddObject",
    "CancelTransfer",
    "ChangeDUState",
    "DeleteObject",
    "Download",
    "FactoryReset",
    "GetAllQueuedTransfers",
    "GetOptions",
    "GetParameterAttributes",
    "GetParameterNames",
    "GetParameterValues",
    "GetQueuedTransfers",
    "GetRPCMethods",
    "Reboot",
    "ScheduleDownload",
    "ScheduleInform",
    "SetParameterAttributes",
    "SetParameterValues",
    "SetVouchers",
    "Upload",
}


def snake(element: str) -> str:
    """The attribute name of an element: ``NextURL`` -> ``next_url``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", element).lower()


def everything_inside(cls: type[Any]) -> set[type[Any]]:
    return {cls}.union(*(everything_inside(inner) for field in fields_of(cls) for inner in field.types))


class TableTests(SynchronousTestCase):
    def test_every_rpc_of_the_standard_is_there_in_its_direction(self) -> None:
        by_device = {name for name, cls in rpc.REQUESTS.items() if issubclass(cls, rpc.CpeRequest)}
        by_acs = {name for name, cls in rpc.REQUESTS.items() if issubclass(cls, rpc.AcsRequest)}
        self.assertEqual(by_device, FROM_DEVICE)
        self.assertEqual(by_acs, FROM_ACS)

    def test_every_request_has_its_response(self) -> None:
        self.assertEqual({f"{name}Response" for name in rpc.REQUESTS}, set(rpc.RESPONSES))
        self.assertIs(rpc.response_class(rpc.Reboot("key")), rpc.RebootResponse)
        self.assertIs(rpc.response_class(rpc.GenericRequest("X_ACME_Dance")), rpc.GenericResponse)

    def test_names(self) -> None:
        for cls in RPCS:
            self.assertEqual(cls.NAME, cls.__name__)
        self.assertEqual(rpc.rpc_name(rpc.Reboot("key")), "Reboot")
        self.assertEqual(rpc.rpc_name(rpc.GenericResponse("X_ACME_DanceResponse")), "X_ACME_DanceResponse")
        self.assertEqual(rpc.rpc_name(rpc.BadRequest("Reboot", 9003, "no")), "Reboot")


class DeclarationTests(SynchronousTestCase):
    def test_attributes_are_the_names_of_their_elements(self) -> None:
        for cls in set().union(*map(everything_inside, RPCS)):
            for field in fields_of(cls):
                self.assertEqual(field.attribute, snake(field.shape.element), f"{cls.__name__}")

    def test_no_field_is_left_without_a_shape(self) -> None:
        for cls in set().union(*map(everything_inside, RPCS)):
            silent = {field.name for field in dataclasses.fields(cls)} - {item.attribute for item in fields_of(cls)}
            self.assertEqual(silent, {"typed"} if cls is rpc.ParameterValueStruct else set(), cls.__name__)

    def test_messages_are_frozen_and_small(self) -> None:
        for cls in RPCS:
            self.assertTrue(cls.__dataclass_params__.frozen, cls.__name__)  # type: ignore[attr-defined]  # set by dataclass
            self.assertFalse(hasattr(cls.__new__(cls), "__dict__"), cls.__name__)


class FaultTests(SynchronousTestCase):
    def test_faultcode_follows_the_table(self) -> None:
        self.assertEqual(rpc.Fault(9003).faultcode, "Client")
        self.assertEqual(rpc.Fault(9002).faultcode, "Server")
        self.assertEqual(rpc.Fault(8005).faultcode, "Server")
        self.assertEqual(rpc.Fault(9003, "", (ParameterFault("Device.X", 9005, ""),)).parameters[0].code, 9005)
