"""Requests with anything wrong below the element of their RPC: read, so that they can be answered with fault 9003."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.rpc import (
    REQUESTS,
    AcsRequest,
    AddObject,
    BadRequest,
    CancelTransfer,
    DeleteObject,
    Download,
    GetParameterValues,
    Message,
    ParameterValueStruct,
    Reboot,
    ScheduleDownload,
    ScheduleInform,
    SetParameterValues,
    SetParameterValuesResponse,
    TransferComplete,
    Upload,
)
from cwmpagent.protocol.soap import Envelope, decode, encode
from cwmpagent.values import Value, ValueType
from tests.protocol.soap.test_soap import wrapped
from tests.protocol.strategies import instances

ACS_REQUESTS = tuple(cls for cls in REQUESTS.values() if issubclass(cls, AcsRequest))
BODY = "{http://schemas.xmlsoap.org/soap/envelope/}Body"


def body_of(data: bytes) -> Message | None:
    """The message of an envelope."""
    return decode(data).body


class MisplacedTests(SynchronousTestCase):
    def assertBad(self, body: str, words: str, code: int = 9003) -> None:
        message = body_of(wrapped(body))
        assert isinstance(message, BadRequest), message
        self.assertEqual(message, BadRequest(re.findall(r"<c:(\w+)", body)[0], code, words))

    def test_an_element_inside_a_text(self) -> None:
        names = "<c:GetParameterValues><ParameterNames>{}</ParameterNames></c:GetParameterValues>"
        for wrong in (
            "<string><string>Device.</string></string>",
            "<string>Device.<x/></string>",
            "<string><c:a><b>Device.</b>x</c:a>y</string>",
            "<string>A.</string><string><x/></string><string>B.</string>",
        ):
            self.assertBad(names.format(wrong), "there is an element inside the text of string")
        path = "<c:GetParameterNames><ParameterPath>{}</ParameterPath><NextLevel>{}</NextLevel></c:GetParameterNames>"
        self.assertBad(path.format("<a>Device.</a>", "1"), "there is an element inside the text of ParameterPath")
        self.assertBad(path.format("Device.", "<a>1</a>"), "there is an element inside the text of NextLevel")
        value = (
            "<c:SetParameterValues><ParameterList><ParameterValueStruct><Name>A</Name><Value i:type='x:int'>{}</Value>"
            "</ParameterValueStruct></ParameterList><ParameterKey>k</ParameterKey></c:SetParameterValues>"
        )
        self.assertBad(value.format("<int>1</int>"), "there is an element inside the text of Value")
        complete = "<c:TransferComplete><CommandKey>a<b/></CommandKey></c:TransferComplete>"
        self.assertBad(complete, "there is an element inside the text of CommandKey", code=8003)

    def test_an_element_more_than_once(self) -> None:
        names = "<ParameterNames><string>Device.</string></ParameterNames>"
        self.assertBad(
            f"<c:GetParameterValues>{names}{names}</c:GetParameterValues>", "ParameterNames occurs more than once"
        )
        for twice, name in (
            ("<ObjectName>A.</ObjectName><ObjectName>A.</ObjectName><ParameterKey/>", "ObjectName"),
            ("<ObjectName>A.</ObjectName><c:ParameterKey/><ParameterKey>x</ParameterKey>", "ParameterKey"),
        ):
            self.assertBad(f"<c:AddObject>{twice}</c:AddObject>", f"{name} occurs more than once")
        flags = "<ParameterPath/><NextLevel>1</NextLevel><NextLevel>0</NextLevel>"
        self.assertBad(f"<c:GetParameterNames>{flags}</c:GetParameterNames>", "NextLevel occurs more than once")
        struct = (
            "<c:SetParameterValues><ParameterList><ParameterValueStruct>{}</ParameterValueStruct></ParameterList>"
            "<ParameterKey/></c:SetParameterValues>"
        )
        self.assertBad(struct.format("<Name>A</Name><Name>B</Name><Value/>"), "Name occurs more than once")
        self.assertBad(struct.format("<Name>A</Name><Value>1</Value><Value/>"), "Value occurs more than once")
        fault = "<FaultStruct><FaultCode>0</FaultCode><FaultString/></FaultStruct>"
        self.assertBad(
            f"<c:TransferComplete><CommandKey/>{fault}{fault}</c:TransferComplete>",
            "FaultStruct occurs more than once",
            code=8003,
        )

    def test_a_response_keeps_the_last(self) -> None:
        twice = "<c:SetParameterValuesResponse><Status>0</Status><Status>1</Status></c:SetParameterValuesResponse>"
        self.assertEqual(body_of(wrapped(twice)), SetParameterValuesResponse(1))

    def test_a_list_may_repeat_its_members(self) -> None:
        names = "<ParameterNames><string>A</string><string>A</string></ParameterNames>"
        body = f"<c:GetParameterValues>{names}</c:GetParameterValues>"
        self.assertEqual(body_of(wrapped(body)), GetParameterValues(("A", "A")))

    def test_numbers_without_end(self) -> None:
        for digits in ("9" * 5000, "-" + "9" * 5000, "0" * 5000 + "1", "\u0661\u0662"):
            body = f"<c:ScheduleInform><DelaySeconds>{digits}</DelaySeconds><CommandKey/></c:ScheduleInform>"
            self.assertIsInstance(body_of(wrapped(body)), BadRequest | ScheduleInform, digits[:9])


class AnythingTests(SynchronousTestCase):
    @settings(deadline=None, max_examples=300)
    @given(st.data())
    def test_any_change_below_any_request(self, data: Any) -> None:
        cls = data.draw(st.sampled_from([cls for cls in ACS_REQUESTS if cls.__slots__]))
        root = ElementTree.fromstring(encode(Envelope(body=data.draw(instances(cls)), id="7")))
        (rpc,) = root.findall(f"{BODY}/*")
        below = list(rpc.iter())[1:]
        at = data.draw(st.sampled_from(below))
        change = data.draw(st.sampled_from(["twice", "gone", "child", "text", "same inside", "attribute"]))
        parents = {child: parent for parent in rpc.iter() for child in parent}
        match change:
            case "twice":
                parents[at].append(at)
            case "gone":
                parents[at].remove(at)
            case "child":
                at.append(ElementTree.Element(data.draw(st.sampled_from(["x", "{urn:x}y", "string", "Name"]))))
            case "same inside":
                at.append(ElementTree.fromstring(ElementTree.tostring(at)))
            case "text":
                at.text = data.draw(st.sampled_from(["", " ", "x", "-1", "99999999999999999999", "TRUE", "\u00e9"]))
            case "attribute":
                name = data.draw(st.sampled_from(["{http://www.w3.org/2001/XMLSchema-instance}type", "href", "{a b}c"]))
                at.set(name, data.draw(st.sampled_from(["", "x:y", "xsd:int", ":", "#id0"])))
        envelope = decode(ElementTree.tostring(root))
        self.assertEqual(envelope.id, "7")
        if isinstance(envelope.body, BadRequest):
            self.assertEqual((envelope.body.name, envelope.body.code), (cls.NAME, 9003))
            self.assertTrue(envelope.body.text.isprintable())
        else:
            self.assertIsInstance(envelope.body, cls)


class AbsentKeyTests(SynchronousTestCase):
    """Keys that are mandatory (TR-069 A.3), and that ACSs leave out."""

    NO_KEYS = (
        ("<c:Reboot/>", Reboot(""), "CommandKey"),
        ("<c:ScheduleInform><DelaySeconds>1</DelaySeconds></c:ScheduleInform>", ScheduleInform(1, ""), "CommandKey"),
        ("<c:AddObject><ObjectName>A.</ObjectName></c:AddObject>", AddObject("A.", ""), "ParameterKey"),
        ("<c:DeleteObject><ObjectName>A.1.</ObjectName></c:DeleteObject>", DeleteObject("A.1.", ""), "ParameterKey"),
        (
            "<c:SetParameterValues><ParameterList><ParameterValueStruct><Name>A</Name>"
            "<Value i:type='x:int'>1</Value></ParameterValueStruct></ParameterList></c:SetParameterValues>",
            SetParameterValues((ParameterValueStruct("A", Value(ValueType.INT, "1")),), ""),
            "ParameterKey",
        ),
    )

    def test_lenient(self) -> None:
        for body, message, key in self.NO_KEYS:
            envelope = decode(wrapped(body, "<c:ID>4</c:ID>"), lenient=True)
            self.assertEqual(envelope, Envelope(body=message, id="4", absent=(key,)))

    def test_by_the_letter(self) -> None:
        for body, message, key in self.NO_KEYS:
            name = type(message).__name__
            expected = BadRequest(name, 9003, f"{key} is missing in {name}")
            self.assertEqual(decode(wrapped(body)), Envelope(body=expected))

    def test_a_key_that_is_there(self) -> None:
        for key in ("", "k"):
            body = f"<c:Reboot><CommandKey>{key}</CommandKey></c:Reboot>"
            self.assertEqual(decode(wrapped(body), lenient=True), Envelope(body=Reboot(key)))

    def test_each_request_whose_key_only_names_it(self) -> None:
        for cls in (Download, Upload, ScheduleDownload, Reboot, ScheduleInform, CancelTransfer, TransferComplete):
            absent = decode(wrapped(f"<c:{cls.NAME}/>"), lenient=True).absent
            self.assertEqual(absent, () if cls in (CancelTransfer, TransferComplete) else ("CommandKey",), cls.NAME)

    def test_nothing_else_may_be_absent(self) -> None:
        for body, words in (
            ("<c:AddObject><ParameterKey/></c:AddObject>", "ObjectName is missing in AddObject"),
            ("<c:AddObject/>", "ObjectName is missing in AddObject"),
            ("<c:ScheduleInform/>", "DelaySeconds is missing in ScheduleInform"),
            ("<c:CancelTransfer/>", "CommandKey is missing in CancelTransfer"),
            ("<c:Reboot><CommandKey><a/></CommandKey></c:Reboot>", "there is an element inside the text of CommandKey"),
            (
                "<c:Reboot><CommandKey>" + "x" * 33 + "</CommandKey></c:Reboot>",
                "CommandKey is longer than 32 characters",
            ),
        ):
            message = decode(wrapped(body), lenient=True).body
            assert isinstance(message, BadRequest), message
            self.assertEqual(message.text, words)
