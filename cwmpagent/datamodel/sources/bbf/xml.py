"""XML reader for the model files of the Broadband Forum, which passes on complete elements one by one.

The expat parser of defusedxml refuses DTDs and entities, which a model does not need. Descriptions, bibliography,
templates, glossary and abbreviations are skipped. Every other element is passed on with its content when it is closed
and is not kept, so that the tree of the whole file is never in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from cwmpagent.errors import ModelError

_CHUNK = 2**16
_MAX_DEPTH = 16
_SKIPPED = frozenset({"description", "bibliography", "template", "glossary", "abbreviations"})
_OPENED = frozenset({"document", "model"})


class XmlElement:
    """Element with its attributes and children; ``line``: the line of its start tag."""

    __slots__ = ("attributes", "children", "line", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.children: list[XmlElement] = []

    def get(self, name: str, default: str = "") -> str:
        """Value of an attribute."""
        return self.attributes.get(name, default)

    def name(self, attribute: str = "name") -> str:
        """Value of an attribute that contains a name, without surrounding white space."""
        return self.get(attribute).strip()

    def flag(self, name: str) -> bool:
        """Value of an attribute of the type ``xs:boolean``; false if it is absent."""
        return self.get(name) in ("true", "1")

    def all(self, *tags: str) -> Iterator[XmlElement]:
        """Child elements with one of the ``tags``."""
        return (child for child in self.children if child.tag in tags)

    def current(self) -> Iterator[XmlElement]:
        """Child elements that are not marked as deleted from the standard."""
        return (child for child in self.children if child.get("status") != "deleted")

    def first(self, tag: str) -> XmlElement | None:
        """First child element with this ``tag`` that is not marked as deleted, or ``None``."""
        return next((child for child in self.current() if child.tag == tag), None)


def read_elements(
    data: bytes, name: str, opened: Callable[[XmlElement], None], closed: Callable[[XmlElement], None]
) -> None:
    """Read the content of the file ``name``.

    ``opened`` is called with ``document`` and ``model`` at their start tag, ``closed`` with each of their other child
    elements when it is complete. Raises ``ModelError`` with the file and the line.
    """
    reader = _Reader(name, opened, closed)
    try:
        reader.read(data)
    except expat.ExpatError as error:
        raise ModelError(name, f"is not well-formed XML: {error}") from None
    except DefusedXmlException:
        raise ModelError(
            name, "contains a document type declaration or entities, which are not permitted in a model"
        ) from None
    except (ValueError, LookupError) as error:
        raise ModelError(name, f"cannot be read: {error}") from None


class _Reader(DefusedExpatParser):
    _parser: Any

    def __init__(self, name: str, opened: Callable[[XmlElement], None], closed: Callable[[XmlElement], None]) -> None:
        super().__init__(forbid_dtd=True)
        self._name = name
        self._opened = opened
        self._closed = closed

    def reset(self) -> None:
        super().reset()
        parser = self._parser
        parser.StartElementHandler, parser.EndElementHandler = self._handlers()
        parser.CharacterDataHandler = None
        parser.ProcessingInstructionHandler = None

    def read(self, data: bytes) -> None:
        """Parse the whole file."""
        self.reset()
        for offset in range(0, len(data), _CHUNK):
            self._parser.Parse(data[offset : offset + _CHUNK], False)
        self._parser.Parse(b"", True)

    def _handlers(self) -> tuple[Callable[[str, dict[str, str]], None], Callable[[str], None]]:
        """Start and end handlers for expat."""
        parser = self._parser
        outside: list[str] = []
        inside: list[XmlElement] = []
        skipped = 0

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal skipped
            if skipped or tag in _SKIPPED:
                skipped += 1
                return
            tag = tag.rpartition(":")[2]
            if len(inside) > _MAX_DEPTH:
                raise ModelError(f"{self._name} (line {parser.CurrentLineNumber})", "is nested too deeply")
            element = XmlElement(tag, attributes, parser.CurrentLineNumber)
            if inside:
                inside[-1].children.append(element)
            elif tag in _OPENED or not outside:
                outside.append(tag)
                self._opened(element)
                return
            inside.append(element)

        def end(tag: str) -> None:
            nonlocal skipped
            if skipped:
                skipped -= 1
            elif inside:
                element = inside.pop()
                if not inside:
                    self._closed(element)
            else:
                outside.pop()

        return start, end
