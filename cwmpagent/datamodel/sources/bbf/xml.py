"""The Broadband Forum's model files as XML: bytes in, one finished element after another out.

defusedxml's expat parser reads and refuses what no model needs (DTDs, entities). What people read (descriptions,
the bibliography, templates) is passed over; of the rest an element is handed on with what is in it as soon as it is
closed, and then forgotten, so that no tree of the whole file is ever there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.expatreader import DefusedExpatParser

from cwmpagent.errors import ModelError

_PIECE = 2**16
_DEEPEST = 16
_PASSED_OVER = frozenset({"description", "bibliography", "template", "glossary", "abbreviations"})
_OPENED = frozenset({"document", "model"})


class XmlElement:
    """An element, its attributes and what is in it; ``line`` is where it begins."""

    __slots__ = ("attributes", "children", "line", "tag")

    def __init__(self, tag: str, attributes: dict[str, str], line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.children: list[XmlElement] = []

    def get(self, name: str, default: str = "") -> str:
        """An attribute."""
        return self.attributes.get(name, default)

    def name(self, attribute: str = "name") -> str:
        """An attribute that holds a name, to which white space around it does not belong."""
        return self.get(attribute).strip()

    def flag(self, name: str) -> bool:
        """An attribute of the type ``xs:boolean``."""
        return self.get(name) in ("true", "1")

    def all(self, *tags: str) -> Iterator[XmlElement]:
        """The elements of these names in it."""
        return (child for child in self.children if child.tag in tags)

    def current(self) -> Iterator[XmlElement]:
        """What is in it and has not been deleted from the standard since."""
        return (child for child in self.children if child.get("status") != "deleted")

    def first(self, tag: str) -> XmlElement | None:
        """The first element of that name in it that has not been deleted since."""
        return next((child for child in self.current() if child.tag == tag), None)


def read_elements(
    data: bytes, name: str, opened: Callable[[XmlElement], None], closed: Callable[[XmlElement], None]
) -> None:
    """Read the file ``name``: ``opened`` gets ``document`` and ``model`` at their beginning, ``closed`` whatever
    else stands directly in these, complete. Raises ``ModelError`` with the file and the line."""
    reader = _Reader(name, opened, closed)
    try:
        reader.read(data)
    except expat.ExpatError as error:
        raise ModelError(name, f"is not well-formed XML: {error}") from None
    except DefusedXmlException:
        raise ModelError(name, "has a document type declaration or entities, which no model needs") from None
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
        parser.StartElementHandler, parser.EndElementHandler = self._walk()
        parser.CharacterDataHandler = None
        parser.ProcessingInstructionHandler = None

    def read(self, data: bytes) -> None:
        """Read the whole file."""
        self.reset()
        for at in range(0, len(data), _PIECE):
            self._parser.Parse(data[at : at + _PIECE], False)
        self._parser.Parse(b"", True)

    def _walk(self) -> tuple[Callable[[str, dict[str, str]], None], Callable[[str], None]]:
        """The functions that expat calls for every tag."""
        parser = self._parser
        outside: list[str] = []
        inside: list[XmlElement] = []
        passing = 0

        def start(tag: str, attributes: dict[str, str]) -> None:
            nonlocal passing
            if passing or tag in _PASSED_OVER:
                passing += 1
                return
            tag = tag.rpartition(":")[2]
            if len(inside) > _DEEPEST:
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
            nonlocal passing
            if passing:
                passing -= 1
            elif inside:
                element = inside.pop()
                if not inside:
                    self._closed(element)
            else:
                outside.pop()

        return start, end
