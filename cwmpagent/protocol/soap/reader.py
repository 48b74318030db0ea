"""Decoding of envelopes. The bytes may be hostile: only EnvelopeError is raised, and memory use is bounded.

The expat parser has the guards of defusedxml, which refuse DTDs and entities. Its events go directly to the handlers of
``outer_elements.py`` and ``struct_elements.py``, without a tree. The bytes are parsed in pieces, so that an oversized
tag, text or number of names is detected early.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from cwmpagent.errors import EnvelopeError
from cwmpagent.gradual import Gradual, at_once
from cwmpagent.protocol.rpc import AcsRequest, BadRequest, Message, Request
from cwmpagent.protocol.soap.document import encodings, trimmed
from cwmpagent.protocol.soap.elements import Element, Leaf, SpoiltText, note
from cwmpagent.protocol.soap.envelope import (
    CWMP_1_2,
    CWMP_NAMESPACE,
    SEPARATOR,
    SOAP_ENCODING,
    XSD,
    XSI,
    Envelope,
    EnvelopeLimits,
    qualified,
)
from cwmpagent.protocol.soap.outer_elements import ROOT
from cwmpagent.values import LexicalError, ValueType, canonical

_PIECE = 2**13
_XSI_TYPE = qualified(XSI, "type")
_TYPE_NAMESPACES = frozenset({XSD, SOAP_ENCODING})
_VALUE_TYPES = MappingProxyType({name: kind for kind in ValueType for name in (kind.value, kind.xsd)})


def decode(
    data: bytes,
    *,
    charset: str | None = None,
    limits: EnvelopeLimits = EnvelopeLimits(),  # noqa: B008 (frozen)
    lenient: bool = False,
) -> Envelope:
    """Decode one envelope.

    ``charset`` is that of the HTTP header; where the bytes are not valid in it, the encoding of the XML declaration is
    tried. White space and byte order marks before the document are skipped, and white space and NULs after it.
    Arguments are identified by local name, unknown elements are ignored. A request with invalid arguments is a
    BadRequest. ``lenient``: a ParameterKey or CommandKey that an ACS request leaves out is read as empty.

    Raises:
        EnvelopeError: the bytes are not a SOAP 1.1 envelope with at most one CWMP message, or exceed ``limits``.
    """
    return at_once(decode_gradually(data, charset=charset, limits=limits, lenient=lenient))


def decode_gradually(data: bytes, *, charset: str | None, limits: EnvelopeLimits, lenient: bool) -> Gradual[Envelope]:
    """The same as :func:`decode`, in small pieces."""
    if len(data) > limits.size:
        raise EnvelopeError(f"the message is longer than {limits.size} octets")
    tags = data.count(b"<")
    yield
    if tags > limits.tags:
        raise EnvelopeError(f"the message has more than {limits.tags} tags")
    most_names = max(1, tags + data.count(b"="))
    yield
    data = trimmed(data)
    yield
    problem = ""
    for encoding in encodings(data, charset):
        try:
            reader = _Reader(limits, encoding, most_names, lenient=lenient)
            return (yield from reader.read(data))
        except expat.ExpatError as error:
            problem = problem or f"the message is not well-formed XML: {error}"
        except DefusedXmlException:
            problem = "the message has a document type declaration or entities, which are refused"
            break
        except (ValueError, LookupError):
            problem = problem or "the message is in an encoding that is not supported"
    raise EnvelopeError(problem or "the message is in an encoding that is not supported")


class _Reader(DefusedExpatParser):
    """The decoder of one envelope, with the state of :class:`Reading`."""

    def __init__(self, limits: EnvelopeLimits, encoding: str | None, most_names: int, *, lenient: bool) -> None:
        """``most_names``: an upper bound for the number of names in the document, that of its ``<`` and ``=``."""
        super().__init__()
        self.lenient = lenient
        self.absent: list[str] = []
        self._limits = limits
        self._encoding = encoding
        self._names: dict[str, str] = {}
        self._most_uri = min(limits.uri, limits.expanded // most_names)
        self._inside_text = ""
        self._prefixes: dict[str | None, list[str]] = {}
        self.value_types: dict[tuple[str, ...], ValueType] = {}
        self._declared: str | None = None
        self.texts: list[str] = []
        self.problem: str | None = None
        self.message: Message | None = None
        self.namespace: str | None = None
        self.headers: dict[str, str] = {}
        self.not_understood: list[str] = []

    def _new_parser(self) -> Any:
        """A parser with the guards of the base class; its own one refuses URIs with a blank, which is its separator."""
        parser: Any = expat.ParserCreate(self._encoding, SEPARATOR, self._names)
        if hasattr(parser, "SetReparseDeferralEnabled"):
            parser.SetReparseDeferralEnabled(False)  # else a complete tag may wait, and count as too long
        parser.StartDoctypeDeclHandler = self.defused_start_doctype_decl
        parser.EntityDeclHandler = self.defused_entity_decl
        parser.UnparsedEntityDeclHandler = self.defused_unparsed_entity_decl
        parser.ExternalEntityRefHandler = self.defused_external_entity_ref_handler
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._walk()
        parser.CharacterDataHandler = self.texts.append
        parser.StartNamespaceDeclHandler = self._start_namespace
        parser.EndNamespaceDeclHandler = self._end_namespace
        return parser

    def _walk(self) -> tuple[Callable[[str, list[str]], None], Callable[[str], None]]:
        """The two functions that expat calls for every start and end tag.

        Their state is in local variables for speed. A leaf has no children and is not on the stack.
        """
        texts = self.texts
        depth = self._limits.depth
        stack: list[tuple[Element, Any]] = []
        element: Element = ROOT
        children = element.children
        content: Any = None
        leaf: Leaf | None = None
        leaf_attributes: list[str] = []

        def start(name: str, attributes: list[str]) -> None:
            nonlocal element, children, content, leaf, leaf_attributes
            if leaf is not None:
                self._inside_text = f"there is an element inside the text of {leaf.name}"
                note(self, self._inside_text)
                stack.append((element, content))
                element, content, leaf = SpoiltText(leaf, leaf_attributes), None, None
                children = element.children
            child = children.get(name)
            if child is None:
                child = element.child(self, content, name, attributes)
            if texts:
                texts.clear()
            leaf = child.leaf
            if leaf is not None:
                leaf_attributes = attributes
                return
            if len(stack) >= depth:
                raise EnvelopeError(f"elements are nested deeper than {depth}")
            stack.append((element, content))
            element, children, content = child, child.children, child.open()

        def end(name: str) -> None:
            nonlocal element, children, content, leaf
            if leaf is not None:
                text = texts[0] if len(texts) == 1 else "".join(texts)
                slot = leaf.slot
                if len(text) <= leaf.plain_most and content[slot] is None:
                    content[slot] = text
                else:
                    leaf.take(self, text, leaf_attributes, content)
                leaf = None
                return
            ended, closed = element, content
            element, content = stack.pop()
            children = element.children
            ended.close(self, closed, content)

        return start, end

    def read(self, data: bytes) -> Gradual[Envelope]:
        """Decode ``data`` in pieces of :data:`_PIECE` octets; a reader can be used only once."""
        parser = self._new_parser()
        view, size = memoryview(data), len(data)
        for start in range(0, size or 1, _PIECE):
            end = min(start + _PIECE, size)
            parser.Parse(view[start:end], end == size)
            self._check_growth(data, parser.CurrentByteIndex, end)
            yield
        return self._envelope()

    def _check_growth(self, data: bytes, parsed: int, end: int) -> None:
        """Check the limits; the octets from ``parsed`` to ``end`` are a part of a tag or comment."""
        limits = self._limits
        if end - parsed > limits.tag:
            markup = data[parsed : parsed + 4].replace(b"\0", b"")
            most = limits.token if markup[:2] in (b"<!", b"<?") else limits.tag
            if end - parsed > most:
                raise EnvelopeError(f"a tag or comment is longer than {most} octets")
        if len(self._names) > limits.names:
            raise EnvelopeError(f"there are more than {limits.names} different names")
        if sum(map(len, self.texts)) > limits.text:
            raise EnvelopeError(f"a text is longer than {limits.text} characters")

    def _start_namespace(self, prefix: str | None, uri: str | None) -> None:
        uri = uri or ""
        if len(uri) > self._most_uri:
            raise self._too_long(uri)
        self._prefixes.setdefault(prefix, []).append(uri)
        self.value_types.clear()
        if self._declared is None and CWMP_NAMESPACE.fullmatch(uri):
            self._declared = uri

    def _too_long(self, uri: str) -> EnvelopeError:
        limits = self._limits
        if len(uri) > limits.uri:
            return EnvelopeError(f"the URI of a namespace is longer than {limits.uri} characters")
        return EnvelopeError(f"the names with their namespaces are longer than {limits.expanded} characters")

    def _end_namespace(self, prefix: str | None) -> None:
        self._prefixes[prefix].pop()
        self.value_types.clear()

    def type_of(self, attributes: list[str]) -> tuple[str, str]:
        for name, value in zip(attributes[::2], attributes[1::2], strict=True):
            if name == _XSI_TYPE:
                prefix, _, local = value.strip().rpartition(":")
                uris = self._prefixes.get(prefix or None)
                return (uris[-1] if uris else ""), local
        return "", ""

    def value_type(self, attributes: list[str]) -> ValueType | None:
        uri, local = self.type_of(attributes)
        kind = _VALUE_TYPES.get(local) if uri in _TYPE_NAMESPACES else None
        if kind is not None and len(attributes) == 2:
            self.value_types[tuple(attributes)] = kind
        return kind

    def _envelope(self) -> Envelope:
        message = self.message
        if self._inside_text and not isinstance(message, Request):
            raise EnvelopeError(self._inside_text)
        if self.problem is not None and isinstance(message, Request):
            message = BadRequest(message.NAME, 9003 if isinstance(message, AcsRequest) else 8003, self.problem)
        headers = self.headers
        versions = headers.get("SupportedCWMPVersions", "").split(",")
        return Envelope(
            body=message,
            id=headers.get("ID"),
            hold_requests=_hold(headers.get("HoldRequests", "")),
            session_timeout=_seconds(headers.get("SessionTimeout", "")),
            supported_versions=tuple(version.strip() for version in versions if version.strip()),
            use_version=headers["UseCWMPVersion"].strip() if "UseCWMPVersion" in headers else None,
            namespace=self.namespace or self._declared or CWMP_1_2,
            not_understood=tuple(self.not_understood),
            absent=tuple(self.absent),
        )


def _hold(text: str) -> bool:
    try:
        return bool(text.strip()) and canonical(ValueType.BOOLEAN, text) == "true"
    except LexicalError as error:
        raise EnvelopeError(f"HoldRequests: {error}") from None


def _seconds(text: str) -> int | None:
    try:
        return int(canonical(ValueType.UNSIGNED_INT, text))
    except LexicalError:
        return None
