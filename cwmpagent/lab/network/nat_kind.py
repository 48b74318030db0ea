"""What the kinds of NAT do (RFC 3489 section 5): who shares a mapping, and whose datagrams a mapping lets in."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from cwmpagent.protocol.stun.message import Address


class NatKind(StrEnum):
    """From the most to the least permissive."""

    FULL_CONE = "full-cone"
    ADDRESS_RESTRICTED = "address-restricted"
    PORT_RESTRICTED = "port-restricted"
    SYMMETRIC = "symmetric"


def mapping_of(kind: NatKind, inside: Address, to: Address) -> tuple[Address, Address | None]:
    """Datagrams from ``inside`` to ``to`` leave by the mapping of this key: one a destination where it is symmetric."""
    return (inside, to if kind is NatKind.SYMMETRIC else None)


def lets_in(kind: NatKind, sent_to: Collection[Address], source: Address) -> bool:
    """Whether a datagram from ``source`` comes in by a mapping by which something was ``sent_to`` these addresses."""
    match kind:
        case NatKind.FULL_CONE:
            return True
        case NatKind.ADDRESS_RESTRICTED:
            return any(source.host == each.host for each in sent_to)
    return source in sent_to
