"""Requests to the routing netlink of the kernel (rtnetlink(7)): IPv4 and IPv6 addresses and neighbours."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3
_NEW_ADDRESS, _GET_ADDRESS = 20, 22
_NEW_NEIGHBOUR, _GET_NEIGHBOUR = 28, 30
_ADDRESS, _LOCAL, _FLAGS = 1, 2, 8  # IFA_...
_DESTINATION, _LINK_ADDRESS = 1, 2  # NDA_...
_PERMANENT = 0x80  # IFA_F_PERMANENT
_UNRESOLVED = 0x01 | 0x20 | 0x40  # NUD_INCOMPLETE, NUD_FAILED, NUD_NOARP
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """IP address of this machine; ``prefix``: its length in bits; ``flags``: those of the kernel (``IFA_F_...``)."""

    interface: str
    address: str
    prefix: int
    flags: int

    @property
    def permanent(self) -> bool:
        """Whether the address has no limited lifetime (``IFA_F_PERMANENT``), unlike a leased one."""
        return bool(self.flags & _PERMANENT)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Neighbour on a link of this machine: its link-layer address and one of its IP addresses."""

    interface: str
    mac: str
    address: str


def addresses() -> list[InterfaceAddress]:
    """Addresses of all interfaces; raises ``OSError``."""
    names = dict(socket.if_nameindex())
    present = []
    for family, body in _dump(_GET_ADDRESS, _NEW_ADDRESS):
        _, prefix, flags, _, index = struct.unpack_from("=BBBBI", body)
        attributes = _attributes(body[8:])
        raw = attributes.get(_LOCAL) or attributes.get(_ADDRESS)
        if raw is None or index not in names:
            continue
        if _FLAGS in attributes:
            flags = struct.unpack("=I", attributes[_FLAGS])[0]
        present.append(InterfaceAddress(names[index], socket.inet_ntop(family, raw), prefix, flags))
    return present


def neighbours() -> list[Neighbour]:
    """Neighbours with a known link-layer address that the kernel considers reachable; raises ``OSError``."""
    names = dict(socket.if_nameindex())
    present = []
    for family, body in _dump(_GET_NEIGHBOUR, _NEW_NEIGHBOUR):
        _, index, state = struct.unpack_from("=B3xiH", body)
        attributes = _attributes(body[12:])
        raw, link = attributes.get(_DESTINATION), attributes.get(_LINK_ADDRESS)
        if raw and link and len(link) == 6 and any(link) and index in names and not state & _UNRESOLVED:
            present.append(Neighbour(names[index], link.hex(":"), socket.inet_ntop(family, raw)))
    return present


def _dump(request_type: int, answer_type: int) -> Iterator[tuple[int, bytes]]:
    """Send a dump request and yield the address family and body of each entry of the answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.settimeout(1)
        netlink.sendto(struct.pack("=IHHII12x", 28, request_type, _DUMP, 1, 0), (0, 0))
        while True:
            data = netlink.recv(1 << 18)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                body, data = data[16:length], data[(length + 3) & ~3 :]
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", body)[0], "the kernel refused the netlink request")
                if kind == answer_type and body[0] in _FAMILIES:
                    yield body[0], body


def _attributes(data: bytes) -> dict[int, bytes]:
    attributes = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        attributes[kind] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return attributes
