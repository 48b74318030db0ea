"""SOAP-01 to SOAP-19: the form of the agent's envelopes, and the envelopes of an ACS that it accepts."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import Noted
from cwmpagent.lab.acs.misbehaviour import Chunked, Garbage
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.rpc import (
    Fault,
    GetParameterNames,
    GetParameterNamesResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    GetRPCMethods,
    Inform,
    InformResponse,
    Reboot,
    SetParameterValuesResponse,
)
from cwmpagent.protocol.session import Reply
from cwmpagent.protocol.soap import CWMP_1_0, CWMP_1_1, CWMP_1_2, Envelope, encode
from cwmpagent.values import UNKNOWN_TIME
from tests.agent.bench import SERVER, BenchCase, assign
from tests.agent.ports import FIFTY_YEARS, Posted, Said, SimulatedAgent, reply
from tests.conformance.stage import CWMP, ENCODING, SOAP, XSI, Headed, ScriptedCase

CODE = "Device.DeviceInfo.ProvisioningCode"
ODD_PREFIXES = (
    b'<?xml version="1.0"?>\n<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">\n'
    b'<s:Header><ID xmlns="urn:dslforum-org:cwmp-1-2" s:mustUnderstand="1">odd</ID></s:Header>\n'
    b'<s:Body><GetParameterNames xmlns="urn:dslforum-org:cwmp-1-2">'
    b'<ParameterPath xmlns="">Device.</ParameterPath><q:NextLevel xmlns:q="urn:dslforum-org:cwmp-1-2">1</q:NextLevel>'
    b"</GetParameterNames></s:Body></s:Envelope>"
)
DEFAULT_NAMESPACE = (
    b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:x="http://www.w3.org/2001/XMLSchema-instance"'
    b' xmlns:d="http://www.w3.org/2001/XMLSchema"><Header><a:ID xmlns:a="urn:dslforum-org:cwmp-1-2">plain</a:ID>'
    b'</Header><Body><a:SetParameterValues xmlns:a="urn:dslforum-org:cwmp-1-2"><ParameterList>'
    b"<ParameterValueStruct><Name>Device.DeviceInfo.ProvisioningCode</Name>"
    b'<Value x:type="d:string">odd one</Value></ParameterValueStruct></ParameterList>'
    b"<ParameterKey/></a:SetParameterValues></Body></Envelope>"
)


def names_next_level(spelling: str) -> bytes:
    """GetParameterNames of ``Device.`` with this NextLevel."""
    whole = encode(Envelope(body=GetParameterNames("Device.", True), id="1"))
    plain = f"<NextLevel>{'true' if b'>true<' in whole else '1'}</NextLevel>".encode()
    assert whole.count(plain) == 1, whole
    return whole.replace(plain, f"<NextLevel>{spelling}</NextLevel>".encode())


def element(posted: Posted) -> Any:
    """The RPC of an envelope."""
    (rpc,) = ElementTree.fromstring(posted.body).findall(f"{SOAP}Body/*")
    return rpc


def arrays(root: Any) -> list[tuple[str, int]]:
    """The declared type of each array, and the number of its members."""
    return [
        (node.attrib[ENCODING + "arrayType"], len(node))
        for node in root.iter()
        if ENCODING + "arrayType" in node.attrib
    ]


class SoapTests(ScriptedCase):
    async def test_soap_01_shape_of_the_inform(self) -> None:
        (inform, *_) = await self.talk()
        root = ElementTree.fromstring(inform.body)
        self.assertEqual(root.tag, SOAP + "Envelope")
        (identifier,) = root.findall(f"{SOAP}Header/{CWMP}ID")
        self.assertEqual(identifier.attrib[SOAP + "mustUnderstand"], "1")
        rpc = element(inform)
        self.assertEqual(rpc.tag, CWMP + "Inform")
        self.assertEqual(
            [node.tag for node in rpc],
            ["DeviceId", "Event", "MaxEnvelopes", "CurrentTime", "RetryCount", "ParameterList"],
        )
        self.assertEqual([node.tag for node in rpc.iter() if node.tag.startswith("{")], [CWMP + "Inform"])
        self.assertEqual(arrays(rpc)[0], ("cwmp:EventStruct[2]", 2))

    async def test_soap_02_headers_of_a_post_with_an_envelope(self) -> None:
        posts = await self.talk(GetRPCMethods())
        for posted in (posts[0], posts[2]):
            content_type = posted.header("Content-Type")
            self.assertEqual((content_type or "").partition(";")[0], "text/xml")
            self.assertEqual(posted.header("SOAPAction"), "")

    async def test_soap_03_headers_of_an_empty_post(self) -> None:
        posts = await self.talk()
        self.assertEqual(posts[1].body, b"")
        self.assertEqual(posts[1].header("Content-Length"), "0")
        self.assertIsNone(posts[1].header("Content-Type"))
        self.assertIsNone(posts[1].header("SOAPAction"))

    async def test_soap_04_the_id_comes_back_as_it_was(self) -> None:
        identifier = "a&b<" + "c" * 28
        good = Envelope(body=GetRPCMethods(), id=identifier)
        bad = Envelope(body=GetParameterValues(("Device.Nowhere",)), id=identifier)
        posts = await self.talk(good, bad)
        self.assertIsInstance(posts[3].message, Fault)
        self.assertEqual([posted.envelope.id for posted in posts[2:]], [identifier, identifier])

    async def test_soap_05_other_prefixes_and_default_namespaces(self) -> None:
        posts = await self.talk(ODD_PREFIXES, DEFAULT_NAMESPACE, GetParameterValues((CODE,)))
        names, done, values = posts[2:]
        self.assertIsInstance(names.message, GetParameterNamesResponse)
        self.assertEqual((names.envelope.id, done.envelope.id), ("odd", "plain"))
        assert isinstance(values.message, GetParameterValuesResponse)
        self.assertEqual(values.message.parameter_list[0].value.text, "odd one")

    async def test_soap_06_an_acs_of_an_earlier_version(self) -> None:
        for namespace in (CWMP_1_0, CWMP_1_1):
            self.acs.instead = lambda posted, namespace=namespace: self.informed(posted, namespace)
            posts = await self.talk(Envelope(body=GetRPCMethods(), id="old", namespace=namespace))
            self.assertEqual([posts[0].envelope.namespace, posts[2].envelope.namespace], [CWMP_1_2, namespace])

    async def test_soap_07_the_acs_chooses_a_version(self) -> None:
        for version, namespace in (("1.2", CWMP_1_2), ("1.0", CWMP_1_0), ("1.4", CWMP_1_2)):
            self.acs.instead = lambda posted, version=version: self.chosen(posted, version)
            posts = await self.talk(GetRPCMethods())
            self.assertIn(version, posts[0].envelope.supported_versions)
            self.assertEqual(posts[2].envelope.namespace, namespace)
            self.assertTrue(self.ended()[-1].success)
        self.acs.instead = lambda posted: self.chosen(posted, "1.5")
        await self.talk()
        self.assertFalse(self.ended()[-1].success)

    async def test_soap_08_a_request_of_more_than_32_kib(self) -> None:
        names = ("Device.Ethernet.Interface.1.Stats.UnicastPacketsReceived", "Device.Ethernet.", CODE) * 300
        request = GetParameterValues(names)
        self.assertGreater(len(encode(Envelope(body=request, id="1"))), 32768)
        posts = await self.talk(request)
        assert isinstance(posts[2].message, GetParameterValuesResponse)
        self.assertIn(CODE, [each.name for each in posts[2].message.parameter_list])

    async def test_soap_11_every_spelling_of_a_boolean(self) -> None:
        requests = [names_next_level(spelling) for spelling in ("true", "1", " true ", "false", "0")]
        posts = await self.talk(*requests)
        lists = [posted.message.parameter_list for posted in posts[2:] if posted.message is not None]  # type: ignore[attr-defined]  # a GetParameterNamesResponse
        self.assertEqual(lists[0], lists[1])
        self.assertEqual(lists[0], lists[2])
        self.assertEqual(lists[3], lists[4])
        self.assertLess(len(lists[0]), len(lists[3]))

    async def test_soap_11_every_spelling_of_hold_requests(self) -> None:
        for spelling, holds in (("true", True), ("1", True), ("false", False), ("0", False)):

            def instead(posted: Posted, spelling: str = spelling) -> Said:
                if posted.number > 1:
                    return None
                whole = encode(
                    Envelope(body=InformResponse(), id=posted.envelope.id, hold_requests=True, namespace=CWMP_1_2)
                )
                plain = (
                    b">true</cwmp:HoldRequests>" if b">true</cwmp:HoldRequests>" in whole else b">1</cwmp:HoldRequests>"
                )
                assert plain in whole
                return Reply(200, whole.replace(plain, f">{spelling}</cwmp:HoldRequests>".encode()))

            self.acs.instead = instead
            posts = await self.talk()
            self.assertEqual(len(posts), 3 if holds else 2, "a held empty POST is not the last one")
            self.assertTrue(self.ended()[-1].success)

    async def test_soap_12_arrays_count_their_members(self) -> None:
        empty = GetParameterNames("Device.NAT.PortMapping.", True)
        posts = await self.talk(
            GetRPCMethods(), GetParameterNames("Device.", False), GetParameterValues(("Device.",)), empty
        )
        found = [array for posted in posts if posted.body for array in arrays(element(posted))]
        self.assertEqual(len(found), 6)
        for said, members in found:
            self.assertEqual(said.partition("[")[2], f"{members}]")
        self.assertEqual(found[-1], ("cwmp:ParameterInfoStruct[0]", 0))

    async def test_soap_13_markup_and_utf_8_round_trip(self) -> None:
        text = "<&>\"' ]]> é 語 \U0001f600 \t two  spaces "
        posts = await self.talk(
            assign(**{"Device.Time.NTPServer1": text}), GetParameterValues(("Device.Time.NTPServer1",))
        )
        assert isinstance(posts[3].message, GetParameterValuesResponse)
        self.assertEqual(posts[3].message.parameter_list[0].value.text, text)

    async def test_soap_14_each_value_has_its_type(self) -> None:
        wanted = {
            "Device.Ethernet.Interface.1.MaxBitRate": "xsd:int",
            SERVER + "PeriodicInformInterval": "xsd:unsignedInt",
            SERVER + "EnableCWMP": "xsd:boolean",
            SERVER + "PeriodicInformTime": "xsd:dateTime",
            CODE: "xsd:string",
            "Device.Ethernet.Interface.1.Stats.BytesSent": "xsd:unsignedLong",
        }
        posts = await self.talk(GetParameterValues(tuple(wanted)))
        structs = element(posts[2]).findall("ParameterList/ParameterValueStruct")
        found = {each.findtext("Name"): each.find("Value").attrib[XSI + "type"] for each in structs}
        self.assertEqual(found, wanted)

    async def test_soap_16_an_envelope_as_a_server_writes_it(self) -> None:
        declaration = b'<s:Envelope xmlns:schemaLocation="urn:dslforum-org:cwmp-1-2 ..\\cwmp 1.2.xsd" '
        odd = ODD_PREFIXES.replace(b"<s:Envelope ", declaration)
        bodies = [odd, b"\xef\xbb\xbf\r\n" + odd, odd + b"\r\n\0"]
        utf_16 = odd.replace(b"?>", b' encoding="UTF-16"?>', 1).decode().encode("utf-16")
        posts = await self.talk(*bodies, utf_16)
        self.assertEqual([type(posted.message) for posted in posts[2:]], [GetParameterNamesResponse] * 4)
        self.assertTrue(self.ended()[-1].success)

    async def test_soap_17_anything_wrong_below_a_request(self) -> None:
        whole = encode(Envelope(body=GetParameterValues((CODE,)), id="1"))
        names = whole[whole.index(b"<ParameterNames") : whole.index(b"</cwmp:Get")]
        posts = await self.talk(
            whole.replace(CODE.encode(), f"<string>{CODE}</string>".encode()),
            names_next_level("<b>1</b>"),
            whole.replace(names, names * 2),
            GetParameterValues((CODE,)),
        )
        faults = [posted.message for posted in posts[2:5]]
        self.assertEqual(
            faults,
            [
                Fault(9003, "there is an element inside the text of string"),
                Fault(9003, "there is an element inside the text of NextLevel"),
                Fault(9003, "ParameterNames occurs more than once"),
            ],
        )
        self.assertIsInstance(posts[5].message, GetParameterValuesResponse)
        self.assertTrue(self.ended()[-1].success)

    async def test_soap_18_an_inform_response_without_id(self) -> None:
        def without_id(posted: Posted) -> Said:
            return Reply(200, encode(Envelope(body=InformResponse()))) if posted.number == 1 else None

        self.acs.instead = without_id
        await self.talk(GetRPCMethods())
        self.assertTrue(self.ended()[-1].success)
        (text,) = self.noted()
        self.assertIn("InformResponse in answer to Inform without cwmp:ID", text)
        self.acs.instead = lambda posted: (
            Reply(200, encode(Envelope(body=InformResponse(), id="other"))) if posted.number == 1 else None
        )
        await self.talk()
        self.assertFalse(self.ended()[-1].success)

    async def test_soap_19_a_request_without_its_key(self) -> None:
        bare = encode(Envelope(body=assign(**{CODE: "bare"}), id="1"))
        start, end = bare.index(b"<ParameterKey>"), bare.index(b"</cwmp:Set")
        bare = bare[:start] + bare[end:]
        posts = await self.talk(bare, bare, GetParameterValues((CODE, SERVER + "ParameterKey")))
        self.assertEqual(posts[2].message, SetParameterValuesResponse(0))
        assert isinstance(posts[4].message, GetParameterValuesResponse)
        self.assertEqual([each.value.text for each in posts[4].message.parameter_list], ["bare", ""])
        (text,) = self.noted()
        self.assertIn("SetParameterValues without the mandatory ParameterKey", text)
        await self.talk(bare)
        self.assertEqual(len(self.noted()), 2, "once a session")

    async def test_soap_19_by_the_letter(self) -> None:
        bare = encode(Envelope(body=Reboot(""), id="1")).replace(b"<CommandKey></CommandKey>", b"")
        self.begin(self.config(acs="lenient = false"))
        posts = await self.talk(bare)
        self.assertEqual(posts[2].message, Fault(9003, "CommandKey is missing in Reboot"))
        self.assertEqual(self.noted(), [])

    async def test_content_type_does_not_matter(self) -> None:
        self.front.dress = lambda posted, reply: Headed(reply, content_type="text/html")
        await self.talk(GetRPCMethods())
        self.assertTrue(self.ended()[-1].success)

    def noted(self) -> list[str]:
        return [fact.text for fact in self.facts if isinstance(fact, Noted) and "the ACS sent" in fact.text]

    def informed(self, posted: Posted, namespace: str) -> Said:
        if posted.number > 1:
            return None
        return reply(Envelope(body=InformResponse(), id=posted.envelope.id, namespace=namespace))

    def chosen(self, posted: Posted, version: str) -> Said:
        if not isinstance(posted.message, Inform):
            return None
        return reply(Envelope(body=InformResponse(), use_version=version), posted)


class LabTests(BenchCase):
    async def test_soap_09_chunked(self) -> None:
        self.lab.misbehave(Chunked(times=0))
        await self.bootstrapped()
        (answer,) = await self.ask(GetParameterValues((CODE,)))
        self.assertIsInstance(answer, GetParameterValuesResponse)
        self.assert_nothing_odd()

    async def test_soap_10_malformed_answer_to_the_inform(self) -> None:
        self.lab.misbehave(Garbage(at="inform"))
        self.begin()
        trace = await self.session()
        self.assertEqual(trace.informs[0].retry_count, 1)
        self.assertIn("0 BOOTSTRAP", trace.event_codes)
        self.assertFalse(self.ended()[0].success)
        self.assertGreaterEqual(self.ended()[0].retry_in or 0, 1)


class TimeTests(SynchronousTestCase):
    def test_soap_10_the_retry_waits_five_seconds_at_least(self) -> None:
        simulated = SimulatedAgent()
        simulated.acs.instead = lambda posted: Reply(200, b"<soap:Envelope><unclosed") if posted.number == 1 else None
        simulated.begin()
        self.assertGreaterEqual(simulated.ended()[0].retry_in or 0, 5)
        simulated.run(4.99)
        self.assertEqual(len(simulated.acs.sessions), 1)
        simulated.run(5.02)
        self.assertEqual([inform.retry_count for inform in simulated.acs.informs()], [0, 1])

    def test_soap_15_the_time_is_told_when_it_is_known(self) -> None:
        simulated = SimulatedAgent(wall=86400.0)
        simulated.begin()
        simulated.clock.step(FIFTY_YEARS)
        simulated.happen(Event(CONNECTION_REQUEST))
        times = [inform.current_time for inform in simulated.acs.informs()]
        self.assertEqual(times[0], UNKNOWN_TIME)
        self.assertEqual(times[1][:4], "2020")
