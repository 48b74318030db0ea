"""Handlers of the outer elements of an envelope: Envelope, Header, Body and Fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any

from cwmpagent.errors import EnvelopeError, ParameterFault
from cwmpagent.protocol.rpc import REQUESTS, RESPONSES, Fault, GenericRequest, GenericResponse, Message, SoapFault
from cwmpagent.protocol.rpc.field_types import Nested, Number, Repeated, Text
from cwmpagent.protocol.soap.elements import IGNORED, Element, Reading
from cwmpagent.protocol.soap.envelope import CWMP_NAMESPACE, SEPARATOR, SOAP, local_name, qualified
from cwmpagent.protocol.soap.struct_elements import GenericElement, StructElement

_MUST_UNDERSTAND = qualified(SOAP, "mustUnderstand")
_ACTOR = qualified(SOAP, "actor")
_NEXT = "http://schemas.xmlsoap.org/soap/actor/next"
_HEADER_NAMES = ("ID", "HoldRequests", "SessionTimeout", "SupportedCWMPVersions", "UseCWMPVersion", "NoMoreRequests")
_HEADER_MOST = 1024
_NAMED_MOST = 16


@dataclass(frozen=True, slots=True)
class _ParameterDetail:
    name: Annotated[str, Text("ParameterName")]
    code: Annotated[int, Number("FaultCode")]
    text: Annotated[str | None, Text("FaultString")] = None


@dataclass(frozen=True, slots=True)
class _CwmpDetail:
    code: Annotated[int, Number("FaultCode")]
    parameters: Annotated[tuple[_ParameterDetail, ...], Repeated("SetParameterValuesFault")]
    text: Annotated[str | None, Text("FaultString")] = None


@dataclass(frozen=True, slots=True)
class _Detail:
    fault: Annotated[_CwmpDetail | None, Nested("Fault")] = None


@dataclass(frozen=True, slots=True)
class _Fault:
    faultcode: Annotated[str, Text("faultcode")]
    faultstring: Annotated[str, Text("faultstring")]
    detail: Annotated[_Detail | None, Nested("detail")] = None

    def message(self) -> Message:
        fault = self.detail.fault if self.detail is not None else None
        if fault is None or not fault.code:
            return SoapFault(self.faultcode.strip().rpartition(":")[2], self.faultstring)
        parameters = tuple(ParameterFault(item.name, item.code, item.text or "") for item in fault.parameters)
        return Fault(fault.code, fault.text or "", parameters)


class _Root(Element):
    """The document level, where only an Envelope is allowed."""

    __slots__ = ()

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        if name == _ENVELOPE_NAME:
            return _ENVELOPE
        raise EnvelopeError("the message is not a SOAP 1.1 envelope")


class _Envelope(Element):
    """The Envelope; its content is the names of the parts read so far."""

    __slots__ = ()

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        part = _PARTS.get(name)
        if part is None:
            return IGNORED
        if name in content:
            raise EnvelopeError(f"the envelope has more than one {local_name(name)}")
        content.append(name)
        return part

    def open(self) -> Any:
        return []

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        if _BODY not in content:
            raise EnvelopeError("the envelope has no Body")


class _Header(Element):
    """The Header; its content is the text of each known entry."""

    __slots__ = ()

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        uri, _, local = name.rpartition(SEPARATOR)
        if local in _ENTRIES and CWMP_NAMESPACE.fullmatch(uri):
            return _ENTRIES[local]
        values = dict(zip(attributes[::2], attributes[1::2], strict=True))
        mandatory = values.get(_MUST_UNDERSTAND, "").strip() in ("1", "true")
        addressed = values.get(_ACTOR, "").strip() in ("", _NEXT)
        if mandatory and addressed and len(reading.not_understood) < _NAMED_MOST:
            reading.not_understood.append(local[:_HEADER_MOST])
        return IGNORED

    def open(self) -> Any:
        return {}

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        reading.headers = content


class _Entry(Element):
    """One known header entry; its result is the text."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        text = "".join(reading.texts)
        if len(text) > _HEADER_MOST:
            raise EnvelopeError(f"the header {self.name} is longer than {_HEADER_MOST} characters")
        into[self.name] = text


class _Body(Element):
    """The Body; its content is the message, empty before it was read."""

    __slots__ = ()

    def child(self, reading: Reading, content: Any, name: str, attributes: list[str]) -> Element:
        uri, _, local = name.rpartition(SEPARATOR)
        if content:
            raise EnvelopeError("the envelope has more than one message")
        if uri == SOAP and local == "Fault":
            return _FAULT
        if CWMP_NAMESPACE.fullmatch(uri):
            reading.namespace = uri
            return _RPCS.get(local) or _generic(local)
        if local.startswith("X_"):
            return _generic(local)
        raise EnvelopeError(f"the Body has {local[:64]}, which is not a CWMP message")

    def open(self) -> Any:
        return []

    def close(self, reading: Reading, content: Any, into: Any) -> None:
        if content:
            reading.message = content[0].message() if isinstance(content[0], _Fault) else content[0]


def _generic(name: str) -> Element:
    return GenericElement(name, GenericResponse if name.endswith("Response") else GenericRequest)


_RPCS: Mapping[str, StructElement] = MappingProxyType(
    {name: StructElement(cls, name) for name, cls in {**REQUESTS, **RESPONSES}.items()}
)
_FAULT = StructElement(_Fault, "Fault")
_ENTRIES: Mapping[str, _Entry] = MappingProxyType({name: _Entry(name) for name in _HEADER_NAMES})

_ENVELOPE_NAME = qualified(SOAP, "Envelope")
_BODY = qualified(SOAP, "Body")
_PARTS: Mapping[str, Element] = MappingProxyType({qualified(SOAP, "Header"): _Header(), _BODY: _Body()})
_ENVELOPE = _Envelope()
ROOT: Element = _Root()
"""The handler at which decoding starts."""
