"""Bytes from a peer to an envelope. They are hostile: nothing but EnvelopeError comes out, and memory stays bounded.

defusedxml's expat reader parses them and refuses DTDs and entities; its events go straight to the elements of
``elements.py``, without a tree. The bytes are fed in pieces, so that a tag, a text or a vocabulary without end is
noticed early.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from cwmpagent.errors import EnvelopeError
from cwmpagent.protocol.body import ROOT
from cwmpagent.protocol.elements import Element
from cwmpagent.protocol.envelope import CWMP_1_2, CWMP_NAMESPACE, SOAP_ENCODING, XSD, XSI, Envelope, Limits
from cwmpagent.protocol.messages import AcsRequest, BadRequest, Message, Request
from cwmpagent.values import LexicalError, ValueType, canonical

_PIECE = 2**16
_TEXT_STEP = 8192
_XSI_TYPE = f"{XSI} type"
_TYPE_NAMESPACES = frozenset({XSD, SOAP_ENCODING})
_VALUE_TYPES = MappingProxyType({name: kind for kind in ValueType for name in (kind.value, kind.xsd)})
_ENCODINGS: Mapping[str, str] = MappingProxyType(
    {
        "utf-8": "UTF-8",
        "utf8": "UTF-8",
        "us-ascii": "US-ASCII",
        "ascii": "US-ASCII",
        "iso-8859-1": "ISO-8859-1",
        "iso8859-1": "ISO-8859-1",
        "latin1": "ISO-8859-1",
        "utf-16": "UTF-16",
        "utf-16le": "UTF-16LE",
        "utf-16be": "UTF-16BE",
    }
)
_DECLARED = re.compile(rb"""<\?xml[^>]{0,80}?\sencoding\s{0,9}=\s{0,9}["']([A-Za-z0-9._-]{1,40})["']""")


def decode(data: bytes, *, charset: str | None = None, limits: Limits = Limits()) -> Envelope:  # noqa: B008 (frozen)
    """Read one envelope.

    ``charset`` is that of the HTTP header; where the bytes are no XML in it, what they themselves say is tried.
    Arguments are found by local name, unknown elements are ignored. A request with wrong arguments is a BadRequest.

    Raises:
        EnvelopeError: the bytes are no SOAP 1.1 envelope with at most one CWMP message, or go beyond ``limits``.
    """
    if len(data) > limits.size:
        raise EnvelopeError(f"the message is longer than {limits.size} octets")
    if data.count(b"<") > limits.tags:
        raise EnvelopeError(f"the message has more than {limits.tags} tags")
    data = data.lstrip(b" \t\r\n") if data[:1].isspace() else data
    problem = ""
    for encoding in _encodings(data, charset):
        try:
            return _Reader(limits, encoding).read(data)
        except expat.ExpatError as error:
            problem = problem or f"the message is not well-formed XML: {error}"
        except DefusedXmlException:
            problem = "the message has a document type declaration or entities, which are refused"
            break
        except (ValueError, LookupError):
            problem = problem or "the message is in an encoding that is not supported"
    raise EnvelopeError(problem or "the message is in an encoding that is not supported")


def _encodings(data: bytes, charset: str | None) -> Iterator[str | None]:
    """The encodings to try, in expat's names; None lets it look for itself."""
    told = _ENCODINGS.get((charset or "").strip(" \"'").lower())
    if told is not None:
        yield told
    declared = _DECLARED.match(data.removeprefix(b"\xef\xbb\xbf") if data[:1] == b"\xef" else data)
    if declared is None:
        yield None
        return
    own = _ENCODINGS.get(declared[1].decode("ascii").lower())
    if own is not None and own.startswith("UTF-16"):
        own = "UTF-8"  # a declaration that can be read as ASCII is not in UTF-16, whatever it says
    if own is not None and own != told:
        yield own


class _Reader(DefusedExpatParser):
    """One envelope being read; the walk over the elements of ``elements.py`` and ``body.py``."""

    _parser: Any
    _source: Any

    def __init__(self, limits: Limits, encoding: str | None) -> None:
        super().__init__(namespaceHandling=1, forbid_dtd=True)
        self._limits = limits
        self._names: dict[str, str] = {}
        self._interning = self._names
        self._source.setEncoding(encoding)
        self._stack: list[tuple[Element, Any]] = []
        self._element: Element = ROOT
        self._prefixes: dict[str | None, list[str]] = {}
        self._types: dict[str, ValueType | None] = {}
        self._declared: str | None = None
        self.content: Any = None
        self.texts: list[str] = []
        self.problem: str | None = None
        self.message: Message | None = None
        self.namespace: str | None = None
        self.headers: dict[str, str] = {}
        self.not_understood: list[str] = []

    def reset(self) -> None:
        super().reset()
        parser = self._parser
        parser.namespace_prefixes = False
        parser.ordered_attributes = True
        parser.buffer_text = True
        parser.buffer_size = _TEXT_STEP
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self.texts.append
        parser.StartNamespaceDeclHandler = self._start_namespace
        parser.EndNamespaceDeclHandler = self._end_namespace
        parser.ProcessingInstructionHandler = None

    def read(self, data: bytes) -> Envelope:
        self.reset()
        parser = self._parser
        try:
            view = memoryview(data)
            for start in range(0, len(data), _PIECE):
                parser.Parse(view[start : start + _PIECE], False)
                self._check_growth(min(start + _PIECE, len(data)) - parser.CurrentByteIndex)
            parser.Parse(b"", True)
        finally:
            self._parser = None
        return self._envelope()

    def _check_growth(self, waiting: int) -> None:
        limits = self._limits
        if waiting > limits.token:
            raise EnvelopeError(f"a tag is longer than {limits.token} octets")
        if len(self._names) > limits.names:
            raise EnvelopeError(f"there are more than {limits.names} different names")
        if len(self.texts) > limits.text // _TEXT_STEP:
            raise EnvelopeError(f"a text is longer than {limits.text} characters")

    def _start(self, name: str, attributes: list[str]) -> None:
        element = self._element
        child = element.children.get(name)
        if child is None:
            child = element.child(self, name, attributes)
        stack = self._stack
        stack.append((element, self.content))
        if len(stack) > self._limits.depth:
            raise EnvelopeError(f"elements are nested deeper than {self._limits.depth}")
        self._element = child
        self.content = child.open(self, attributes)
        self.texts.clear()

    def _end(self, name: str) -> None:
        element, content = self._element, self.content
        self._element, self.content = self._stack.pop()
        element.close(self, content)
        self.texts.clear()

    def _start_namespace(self, prefix: str | None, uri: str | None) -> None:
        self._prefixes.setdefault(prefix, []).append(uri or "")
        self._types.clear()
        if self._declared is None and uri is not None and CWMP_NAMESPACE.fullmatch(uri):
            self._declared = uri

    def _end_namespace(self, prefix: str | None) -> None:
        self._prefixes[prefix].pop()
        self._types.clear()

    def type_of(self, attributes: list[str]) -> tuple[str, str]:
        for name, value in zip(attributes[::2], attributes[1::2], strict=True):
            if name == _XSI_TYPE:
                prefix, _, local = value.strip().rpartition(":")
                uris = self._prefixes.get(prefix or None)
                return (uris[-1] if uris else ""), local
        return "", ""

    def value_type(self, attributes: list[str]) -> ValueType | None:
        if len(attributes) == 2 and attributes[0] == _XSI_TYPE and attributes[1] in self._types:
            return self._types[attributes[1]]
        uri, local = self.type_of(attributes)
        kind = _VALUE_TYPES.get(local) if uri in _TYPE_NAMESPACES else None
        if len(attributes) == 2 and kind is not None:
            self._types[attributes[1]] = kind
        return kind

    def _envelope(self) -> Envelope:
        message = self.message
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
