"""Elements of a stream: made, and looked into (Twisted's domish, with types)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.words.xish import domish
from twisted.words.xish.domish import Element

NS_CLIENT = "jabber:client"
NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
_domish: Any = domish


def make(uri: str, name: str, text: str = "", **attributes: str) -> Element:
    """A new element."""
    element: Element = _domish.Element((uri, name))
    for key, value in attributes.items():
        element[key] = value
    if text:
        add(element, text)
    return element


def add(element: Any, child: Element | str) -> None:
    """Put an element or text at the end of another one."""
    if isinstance(child, str):
        element.addContent(child)
    else:
        element.addChild(child)


def stanza_iq(kind: str, id: str | None, to: str | None, *content: Element) -> Element:
    """An iq of the type ``kind``."""
    iq = make(NS_CLIENT, "iq", type=kind)
    for name, value in (("id", id), ("to", to)):
        if value is not None:
            iq[name] = value
    for each in content:
        add(iq, each)
    return iq


def children(element: Any) -> Iterator[Element]:
    """The elements in ``element``."""
    return iter(element.elements())


def child(element: Element | None, uri: str, name: str) -> Element | None:
    """The first element with this name in ``element``."""
    if element is None:
        return None
    return next((each for each in children(element) if (each.uri, each.name) == (uri, name)), None)


def attribute(element: Any, name: str) -> str | None:
    """An attribute without a namespace."""
    value: str | None = element.getAttribute(name)
    return value


def escaped(text: str) -> str:
    """``text`` as it stands in an attribute with double quotes."""
    value: str = _domish.escapeToXml(text, 1)
    return value
