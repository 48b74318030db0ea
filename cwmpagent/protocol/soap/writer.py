"""Encoding of envelopes.

Each class is compiled at import to a template and the attribute paths of its values. A list of structs repeats one
template; a long list is encoded in pieces. Text is checked after all values of a piece are filled in: only if the
result has more markup characters than the templates, the values are escaped one by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from cwmpagent.errors import MisuseError
from cwmpagent.faults import fault_text
from cwmpagent.gradual import Gradual, at_once
from cwmpagent.protocol.rpc import REQUESTS, RESPONSES, Fault, GenericRequest, GenericResponse, Message, SoapFault
from cwmpagent.protocol.rpc.field_types import Array, Field, Flag, Nested, Number, Repeated, Text, Typed, fields_of
from cwmpagent.protocol.soap.envelope import CWMP_NAMESPACE, SOAP, SOAP_ENCODING, XSD, XSI, Envelope
from cwmpagent.values import NOT_IN_XML, ValueType

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_OPENING = (
    f'<soap-env:Envelope xmlns:soap-env="{SOAP}" xmlns:soap-enc="{SOAP_ENCODING}"'
    f' xmlns:xsd="{XSD}" xmlns:xsi="{XSI}" xmlns:cwmp="%s">'
)
_ENDING = "</soap-env:Body></soap-env:Envelope>"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_CONTROLS = bytes(set(range(0x20)) - {0x09, 0x0A})
_TYPED = attrgetter("typed")
_MARKUP = _CONTROLS + b"&<>"
_NONCHARACTERS = (b"\xef\xbf\xbe", b"\xef\xbf\xbf")


_PIECE = 250
"""Number of structs in one piece of a long list."""


class _Page:
    """An envelope in progress: parts of the template with their values, and long lists that are not encoded yet."""

    __slots__ = ("_done", "template", "values")

    def __init__(self) -> None:
        self._done: list[_Page | _LongList] = []
        self.template: list[str] = []
        self.values: list[object] = []

    def add(self, template: str, *values: object) -> None:
        self.template.append(template)
        self.values += values

    def add_list(self, long_list: _LongList) -> None:
        before = _Page()
        before.template, before.values = self.template, self.values
        self._done += [before, long_list]
        self.template, self.values = [], []

    def pieces(self) -> Iterator[bytes]:
        for part in self._done:
            yield from part.pieces()
        yield self.finished()

    def finished(self) -> bytes:
        """The part after the last long list."""
        template = "".join(self.template)
        markup = template.count("<") + template.count(">")
        values = tuple(self.values)
        try:
            data = (template % values).encode()
            plain = len(data) - len(data.translate(None, _MARKUP)) == markup
        except UnicodeEncodeError:
            plain = False
        if plain and (data.isascii() or not any(character in data for character in _NONCHARACTERS)):
            return data
        return (template % tuple([escaped(value) if isinstance(value, str) else value for value in values])).encode()


def escaped(text: str) -> str:
    """Escape ``text`` for an element. Raises MisuseError for a character that XML 1.0 cannot carry."""
    invalid = NOT_IN_XML.search(text)
    if invalid is not None:
        raise MisuseError(f"XML 1.0 cannot carry the character U+{ord(invalid[0]):04X}")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


_Write = Callable[[Any, _Page], None]


class _Struct:
    """The encoder of the fields of one class.

    Where every field is a single required value, ``template`` and ``values`` encode many structs at once.
    """

    __slots__ = ("template", "typed", "values", "writers")

    def __init__(self, cls: type[Any]) -> None:
        fields = fields_of(cls)
        self.writers = [_field_writer(field) for field in fields]
        self.typed = any(isinstance(field.shape, Typed) for field in fields)
        leaves = [_leaf(field) for field in fields if not field.optional]
        self.template = ""
        if len(fields) > 1 and all(leaves) and len(leaves) == len(fields):
            self.template = "".join(leaf[0] for leaf in leaves if leaf)
            self.values = attrgetter(*(path for leaf in leaves if leaf for path in leaf[1]))

    def write(self, struct: Any, page: _Page) -> None:
        for write in self.writers:
            write(struct, page)

    def write_all(self, element: str, structs: Sequence[Any], page: _Page) -> None:
        if len(structs) > _PIECE:
            page.add_list(_LongList(self, element, structs))
            return
        opening, ending = f"<{element}>", f"</{element}>"
        if self.template and (not self.typed or all(map(_TYPED, structs))):
            page.template.append(f"{opening}{self.template}{ending}" * len(structs))
            page.values += chain.from_iterable(map(self.values, structs))
            return
        for struct in structs:
            page.add(opening)
            self.write(struct, page)
            page.add(ending)


class _LongList:
    """A list of structs that is encoded in pieces."""

    __slots__ = ("_element", "_struct", "_structs")

    def __init__(self, struct: _Struct, element: str, structs: Sequence[Any]) -> None:
        self._struct = struct
        self._element = element
        self._structs = structs

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self._structs), _PIECE):
            page = _Page()
            self._struct.write_all(self._element, self._structs[start : start + _PIECE], page)
            yield from page.pieces()


def _leaf(field: Field) -> tuple[str, tuple[str, ...]] | None:
    """Template and attribute paths of a field that is one text element; None for other fields."""
    name = field.shape.element
    match field.shape:
        case Text():
            return f"<{name}>%s</{name}>", (field.attribute,)
        case Number() | Flag():
            return f"<{name}>%d</{name}>", (field.attribute,)
        case Typed():
            paths = (f"{field.attribute}.kind.xsd", f"{field.attribute}.text")
            return f'<{name} xsi:type="xsd:%s">%s</{name}>', paths
        case _:
            return None


def _field_writer(field: Field) -> _Write:
    name, attribute = field.shape.element, field.attribute
    match field.shape:
        case Array(member=member):
            return _array_writer(name, attribute, _Struct(field.types[0]) if member is None else None, field)
        case Repeated():
            return _repeated_writer(name, attribute, {cls: _Struct(cls) for cls in field.types})
        case Nested():
            return _nested_writer(name, attribute, _Struct(field.types[0]))
        case Typed():
            return _typed_writer(name, attribute)
        case _:
            leaf = _leaf(field)
            assert leaf is not None
            return _leaf_writer(leaf[0], attribute)


def _leaf_writer(template: str, attribute: str) -> _Write:
    def write(struct: Any, page: _Page) -> None:
        value = getattr(struct, attribute)
        if value is not None:
            page.add(template, value)

    return write


def _typed_writer(name: str, attribute: str) -> _Write:
    def write(struct: Any, page: _Page) -> None:
        value = getattr(struct, attribute)
        if struct.typed:
            page.add(f'<{name} xsi:type="xsd:%s">%s</{name}>', value.kind.xsd, value.text)
        else:
            page.add(f"<{name}>%s</{name}>", value.text)

    return write


def _nested_writer(name: str, attribute: str, inner: _Struct) -> _Write:
    def write(struct: Any, page: _Page) -> None:
        page.add(f"<{name}>")
        inner.write(getattr(struct, attribute), page)
        page.add(f"</{name}>")

    return write


def _repeated_writer(name: str, attribute: str, inner: dict[type[Any], _Struct]) -> _Write:
    def write(struct: Any, page: _Page) -> None:
        for item in getattr(struct, attribute):
            page.add(f'<{name} xsi:type="cwmp:{type(item).__name__}">' if len(inner) > 1 else f"<{name}>")
            inner[type(item)].write(item, page)
            page.add(f"</{name}>")

    return write


def _array_writer(name: str, attribute: str, inner: _Struct | None, field: Field) -> _Write:
    if inner is not None:
        member = field.types[0].__name__
        kind = f"cwmp:{member}"
    else:
        assert isinstance(field.shape, Array) and field.shape.member is not None
        member = field.shape.member.element
        kind = "soap-enc:base64" if field.shape.member.kind is ValueType.BASE64 else f"xsd:{member}"

    def write(struct: Any, page: _Page) -> None:
        items = getattr(struct, attribute)
        page.add(f'<{name} soap-enc:arrayType="{kind}[%d]">', len(items))
        if inner is not None:
            inner.write_all(member, items, page)
        else:
            page.add(f"<{member}>%s</{member}>" * len(items), *items)
        page.add(f"</{name}>")

    return write


_RPCS = MappingProxyType({cls: _Struct(cls) for cls in (*REQUESTS.values(), *RESPONSES.values())})


def encode(envelope: Envelope) -> bytes:
    """Encode ``envelope`` in UTF-8.

    Raises:
        MisuseError: it has a character that XML 1.0 cannot carry, an invalid element name, a namespace that is not
            one of CWMP, or a message that is never sent (BadRequest).
    """
    return at_once(encode_gradually(envelope))


def encode_gradually(envelope: Envelope) -> Gradual[bytes]:
    """The same as :func:`encode`, in small pieces."""
    if not CWMP_NAMESPACE.fullmatch(envelope.namespace):
        raise MisuseError(f"{envelope.namespace!r} is not a CWMP namespace")
    page = _Page()
    page.add(_DECLARATION + _OPENING, envelope.namespace)
    _write_header(envelope, page)
    page.add("<soap-env:Body>")
    if envelope.body is not None:
        _write_message(envelope.body, page)
    page.add(_ENDING)
    pieces: list[bytes] = []
    for piece in page.pieces():
        pieces.append(piece)
        yield
    return b"".join(pieces)


def _write_header(envelope: Envelope, page: _Page) -> None:
    entries: tuple[tuple[str, int, object], ...] = (
        ("ID", 1, envelope.id),
        ("HoldRequests", 1, 1 if envelope.hold_requests else None),
        ("SessionTimeout", 0, envelope.session_timeout),
        ("SupportedCWMPVersions", 0, ",".join(envelope.supported_versions) or None),
        ("UseCWMPVersion", 1, envelope.use_version),
    )
    if all(value is None for _, _, value in entries):
        return
    page.add("<soap-env:Header>")
    for name, mandatory, value in entries:
        if value is not None:
            page.add(f'<cwmp:{name} soap-env:mustUnderstand="{mandatory}">%s</cwmp:{name}>', value)
    page.add("</soap-env:Header>")


def _write_message(message: Message, page: _Page) -> None:
    match message:
        case Fault():
            _write_fault(message, page)
        case SoapFault():
            page.add("<soap-env:Fault><faultcode>soap-env:%s</faultcode>", message.faultcode)
            page.add("<faultstring>%s</faultstring></soap-env:Fault>", message.faultstring)
        case GenericRequest() | GenericResponse():
            _write_generic(message, page)
        case _:
            struct = _RPCS.get(type(message))
            if struct is None:
                raise MisuseError(f"{type(message).__name__} cannot be sent")
            page.add(f"<cwmp:{message.NAME}>")
            struct.write(message, page)
            page.add(f"</cwmp:{message.NAME}>")


def _write_fault(fault: Fault, page: _Page) -> None:
    page.add("<soap-env:Fault><faultcode>%s</faultcode><faultstring>CWMP fault</faultstring>", fault.faultcode)
    page.add("<detail><cwmp:Fault><FaultCode>%d</FaultCode>", fault.code)
    page.add("<FaultString>%s</FaultString>", fault.text or fault_text(fault.code))
    for name, code, text in fault.parameters:
        page.add("<SetParameterValuesFault><ParameterName>%s</ParameterName>", name)
        page.add("<FaultCode>%d</FaultCode><FaultString>%s</FaultString>", code, text or fault_text(code))
        page.add("</SetParameterValuesFault>")
    page.add("</cwmp:Fault></detail></soap-env:Fault>")


def _write_generic(message: GenericRequest | GenericResponse, page: _Page) -> None:
    for name in (message.name, *(name for name, _ in message.arguments)):
        if not _NAME.fullmatch(name):
            raise MisuseError(f"{name!r} is not a valid element name")
    page.add(f"<cwmp:{message.name}>")
    for name, text in message.arguments:
        page.add(f"<{name}>%s</{name}>", text)
    page.add(f"</cwmp:{message.name}>")
