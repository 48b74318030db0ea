"""Bounds of an XMPP stream in time and size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppLimits:
    """Bounds of one stream; times in seconds.

    ``connect``: to resolve a name, and to connect. ``step``: for each step of the negotiation. ``stanza``: from the
    first byte of a stanza to its last. ``sign_of_life``: for data after a ping. ``sending``: for a peer that accepts no
    data. ``linger``: for the peer to close its side. ``steady``: after this time a stream counts as working, and the
    waits between attempts restart from the first. ``nameserver``: for the response of one name server.
    ``stanza_bytes``, ``depth``, ``elements``: of one stanza. ``names``, ``name_characters``: number and total length of
    the different names of elements, attributes and namespaces in one stream, which the parser keeps. ``tag_bytes``: of
    one tag. ``uri_characters``: of the URI of a namespace. ``expanded_characters``: of the names in one stanza, each
    with the URI of its namespace. ``waiting``: elements that wait for the negotiation.
    """

    connect: float = 15.0
    step: float = 30.0
    stanza: float = 30.0
    sign_of_life: float = 30.0
    sending: float = 30.0
    linger: float = 2.0
    steady: float = 60.0
    nameserver: float = 3.0
    stanza_bytes: int = 65536
    depth: int = 32
    elements: int = 1000
    names: int = 4096
    name_characters: int = 262144
    tag_bytes: int = 8192
    uri_characters: int = 512
    expanded_characters: int = 262144
    waiting: int = 16
