"""Encoded messages are valid against the published schemas; messages of a real ACS survive decoding and encoding."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cwmpagent.errors import ParameterFault
from cwmpagent.protocol.rpc import Fault, Message, RebootResponse, SoapFault, Upload
from cwmpagent.protocol.soap import CWMP_1_0, CWMP_1_1, CWMP_1_2, Envelope, decode, encode
from tests.protocol.strategies import RPCS, instances, texts
from tests.skips import NO_BBF, NO_RECORDED, bbf_directory, recorded_messages

XS = "http://www.w3.org/2001/XMLSchema"

SOAP_ENVELOPE = f"""
<xs:schema xmlns:xs="{XS}" xmlns:t="http://schemas.xmlsoap.org/soap/envelope/"
    targetNamespace="http://schemas.xmlsoap.org/soap/envelope/">
  <xs:attribute name="mustUnderstand">
    <xs:simpleType><xs:restriction base="xs:boolean"><xs:pattern value="0|1"/></xs:restriction></xs:simpleType>
  </xs:attribute>
  <xs:element name="Envelope"><xs:complexType><xs:sequence>
    <xs:element name="Header" form="qualified" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:any namespace="##other" processContents="strict" maxOccurs="unbounded"/>
    </xs:sequence></xs:complexType></xs:element>
    <xs:element name="Body" form="qualified"><xs:complexType><xs:sequence>
      <xs:any namespace="##any" processContents="strict" minOccurs="0"/>
    </xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
  <xs:element name="Fault"><xs:complexType><xs:sequence>
    <xs:element name="faultcode" type="xs:QName"/><xs:element name="faultstring" type="xs:string"/>
    <xs:element name="detail" minOccurs="0"><xs:complexType><xs:sequence>
      <xs:any namespace="##any" processContents="strict"/>
    </xs:sequence></xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""
"""A minimal replacement of the SOAP schemas that the CWMP schemas import, which are not published with them."""
SOAP_ENCODING = f"""
<xs:schema xmlns:xs="{XS}" xmlns:t="http://schemas.xmlsoap.org/soap/encoding/"
    targetNamespace="http://schemas.xmlsoap.org/soap/encoding/">
  <xs:attribute name="arrayType" type="xs:string"/>
  <xs:complexType name="Array">
    <xs:sequence><xs:any namespace="##any" minOccurs="0" maxOccurs="unbounded" processContents="lax"/></xs:sequence>
    <xs:attribute ref="t:arrayType"/><xs:anyAttribute namespace="##other" processContents="lax"/>
  </xs:complexType>
  <xs:simpleType name="base64"><xs:restriction base="xs:base64Binary"/></xs:simpleType>
</xs:schema>"""

PLAIN_TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F), max_size=30)
OVERRIDES = {
    "AccessList": st.lists(st.just("Subscriber"), max_size=2).map(tuple),
    "CurrentState": st.sampled_from(["Installed", "Uninstalled", "Failed"]),
    "EventCode": st.sampled_from(["0 BOOTSTRAP", "7 TRANSFER COMPLETE", "M Reboot", "X 00D09E anything"]),
    "FaultCode": st.sampled_from([0, 9001, 9012]),
    "FileType": st.sampled_from(["1 Firmware Upgrade Image", "X 00D09E thing"]),
    "Notification": st.integers(0, 2),
    "ObjectName": st.just("Device.NAT.PortMapping."),
    "URL": st.sampled_from(["http://files.example/a?b=c&d", ""]),
    "UUID": st.uuids().map(str),
    "WindowMode": st.sampled_from(["1 At Any Time", "X 00D09E mode"]),
}
UPLOAD = {"FileType": st.sampled_from(["1 Vendor Configuration File", "2 Vendor Log File"])}
"""Values that the schemas of every version allow where the declarations are wider, because a peer's may be wrong."""


class Sources(etree.Resolver):
    """Resolver of the schemas that the CWMP schemas import by URL."""

    def resolve(self, url: str, identifier: str, context: Any) -> Any:
        if url.endswith("/soap/envelope/"):
            return self.resolve_string(SOAP_ENVELOPE, context)
        if url.endswith("/soap/encoding/"):
            return self.resolve_string(SOAP_ENCODING, context)
        return None


def parsed(name: str) -> Any:
    directory = bbf_directory()
    if directory is None:
        raise SkipTest(NO_BBF)
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(Sources())
    return etree.parse(str(directory / name), parser)


class Schema:
    """One published schema: its elements, and the validation of documents."""

    def __init__(self, *names: str) -> None:
        tree = parsed(names[0])
        for name in names[
            1:
        ]:  # later versions redefine the earlier one, which lxml does not support; their own elements are new
            tree.getroot().extend(parsed(name).findall(f"{{{XS}}}element"))
        self.elements = {element.get("name") for element in tree.findall(f"{{{XS}}}element")}
        self.schema = etree.XMLSchema(tree)

    def complaints(self, data: bytes) -> str:
        document = etree.fromstring(data)
        return "" if self.schema.validate(document) else f"{self.schema.error_log}\n{data.decode()}"


class SchemaTests(SynchronousTestCase):
    """Validation of every RPC; the code below adds one test for each."""

    def setUp(self) -> None:
        if bbf_directory() is None:  # here, because hypothesis treats a skip in a property as a failure
            raise SkipTest(NO_BBF)

    def schemas(self) -> dict[str, Schema]:
        cls = type(self)
        if not hasattr(cls, "_schemas"):
            cls._schemas = {
                CWMP_1_0: Schema("cwmp-1-0.xsd"),
                CWMP_1_1: Schema("cwmp-1-1.xsd"),
                CWMP_1_2: Schema("cwmp-1-2.xsd", "cwmp-1-3.xsd", "cwmp-1-4.xsd"),
            }
        return cls._schemas

    _schemas: dict[str, Schema]

    def assertValid(self, message: Message | None, **headers: Any) -> None:
        for namespace, schema in self.schemas().items():
            if message is not None and message.NAME in RPC_NAMES and message.NAME not in schema.elements:
                self.assertNotEqual(namespace, CWMP_1_2)
                continue
            self.assertEqual(schema.complaints(encode(Envelope(body=message, namespace=namespace, **headers))), "")

    def test_the_schemas_can_refuse(self) -> None:
        data = encode(Envelope(body=RebootResponse(), id="1", namespace=CWMP_1_2))
        schema = self.schemas()[CWMP_1_2]
        self.assertEqual(schema.complaints(data), "")
        for old, new in (
            (b"RebootResponse", b"RebootAnswer"),
            (b' soap-env:mustUnderstand="1"', b""),
            (b"cwmp:ID", b"cwmp:Id"),
        ):
            self.assertNotEqual(schema.complaints(data.replace(old, new)), "")

    def test_every_message_of_the_schemas_is_known(self) -> None:
        headers = {"ID", "HoldRequests", "SessionTimeout", "SupportedCWMPVersions", "UseCWMPVersion", "Fault"}
        for schema in self.schemas().values():
            self.assertLessEqual(schema.elements - headers, RPC_NAMES)
        self.assertEqual(self.schemas()[CWMP_1_2].elements, RPC_NAMES | headers)

    def test_headers(self) -> None:
        for hold in (False, True):
            self.assertValid(None, id="17", hold_requests=hold)
        headers = {"session_timeout": 60, "supported_versions": ("1.0", "1.4"), "use_version": "1.2", "id": "<>"}
        data = encode(Envelope(body=None, **headers))
        self.assertEqual(self.schemas()[CWMP_1_2].complaints(data), "")

    @settings(deadline=None, max_examples=20)
    @given(
        st.sampled_from([8000, 8005, 8899, 9000, 9009, 9899]),
        texts(),
        st.lists(st.builds(ParameterFault, texts(), st.sampled_from([9005, 9008]), texts()), max_size=3).map(tuple),
    )
    def test_faults(self, code: int, text: str, parameters: tuple[ParameterFault, ...]) -> None:
        self.assertValid(Fault(code, text, parameters), id="1")

    def test_soap_faults(self) -> None:
        self.assertValid(SoapFault("MustUnderstand", "what?"), id="1")


RPC_NAMES = {cls.NAME for cls in RPCS}


def _valid(cls: type[Message]) -> Callable[[SchemaTests], None]:
    @settings(deadline=None, max_examples=8)
    @given(instances(cls, {**OVERRIDES, **(UPLOAD if cls is Upload else {})}))
    def test(self: SchemaTests, message: Message) -> None:
        self.assertValid(message, id="1")

    return test


for _cls in RPCS:
    setattr(SchemaTests, f"test_{_cls.NAME}", _valid(_cls))


def recorded() -> list[dict[str, Any]]:
    """Recorded messages of a real ACS."""
    path = recorded_messages()
    if path is None:
        raise SkipTest(NO_RECORDED)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if line["from"] == "acs" and line["message"]]


class RecordedTests(SynchronousTestCase):
    def test_every_message_of_a_real_acs_is_read(self) -> None:
        read = set()
        for line in recorded():
            if line["http"] == "request":
                continue  # a ConnectionRequest has no envelope
            charset = line["headers"]["content-type"].partition("charset=")[2]
            envelope = decode(line["body"].encode(), charset=charset)
            assert envelope.body is not None
            self.assertEqual(envelope.body.NAME, line["message"])
            self.assertIn(f">{envelope.id}</cwmp:ID>", line["body"])
            self.assertEqual(envelope.namespace, CWMP_1_2)
            self.assertEqual(decode(encode(envelope)), envelope)
            read.add(line["message"])
        self.assertGreaterEqual(len(read), 9)
        self.assertLessEqual({"InformResponse", "SetParameterValues", "AddObject", "Download"}, read)
