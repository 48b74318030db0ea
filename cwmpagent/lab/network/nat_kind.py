"""The kinds of NAT (RFC 3489 section 5): the key of a mapping, and the filter for inbound datagrams."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from cwmpagent.protocol.stun.message import Address


class NatKind(StrEnum):
    """The four kinds, from the most to the least permissive."""

    FULL_CONE = "full-cone"
    ADDRESS_RESTRICTED = "address-restricted"
    PORT_RESTRICTED = "port-restricted"
    SYMMETRIC = "symmetric"


def mapping_of(kind: NatKind, inside: Address, to: Address) -> tuple[Address, Address | None]:
    """The key of the mapping for datagrams from ``inside`` to ``to``; a symmetric NAT has one for each destination."""
    return (inside, to if kind is NatKind.SYMMETRIC else None)


def lets_in(kind: NatKind, sent_to: Collection[Address], source: Address) -> bool:
    """Whether a mapping that has sent datagrams to the addresses in ``sent_to`` accepts one from ``source``."""
    match kind:
        case NatKind.FULL_CONE:
            return True
        case NatKind.ADDRESS_RESTRICTED:
            return any(source.host == address.host for address in sent_to)
    return source in sent_to
