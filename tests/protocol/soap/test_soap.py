"""Encoding and decoding of envelopes, and decoding of the variants of other implementations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import EnvelopeError, MisuseError, ParameterFault
from cwmpagent.faults import fault_text
from cwmpagent.protocol.rpc import (
    AddObject,
    BadRequest,
    ChangeDUState,
    Fault,
    GenericRequest,
    GenericResponse,
    GetParameterAttributesResponse,
    GetParameterNames,
    GetParameterNamesResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    GetRPCMethods,
    Inform,
    InformResponse,
    InstallOpStruct,
    Message,
    ParameterAttributeStruct,
    ParameterInfoStruct,
    ParameterValueStruct,
    Reboot,
    RebootResponse,
    SetParameterAttributes,
    SetParameterAttributesStruct,
    SetParameterValues,
    SetParameterValuesResponse,
    SoapFault,
    TransferCompleteResponse,
    UninstallOpStruct,
    UpdateOpStruct,
)
from cwmpagent.protocol.soap import (
    CWMP_1_0,
    CWMP_1_1,
    CWMP_1_2,
    Envelope,
    EnvelopeLimits,
    decode,
    decode_gradually,
    encode,
    encode_gradually,
)
from cwmpagent.values import Value, ValueType
from tests.protocol.strategies import RPCS, instances, texts

HEAD = (
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:e="http://schemas.xmlsoap.org/soap/encoding/"'
    ' xmlns:x="http://www.w3.org/2001/XMLSchema" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:c="urn:dslforum-org:cwmp-1-2">'
)


def wrapped(body: str, header: str = "") -> bytes:
    header = f"<s:Header>{header}</s:Header>" if header else ""
    return f"{HEAD}{header}<s:Body>{body}</s:Body></s:Envelope>".encode()


def read(body: str) -> Message | None:
    return decode(wrapped(body)).body


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,20}", fullmatch=True)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "id": texts(),
        "hold_requests": st.booleans(),
        "session_timeout": st.integers(0, 2**32 - 1),
        "supported_versions": st.lists(st.sampled_from(["1.0", "1.1", "1.2", "1.3", "1.4"])).map(tuple),
        "use_version": st.sampled_from(["1.0", "1.4"]),
        "namespace": st.sampled_from([CWMP_1_0, CWMP_1_1, CWMP_1_2]),
    },
)


class RoundTripTests(SynchronousTestCase):
    """Decoding restores an encoded message; the code below adds one test for each RPC."""

    @settings(deadline=None, max_examples=60)
    @given(HEADERS)
    def test_headers(self, headers: dict[str, Any]) -> None:
        for body in (RebootResponse(), None):
            envelope = Envelope(body=body, **headers)
            self.assertEqual(decode(encode(envelope)), envelope)

    @settings(deadline=None, max_examples=60)
    @given(
        st.sampled_from([*range(9001, 9010), 8005, 9855]),
        texts().filter(bool),
        st.lists(st.builds(ParameterFault, texts(), st.integers(9000, 9899), texts().filter(bool))).map(tuple),
    )
    def test_fault(self, code: int, text: str, parameters: tuple[ParameterFault, ...]) -> None:
        envelope = Envelope(body=Fault(code, text, parameters), id="7")
        self.assertEqual(decode(encode(envelope)), envelope)

    @settings(deadline=None, max_examples=60)
    @given(NAMES, st.lists(st.tuples(NAMES, texts())).map(tuple), st.booleans())
    def test_generic(self, name: str, arguments: tuple[tuple[str, str], ...], answer: bool) -> None:
        message = GenericResponse(f"{name}Response", arguments) if answer else GenericRequest(f"X_{name}_", arguments)
        self.assertEqual(decode(encode(Envelope(body=message))).body, message)

    def test_soap_fault(self) -> None:
        envelope = Envelope(body=SoapFault("MustUnderstand", "do not know <Foo>"), id="7")
        self.assertEqual(decode(encode(envelope)), envelope)

    def test_untyped_values_stay_untyped(self) -> None:
        typed = ParameterValueStruct("Device.A", Value(ValueType.INT, "abc"))
        untyped = ParameterValueStruct("Device.B", Value(ValueType.STRING, "7"), typed=False)
        envelope = Envelope(body=SetParameterValues((typed, untyped), "k"))
        self.assertEqual(decode(encode(envelope)), envelope)
        self.assertEqual(encode(envelope).count(b"xsi:type"), 1)


def _round_trip(cls: type[Message]) -> Callable[[RoundTripTests], None]:
    @settings(deadline=None, max_examples=15)
    @given(instances(cls), st.sampled_from([CWMP_1_0, CWMP_1_2]))
    def test(self: RoundTripTests, message: Message, namespace: str) -> None:
        envelope = Envelope(body=message, id="1", namespace=namespace)
        self.assertEqual(decode(encode(envelope)), envelope)

    return test


for _cls in RPCS:
    setattr(RoundTripTests, f"test_{_cls.NAME}", _round_trip(_cls))


class WritingTests(SynchronousTestCase):
    def test_long_lists_are_written_in_pieces(self) -> None:
        for count in (249, 250, 251, 1000):
            values = [ParameterValueStruct(f"A.{number}", Value(ValueType.STRING, "a<&>")) for number in range(count)]
            values[7] = ParameterValueStruct("A.7", Value(ValueType.STRING, "b"), typed=False)
            attributes = tuple(ParameterAttributeStruct(f"A.{number}", 1, ("Subscriber",)) for number in range(count))
            for message in (
                GetParameterValuesResponse(tuple(values)),
                GetParameterAttributesResponse(attributes),
            ):
                data = encode(Envelope(body=message))
                self.assertEqual(decode(data).body, message)
                self.assertIn(f"[{count}]".encode(), data)
                pauses = sum(1 for _ in encode_gradually(Envelope(body=message)))
                self.assertEqual(pauses > 2, count > 250)

    def test_a_long_message_is_read_in_pieces(self) -> None:
        data = encode(Envelope(body=GetParameterValues(("A." * 100,) * 5000)))
        pauses = sum(1 for _ in decode_gradually(data, charset=None, limits=EnvelopeLimits(), lenient=True))
        self.assertGreater(pauses, len(data) // 2**17)

    def test_shape_on_the_wire(self) -> None:
        value = ParameterValueStruct("Device.A", Value(ValueType.UNSIGNED_INT, "7"))
        data = encode(Envelope(body=GetParameterValuesResponse((value,)), id="a&b", namespace=CWMP_1_0))
        self.assertTrue(data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<soap-env:Envelope '))
        self.assertIn(b'xmlns:cwmp="urn:dslforum-org:cwmp-1-0"', data)
        self.assertIn(b'<cwmp:ID soap-env:mustUnderstand="1">a&amp;b</cwmp:ID>', data)
        self.assertIn(
            b'<cwmp:GetParameterValuesResponse><ParameterList soap-enc:arrayType="cwmp:ParameterValueStruct[1]">'
            b'<ParameterValueStruct><Name>Device.A</Name><Value xsi:type="xsd:unsignedInt">7</Value>'
            b"</ParameterValueStruct></ParameterList></cwmp:GetParameterValuesResponse>",
            data,
        )

    def test_counts_of_arrays(self) -> None:
        for count in (0, 1, 3):
            infos = (ParameterInfoStruct("Device.", True),) * count
            data = encode(Envelope(body=GetParameterNamesResponse(infos)))
            self.assertIn(f'soap-enc:arrayType="cwmp:ParameterInfoStruct[{count}]"'.encode(), data)
            self.assertEqual(data.count(b"<ParameterInfoStruct>"), count)
            data = encode(Envelope(body=GetParameterValues(("a",) * count)))
            self.assertIn(f'soap-enc:arrayType="xsd:string[{count}]"'.encode(), data)

    def test_a_fault_without_text_gets_the_usual_one(self) -> None:
        data = encode(Envelope(body=Fault(9003, "", (ParameterFault("Device.A", 9007, ""),)), id="1"))
        self.assertIn(b"<faultcode>Client</faultcode><faultstring>CWMP fault</faultstring>", data)
        self.assertIn(f"<FaultCode>9003</FaultCode><FaultString>{fault_text(9003)}</FaultString>".encode(), data)
        self.assertIn(f"<FaultCode>9007</FaultCode><FaultString>{fault_text(9007)}</FaultString>".encode(), data)

    def test_operations_say_what_they_are(self) -> None:
        operations = (InstallOpStruct(url="http://h/"), UpdateOpStruct(), UninstallOpStruct(uuid="u"))
        data = encode(Envelope(body=ChangeDUState(operations, "k")))
        found = re.findall(rb'<Operations xsi:type="cwmp:(\w+)">', data)
        self.assertEqual(found, [b"InstallOpStruct", b"UpdateOpStruct", b"UninstallOpStruct"])
        self.assertNotIn(b"arrayType", data)

    def test_carriage_returns_survive(self) -> None:
        data = encode(Envelope(body=Reboot("a\r\nb\r")))
        self.assertIn(b"a&#13;\nb&#13;", data)

    def test_what_xml_cannot_carry_is_refused(self) -> None:
        for character in ("\x00", "\x08", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"):
            for message in (
                Reboot(f"a{character}"),
                GetParameterValuesResponse((ParameterValueStruct("n", Value(ValueType.STRING, f"é{character}")),)),
                Fault(9002, character),
            ):
                with self.assertRaises(MisuseError):
                    encode(Envelope(body=message))
            with self.assertRaises(MisuseError):
                encode(Envelope(body=None, id=character))

    def test_what_is_never_sent_is_refused(self) -> None:
        for envelope in (
            Envelope(body=BadRequest("Reboot", 9003, "no")),
            Envelope(body=GenericRequest("a b")),
            Envelope(body=GenericRequest("X_A_b", (("<a>", ""),))),
            Envelope(body=GenericRequest("X_A_%s")),
            Envelope(body=None, namespace='urn:dslforum-org:cwmp-1-2" a="'),
            Envelope(body=None, namespace="urn:dslforum-org:cwmp-2-0"),
        ):
            with self.assertRaises(MisuseError):
                encode(envelope)


class ReadingTests(SynchronousTestCase):
    def test_default_namespace(self) -> None:
        data = (
            b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header>'
            b'<ID xmlns="urn:dslforum-org:cwmp-1-0">5</ID></Header>'
            b'<Body><Reboot xmlns="urn:dslforum-org:cwmp-1-0"><CommandKey>k</CommandKey></Reboot></Body>'
            b"</Envelope>"
        )
        self.assertEqual(decode(data), Envelope(body=Reboot("k"), id="5", namespace=CWMP_1_0))

    def test_qualified_arguments(self) -> None:
        self.assertEqual(
            read("<c:InformResponse><c:MaxEnvelopes>1</c:MaxEnvelopes></c:InformResponse>"), InformResponse(1)
        )
        self.assertEqual(
            read(
                '<c:GetParameterValues><c:ParameterNames e:arrayType="x:string[1]"><c:string>A.</c:string>'
                "</c:ParameterNames></c:GetParameterValues>"
            ),
            GetParameterValues(("A.",)),
        )

    def test_every_namespace_of_cwmp(self) -> None:
        for minor in range(5):
            namespace = f"urn:dslforum-org:cwmp-1-{minor}"
            data = wrapped("<c:GetRPCMethods/>").replace(CWMP_1_2.encode(), namespace.encode())
            self.assertEqual(decode(data), Envelope(body=GetRPCMethods(), namespace=namespace))

    def test_namespace_of_what_has_none_of_its_own(self) -> None:
        data = wrapped("<s:Fault><faultcode>Client</faultcode><faultstring>x</faultstring></s:Fault>")
        data = data.replace(CWMP_1_2.encode(), CWMP_1_0.encode())
        self.assertEqual(decode(data), Envelope(body=SoapFault("Client", "x"), namespace=CWMP_1_0))

    def test_booleans(self) -> None:
        for text, expected in (("0", False), ("1", True), ("true", True), (" false\n", False)):
            body = f"<c:GetParameterNames><ParameterPath/><NextLevel>{text}</NextLevel></c:GetParameterNames>"
            self.assertEqual(read(body), GetParameterNames("", expected))

    def test_counts_and_names_of_members_do_not_matter(self) -> None:
        for array in (
            '<ParameterNames e:arrayType="x:string[99]"><string>A</string><string>B</string></ParameterNames>',
            "<ParameterNames>\n <string>A</string>\n <string>B</string>\n</ParameterNames>",
            "<ParameterNames><item>A</item><c:any>B</c:any></ParameterNames>",
        ):
            self.assertEqual(
                read(f"<c:GetParameterValues>{array}</c:GetParameterValues>"), GetParameterValues(("A", "B"))
            )

    def test_unknown_elements_and_attributes_are_ignored(self) -> None:
        body = (
            '<c:AddObject a="1"><New><Deep>x</Deep></New><ParameterKey q="">k</ParameterKey><!-- -->'
            "<ObjectName>A.</ObjectName><?pi x?><c:Newer/></c:AddObject>"
        )
        self.assertEqual(read(body), AddObject("A.", "k"))

    def test_text_in_pieces(self) -> None:
        body = "<c:Reboot><CommandKey>a&amp;<!-- x -->b<![CDATA[<c>]]>&#x64;</CommandKey></c:Reboot>"
        self.assertEqual(read(body), Reboot("a&b<c>d"))
        long = "0123456789" * 50_000
        value = ParameterValueStruct("A", Value(ValueType.STRING, long))
        self.assertEqual(
            decode(encode(Envelope(body=SetParameterValues((value,), "")))).body, SetParameterValues((value,), "")
        )

    def test_white_space_counts_in_strings_only(self) -> None:
        self.assertEqual(read("<c:Reboot>\n<CommandKey> k </CommandKey>\n</c:Reboot>"), Reboot(" k "))
        self.assertEqual(
            read("<c:InformResponse><MaxEnvelopes>\n1 </MaxEnvelopes></c:InformResponse>"), InformResponse(1)
        )

    def test_an_empty_body_carries_headers(self) -> None:
        data = wrapped("", '<c:HoldRequests s:mustUnderstand="1">0</c:HoldRequests>')
        self.assertEqual(decode(data), Envelope(body=None))

    def test_vendors_may_use_a_namespace_of_their_own(self) -> None:
        self.assertEqual(
            read('<v:X_ACME_Dance xmlns:v="urn:v"><A>1</A></v:X_ACME_Dance>'),
            GenericRequest("X_ACME_Dance", (("A", "1"),)),
        )
        self.assertEqual(
            read("<c:Dance><A>1</A><B><C/></B></c:Dance>"), GenericRequest("Dance", (("A", "1"), ("B", "")))
        )
        self.assertEqual(read("<c:DanceResponse/>"), GenericResponse("DanceResponse"))

    def test_white_space_before_the_declaration(self) -> None:
        self.assertEqual(decode(b"\r\n " + encode(Envelope(body=Reboot("k")))).body, Reboot("k"))


class ValueTypeTests(SynchronousTestCase):
    def value(self, attributes: str, text: str = "x") -> ParameterValueStruct:
        body = f"<ParameterValueStruct><Name>A</Name><Value {attributes}>{text}</Value></ParameterValueStruct>"
        message = read(
            f"<c:SetParameterValues><ParameterList>{body}</ParameterList><ParameterKey/></c:SetParameterValues>"
        )
        assert isinstance(message, SetParameterValues)
        return message.parameter_list[0]

    def test_every_type_under_any_prefix(self) -> None:
        for kind in ValueType:
            for name in {kind.value, kind.xsd}:
                for attributes in (
                    f'i:type="x:{name}"',
                    f'i:type="e:{name}"',
                    f'i:type=" x:{name} "',
                    f'xmlns:q="http://www.w3.org/2001/XMLSchema" i:type="q:{name}" c:other=""',
                    f'xmlns="http://www.w3.org/2001/XMLSchema" i:type="{name}"',
                    f'xmlns:j="http://www.w3.org/2001/XMLSchema-instance" j:type="x:{name}"',
                ):
                    self.assertEqual(self.value(attributes), ParameterValueStruct("A", Value(kind, "x")), attributes)

    def test_no_type_that_can_be_used(self) -> None:
        untyped = ParameterValueStruct("A", Value(ValueType.STRING, "x"), typed=False)
        for attributes in (
            "",
            'type="x:int"',
            'i:type="nobody:int"',
            'i:type="int"',
            'i:type="c:int"',
            'i:type="x:float"',
            'i:type=""',
        ):
            self.assertEqual(self.value(attributes), untyped, attributes)

    def test_a_prefix_means_what_it_means_there(self) -> None:
        item = '<ParameterValueStruct{0}><Name>A</Name><Value i:type="q:int">1</Value></ParameterValueStruct>'
        xsd, other = (f' xmlns:q="{uri}"' for uri in ("http://www.w3.org/2001/XMLSchema", "urn:other"))
        items = "".join(map(item.format, (xsd, other, xsd, "")))
        message = read(
            f"<c:GetParameterValuesResponse><ParameterList>{items}</ParameterList></c:GetParameterValuesResponse>"
        )
        assert isinstance(message, GetParameterValuesResponse)
        self.assertEqual([parameter.typed for parameter in message.parameter_list], [True, False, True, False])

    def test_wrong_text_is_kept_for_the_fault_of_its_parameter(self) -> None:
        self.assertEqual(
            self.value('i:type="x:int"', " abc "), ParameterValueStruct("A", Value(ValueType.INT, " abc "))
        )


class BadRequestTests(SynchronousTestCase):
    def assertBad(self, body: str, *words: str, code: int = 9003) -> None:
        message = read(body)
        assert isinstance(message, BadRequest), f"{body}: {message}"
        self.assertEqual(message.code, code)
        self.assertIn(f"<c:{message.name}", body)
        for word in words:
            self.assertIn(word, message.text)

    def test_missing_arguments(self) -> None:
        for cls in RPCS:
            if not cls.NAME.endswith("Response") and cls.__slots__ and cls is not ChangeDUState:
                code = 8003 if cls.__bases__[0].__name__ == "CpeRequest" else 9003
                self.assertBad(f"<c:{cls.NAME}/>", "is missing in", cls.NAME, code=code)

    def test_each_argument_is_needed(self) -> None:
        arguments = "<ObjectName>A.</ObjectName>", "<ParameterKey>k</ParameterKey>"
        self.assertEqual(read(f"<c:AddObject>{''.join(arguments)}</c:AddObject>"), AddObject("A.", "k"))
        self.assertBad(f"<c:AddObject>{arguments[0]}</c:AddObject>", "ParameterKey")
        self.assertBad(f"<c:AddObject>{arguments[1]}</c:AddObject>", "ObjectName")

    def test_too_long(self) -> None:
        for length, body in (
            (32, "<c:Reboot><CommandKey>{}</CommandKey></c:Reboot>"),
            (256, "<c:AddObject><ObjectName>{}</ObjectName><ParameterKey/></c:AddObject>"),
            (32, "<c:AddObject><ObjectName>A.</ObjectName><ParameterKey>{}</ParameterKey></c:AddObject>"),
            (256, "<c:GetParameterValues><ParameterNames><string>{}</string></ParameterNames></c:GetParameterValues>"),
            (64, "<c:GetOptions><OptionName>{}</OptionName></c:GetOptions>"),
            (
                256,
                "<c:SetParameterValues><ParameterList><ParameterValueStruct><Name>{}</Name><Value/></ParameterValueStruct>"
                "</ParameterList><ParameterKey/></c:SetParameterValues>",
            ),
        ):
            self.assertNotIsInstance(read(body.format("é" * length)), BadRequest)
            self.assertBad(body.format("é" * (length + 1)), f"longer than {length} characters")

    def test_wrong_booleans_and_numbers(self) -> None:
        for text in ("", "yes", "2", "TRUE"):
            self.assertBad(
                f"<c:GetParameterNames><ParameterPath/><NextLevel>{text}</NextLevel></c:GetParameterNames>", "NextLevel"
            )
        for text in ("", "-1", "1.5", "abc", "4294967296"):
            self.assertBad(
                f"<c:ScheduleInform><DelaySeconds>{text}</DelaySeconds><CommandKey/></c:ScheduleInform>", "DelaySeconds"
            )

    def test_counts(self) -> None:
        window = (
            "<TimeWindowStruct><WindowStart>0</WindowStart><WindowEnd>1</WindowEnd>"
            "<WindowMode>1 At Any Time</WindowMode><UserMessage/><MaxRetries>0</MaxRetries></TimeWindowStruct>"
        )
        download = (
            "<c:ScheduleDownload><CommandKey/><FileType>1</FileType><URL/><Username/><Password/><FileSize>0</FileSize>"
            "<TargetFileName/><TimeWindowList>{}</TimeWindowList></c:ScheduleDownload>"
        )
        self.assertNotIsInstance(read(download.format(window * 2)), BadRequest)
        self.assertBad(download.format(""), "TimeWindowList is empty")
        self.assertBad(download.format(window * 3), "more than 2")
        self.assertBad("<c:GetParameterValues><ParameterNames/></c:GetParameterValues>", "ParameterNames is empty")
        self.assertEqual(
            read("<c:SetParameterValues><ParameterList/><ParameterKey/></c:SetParameterValues>"),
            SetParameterValues((), ""),
        )

    def test_operations(self) -> None:
        good = '<Operations i:type="c:UninstallOpStruct"><UUID>u</UUID></Operations>'
        self.assertEqual(
            read(f"<c:ChangeDUState>{good}{good}</c:ChangeDUState>"),
            ChangeDUState((UninstallOpStruct(uuid="u"), UninstallOpStruct(uuid="u"))),
        )
        self.assertBad("<c:ChangeDUState><CommandKey>k</CommandKey></c:ChangeDUState>", "Operations is missing")
        self.assertBad('<c:ChangeDUState><Operations i:type="c:InstallOpStruct"/></c:ChangeDUState>', "URL is missing")
        self.assertBad("<c:ChangeDUState><Operations/></c:ChangeDUState>", "xsi:type of Operations", "InstallOpStruct")

    def test_attributes_that_do_not_change(self) -> None:
        def attributes(change: str, notification: str) -> str:
            return (
                "<c:SetParameterAttributes><ParameterList><SetParameterAttributesStruct><Name>A</Name>"
                f"<NotificationChange>{change}</NotificationChange>{notification}<AccessListChange>0</AccessListChange>"
                "<AccessList/></SetParameterAttributesStruct></ParameterList></c:SetParameterAttributes>"
            )

        unchanged = SetParameterAttributes((SetParameterAttributesStruct("A", False, 0, False, ()),))
        for notification in ("<Notification/>", "<Notification>99</Notification>", ""):
            self.assertEqual(read(attributes("0", notification)), unchanged)
        changed = SetParameterAttributes((SetParameterAttributesStruct("A", True, 2, False, ()),))
        self.assertEqual(read(attributes("true", "<Notification> 2 </Notification>")), changed)
        for notification in ("<Notification/>", "<Notification>7</Notification>", "<Notification>x</Notification>", ""):
            self.assertBad(attributes("1", notification), "Notification")

    def test_a_device_s_request_is_checked_too(self) -> None:
        inform = (
            "<c:Inform><DeviceId><Manufacturer/><OUI>{}</OUI><ProductClass/><SerialNumber/></DeviceId><Event/>"
            "<MaxEnvelopes>1</MaxEnvelopes><CurrentTime>{}</CurrentTime><RetryCount>0</RetryCount><ParameterList/></c:Inform>"
        )
        self.assertIsInstance(read(inform.format("00D09E", "0001-01-01T00:00:00Z")), Inform)
        self.assertBad(inform.format("00d09e", "0001-01-01T00:00:00Z"), "OUI", code=8003)
        self.assertBad(inform.format("00D09E", "now"), "CurrentTime", code=8003)

    def test_the_sentence_does_not_repeat_the_value(self) -> None:
        message = read("<c:ScheduleInform><DelaySeconds>hunter2</DelaySeconds><CommandKey/></c:ScheduleInform>")
        self.assertNotIn("hunter2", repr(message))

    def test_responses_are_taken_as_they_are(self) -> None:
        self.assertEqual(read("<c:InformResponse/>"), InformResponse(0))
        self.assertEqual(
            read("<c:SetParameterValuesResponse><Status>x</Status></c:SetParameterValuesResponse>"),
            SetParameterValuesResponse(0),
        )
        self.assertEqual(
            read("<c:TransferCompleteResponse><x/></c:TransferCompleteResponse>"), TransferCompleteResponse()
        )
        self.assertEqual(read("<c:GetParameterValuesResponse/>"), GetParameterValuesResponse(()))


class HeaderTests(SynchronousTestCase):
    def header(self, header: str) -> Envelope:
        return decode(wrapped("<c:RebootResponse/>", header))

    def test_hold_requests(self) -> None:
        for text, expected in (("1", True), ("true", True), ("0", False), ("false", False), ("", False), (" 1 ", True)):
            self.assertEqual(self.header(f"<c:HoldRequests>{text}</c:HoldRequests>").hold_requests, expected, text)
        with self.assertRaises(EnvelopeError):
            self.header("<c:HoldRequests>perhaps</c:HoldRequests>")

    def test_id_is_kept_to_the_letter(self) -> None:
        self.assertEqual(self.header("<c:ID> a\n&lt; </c:ID>").id, " a\n< ")
        self.assertEqual(self.header("<c:ID/>").id, "")
        self.assertIsNone(self.header("<c:NoMoreRequests>1</c:NoMoreRequests>").id)

    def test_versions(self) -> None:
        envelope = self.header(
            "<c:SupportedCWMPVersions>1.0, 1.1,,1.4 </c:SupportedCWMPVersions>"
            "<c:UseCWMPVersion> 1.2 </c:UseCWMPVersion><c:SessionTimeout> 40 </c:SessionTimeout>"
        )
        self.assertEqual(envelope.supported_versions, ("1.0", "1.1", "1.4"))
        self.assertEqual(envelope.use_version, "1.2")
        self.assertEqual(envelope.session_timeout, 40)
        self.assertIsNone(self.header("<c:SessionTimeout>long</c:SessionTimeout>").session_timeout)

    def test_unknown_mandatory_headers(self) -> None:
        envelope = self.header(
            '<v:A xmlns:v="urn:v" s:mustUnderstand="1"><c:ID>no</c:ID></v:A><c:B s:mustUnderstand="0"/><c:C/>'
            '<c:D s:mustUnderstand="true"/><c:ID s:mustUnderstand="1">7</c:ID><c:NoMoreRequests s:mustUnderstand="1"/>'
            '<x:ID s:mustUnderstand="1"/><c:E mustUnderstand="1"/>'
        )
        self.assertEqual(envelope.not_understood, ("A", "D", "ID"))
        self.assertEqual(envelope.id, "7")

    def test_headers_for_somebody_else(self) -> None:
        envelope = self.header(
            '<c:A s:mustUnderstand="1" s:actor="urn:proxy"/>'
            '<c:B s:mustUnderstand="1" s:actor="http://schemas.xmlsoap.org/soap/actor/next"/>'
        )
        self.assertEqual(envelope.not_understood, ("B",))

    def test_many_unknown_headers_are_not_all_remembered(self) -> None:
        self.assertEqual(len(self.header('<c:A s:mustUnderstand="1"/>' * 500).not_understood), 16)


class FaultReadingTests(SynchronousTestCase):
    def fault(self, inside: str) -> Message | None:
        return read(f"<s:Fault>{inside}</s:Fault>")

    def test_with_everything(self) -> None:
        self.assertEqual(
            self.fault(
                "<faultcode>s:Client</faultcode><faultstring>CWMP fault</faultstring><detail><c:Fault>"
                "<FaultCode> 9003 </FaultCode><FaultString>bad</FaultString>"
                "<SetParameterValuesFault><ParameterName>A</ParameterName><FaultCode>9007</FaultCode></SetParameterValuesFault>"
                "<SetParameterValuesFault><ParameterName>B</ParameterName><FaultCode>9008</FaultCode>"
                "<FaultString>no</FaultString></SetParameterValuesFault></c:Fault></detail>"
            ),
            Fault(9003, "bad", (ParameterFault("A", 9007, ""), ParameterFault("B", 9008, "no"))),
        )

    def test_with_little(self) -> None:
        self.assertEqual(self.fault("<detail><c:Fault><FaultCode>8005</FaultCode></c:Fault></detail>"), Fault(8005))
        self.assertEqual(self.fault("<s:detail><Fault><FaultCode>8005</FaultCode></Fault></s:detail>"), Fault(8005))

    def test_without_a_cwmp_fault(self) -> None:
        for detail in (
            "",
            "<detail/>",
            "<detail><Other/></detail>",
            "<detail><c:Fault><FaultCode>x</FaultCode></c:Fault></detail>",
        ):
            message = self.fault(f"<faultcode>s:MustUnderstand</faultcode><faultstring>why</faultstring>{detail}")
            self.assertEqual(message, SoapFault("MustUnderstand", "why"))
