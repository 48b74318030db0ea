"""Bytes to elements, within bounds: what RFC 6120 section 11.1 forbids in a stream ends it."""

from __future__ import annotations

from itertools import islice
from pyexpat import ParserCreate
from typing import Any

from twisted.words.xish.domish import ExpatElementStream, ParserError

from cwmpagent.transport.xmpp.limits import XmppLimits


class BoundedElements(ExpatElementStream):
    """Twisted's reader of a stream; ParserError, with a sentence for people, where a bound is passed.

    ``progress`` rises with everything that is complete: the header, a stanza, white space between two. Once it is
    retired, anything but white space is an error: it was sent before the layer of TLS or SASL that all of it should
    have come in.
    """

    def __init__(self, limits: XmppLimits) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types there
        self.progress = 0
        self._limits = limits
        self._depth = self._count = self._fed = self._mark = 0
        self._retired = False
        self._names: dict[str, Any] = {}
        self._names_known = self._names_size = 0
        self.parser: Any = ParserCreate("UTF-8", " ", self._names)
        if hasattr(self.parser, "SetReparseDeferralEnabled"):
            self.parser.SetReparseDeferralEnabled(False)  # a stanza in two pieces would wait for a third
        self.parser.StartElementHandler = self._started
        self.parser.EndElementHandler = self._ended
        self.parser.CharacterDataHandler = self._text
        self.parser.StartNamespaceDeclHandler = self._onStartNamespace
        self.parser.EndNamespaceDeclHandler = self._onEndNamespace
        self.parser.StartDoctypeDeclHandler = self._forbidden("a document type declaration")
        self.parser.EntityDeclHandler = self._forbidden("an entity")
        self.parser.ProcessingInstructionHandler = self._forbidden("a processing instruction")
        self.parser.CommentHandler = self._forbidden("a comment")

    def retire(self) -> None:
        """Another layer begins: nothing may follow in this one."""
        self._retired = True

    def parse(self, buffer: bytes) -> None:
        """Raises ParserError."""
        self._fed += len(buffer)
        try:
            self.parser.Parse(buffer)
        except ParserError:
            raise
        except self.error:
            raise ParserError("it sends what is not XML") from None
        if self._retired:
            return
        self._check_names()
        self._check_size(self._fed)

    @property
    def unfinished(self) -> bool:
        """Whether a stanza has begun and not ended."""
        return self._depth > 1

    def _check_names(self) -> None:
        """The parser keeps every name until the stream ends, however long it is."""
        new = islice(self._names, self._names_known, None)  # in the order of their coming; no prefix is None
        self._names_size += sum(len(name or "") for name in new)
        self._names_known = len(self._names)
        if self._names_known > self._limits.names or self._names_size > self._limits.name_characters:
            raise ParserError("it uses too many different names, or too long ones")

    def _check_size(self, end: int) -> None:
        if end - self._mark > self._limits.stanza_bytes:
            raise ParserError("it sends a stanza that is too large")

    def _started(self, name: str, attributes: dict[Any, str]) -> None:
        self._check_open()
        if self._depth == 1:
            self._mark = self.parser.CurrentByteIndex
            self._count = 0
        self._depth += 1
        self._count += 1
        if self._depth > self._limits.depth or self._count > self._limits.elements:
            raise ParserError("it sends a stanza with too many elements, or too deep ones")
        self._onStartElement(name, attributes)  # type: ignore[no-untyped-call]  # Twisted has no types there
        if self._depth == 1:
            self.progress += 1

    def _ended(self, name: str) -> None:
        self._check_open()
        self._depth -= 1
        if self._depth == 1:
            self._check_size(self.parser.CurrentByteIndex)
            self._here()
        self._onEndElement(name)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def _text(self, data: str) -> None:
        if self._depth <= 1:
            if data.strip(" \t\r\n"):
                raise ParserError("it sends text outside of stanzas")
            self._here()
        else:
            self._check_open()
            self._onCdata(data)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def _here(self) -> None:
        """Up to the token that is being read, everything is done with."""
        self._mark = self.parser.CurrentByteIndex
        self.progress += 1

    def _check_open(self) -> None:
        if self._retired:
            raise ParserError("it goes on where TLS or a new stream had to begin")

    def _forbidden(self, what: str) -> Any:
        def refuse(*_: object) -> None:
            raise ParserError(f"it sends {what}, which no stream may have")

        return refuse
