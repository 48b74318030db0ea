"""What bounds an XMPP stream in time and size."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppLimits:
    """Times in seconds.

    ``connect``: to resolve a name, and to connect. ``step``: for each step of the negotiation. ``stanza``: from the
    first byte of a stanza to its last. ``sign_of_life``: after a ping. ``sending``: until what the peer does not take
    is held against it. ``linger``: for the peer to agree to an end. ``steady``: after so long a stream counts as one
    that works, and the waits between attempts begin anew. ``nameserver``: for an answer of one name server.
    ``names``, ``name_characters``: different names of elements, attributes and namespaces in one stream, which the
    parser keeps, and their length together.
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
    waiting: int = 16
