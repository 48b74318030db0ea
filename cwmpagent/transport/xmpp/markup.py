"""Typed functions to create and read the elements of a stream (Twisted's domish)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twisted.words.xish import domish
from twisted.words.xish.domish import Element

NS_CLIENT = "jabber:client"
NS_STANZAS = "urn:ietf:params:xml:ns:xmpp-stanzas"
_domish: Any = domish


def make(uri: str, name: str, text: str = "", **attributes: str) -> Element:
    """Create an element."""
    element: Element = _domish.Element((uri, name))
    for key, value in attributes.items():
        element[key] = value
    if text:
        add(element, text)
    return element


def add(element: Any, child: Element | str) -> None:
    """Append an element or text to ``element``."""
    if isinstance(child, str):
        element.addContent(child)
    else:
        element.addChild(child)


def stanza_iq(kind: str, id: str | None, to: str | None, *content: Element) -> Element:
    """Create an iq of type ``kind``."""
    iq = make(NS_CLIENT, "iq", type=kind)
    for name, value in (("id", id), ("to", to)):
        if value is not None:
            iq[name] = value
    for item in content:
        add(iq, item)
    return iq


def children(element: Any) -> Iterator[Element]:
    """The child elements of ``element``."""
    return iter(element.elements())


def child(element: Element | None, uri: str, name: str) -> Element | None:
    """The first child element with this name, None without one."""
    if element is None:
        return None
    return next((item for item in children(element) if (item.uri, item.name) == (uri, name)), None)


def namespaces(element: Any) -> Iterator[str]:
    """The namespaces of ``element``, of its attributes and of all elements in it, and those that they declare."""
    yield element.uri or ""
    yield from element.localPrefixes.values()
    yield from (name[0] for name in element.attributes if isinstance(name, tuple))
    for item in children(element):
        yield from namespaces(item)


def attribute(element: Any, name: str) -> str | None:
    """The value of an attribute without namespace, None without one."""
    value: str | None = element.getAttribute(name)
    return value


def escaped(text: str) -> str:
    """``text`` escaped for an attribute in double quotes."""
    value: str = _domish.escapeToXml(text, 1)
    return value
