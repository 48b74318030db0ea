"""Stream parser with bounds. XML that RFC 6120 section 11.1 forbids in a stream ends it."""

from __future__ import annotations

from itertools import islice
from pyexpat import ParserCreate
from typing import Any

from twisted.words.xish.domish import ExpatElementStream, ParserError

from cwmpagent.transport.xmpp.limits import XmppLimits

_PIECE = 4096
_SEPARATOR = "\x01"
"""Separates namespace and local name in the names that the parser reports. A blank, as Twisted has it, may be in a URI,
which the parser then refuses; this character is in no XML document."""


class BoundedElements(ExpatElementStream):
    """Twisted's stream parser with bounds. Raises ParserError, with a readable reason, where a bound is exceeded.

    ``progress`` is incremented for each complete item: the stream header, a stanza, white space between stanzas. After
    :meth:`retire`, anything but white space is an error: it was sent outside of the TLS or SASL layer that follows.
    """

    def __init__(self, limits: XmppLimits) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # untyped in Twisted
        self.progress = 0
        self._limits = limits
        self._depth = self._count = self._fed = self._mark = self._expanded = 0
        self._retired = False
        self._names: dict[str, Any] = {}
        self._names_known = self._names_size = 0
        self.parser: Any = ParserCreate("UTF-8", _SEPARATOR, self._names)
        if hasattr(self.parser, "SetReparseDeferralEnabled"):
            self.parser.SetReparseDeferralEnabled(False)  # else a stanza in two pieces waits for a third
        self.parser.StartElementHandler = self._started
        self.parser.EndElementHandler = self._ended
        self.parser.CharacterDataHandler = self._text
        self.parser.StartNamespaceDeclHandler = self._namespace_declared
        self.parser.EndNamespaceDeclHandler = self._onEndNamespace
        self.parser.StartDoctypeDeclHandler = self._forbidden("a document type declaration")
        self.parser.EntityDeclHandler = self._forbidden("an entity")
        self.parser.ProcessingInstructionHandler = self._forbidden("a processing instruction")
        self.parser.CommentHandler = self._forbidden("a comment")

    def retire(self) -> None:
        """Accept only white space from now on, because TLS or a new stream begins."""
        self._retired = True

    def parse(self, buffer: bytes) -> None:
        """Parse received bytes. Raises ParserError."""
        for start in range(0, len(buffer), _PIECE):  # a tag is expanded as a whole, so its size must be known before
            self._parse_piece(buffer[start : start + _PIECE])

    def _parse_piece(self, piece: bytes) -> None:
        self._fed += len(piece)
        try:
            self.parser.Parse(piece)
        except ParserError:
            raise
        except self.error:
            raise ParserError("sends data that is not XML") from None
        if self._retired:
            return
        self._check_names()
        self._check_size(self._fed)
        if self._fed - self.parser.CurrentByteIndex > self._limits.tag_bytes:
            raise ParserError("sends a tag that is too large")

    @property
    def unfinished(self) -> bool:
        """Whether a stanza is incomplete."""
        return self._depth > 1

    def _check_names(self) -> None:
        """Bound the names, which the parser keeps until the stream ends."""
        new = islice(self._names, self._names_known, None)  # in order of arrival; a missing prefix is None
        self._names_size += sum(len(name or "") for name in new)
        self._names_known = len(self._names)
        if self._names_known > self._limits.names or self._names_size > self._limits.name_characters:
            raise ParserError("uses too many different names, or too long ones")

    def _check_size(self, end: int) -> None:
        if end - self._mark > self._limits.stanza_bytes:
            raise ParserError("sends a stanza that is too large")

    def _started(self, name: str, attributes: dict[Any, str]) -> None:
        self._check_open()
        if self._depth == 1:
            self._mark = self.parser.CurrentByteIndex
            self._count = self._expanded = 0
        self._depth += 1
        self._count += 1
        if self._depth > self._limits.depth or self._count > self._limits.elements:
            raise ParserError("sends a stanza with too many elements, or too deep ones")
        self._expanded += len(name) + sum(map(len, attributes))
        if self._expanded > self._limits.expanded_characters:
            raise ParserError("sends a stanza whose names with their namespaces are too long")
        attributes = {_in_twisted(key): value for key, value in attributes.items()}
        self._onStartElement(_in_twisted(name), attributes)  # type: ignore[no-untyped-call]  # untyped in Twisted
        if self._depth == 1:
            self.progress += 1

    def _ended(self, name: str) -> None:
        self._check_open()
        self._depth -= 1
        if self._depth == 1:
            self._check_size(self.parser.CurrentByteIndex)
            self._item_complete()
        self._onEndElement(name)  # type: ignore[no-untyped-call]  # untyped in Twisted

    def _namespace_declared(self, prefix: str | None, uri: str | None) -> None:
        if len(uri or "") > self._limits.uri_characters:
            raise ParserError("declares a namespace with a URI that is too long")
        self._onStartNamespace(prefix, uri)  # type: ignore[no-untyped-call]  # untyped in Twisted

    def _text(self, data: str) -> None:
        if self._depth <= 1:
            if data.strip(" \t\r\n"):
                raise ParserError("sends text outside of stanzas")
            self._item_complete()
        else:
            self._check_open()
            self._onCdata(data)  # type: ignore[no-untyped-call]  # untyped in Twisted

    def _item_complete(self) -> None:
        """Count a complete item, and measure the next stanza from the current token."""
        self._mark = self.parser.CurrentByteIndex
        self.progress += 1

    def _check_open(self) -> None:
        if self._retired:
            raise ParserError("continues the old stream where TLS or a new stream must begin")

    def _forbidden(self, what: str) -> Any:
        def refuse(*_: object) -> None:
            raise ParserError(f"sends {what}, which RFC 6120 forbids")

        return refuse


def _in_twisted(name: str) -> str:
    """A full name as Twisted expects it: it takes what follows the last blank as the local name."""
    return name.replace(_SEPARATOR, " ")
