"""Questions to the kernel's routing netlink (rtnetlink(7)): its addresses and its neighbours, IPv4 and IPv6 alike."""

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
    """An address of this machine; ``flags`` are the kernel's (``IFA_F_...``)."""

    interface: str
    address: str
    prefix: int
    flags: int

    @property
    def permanent(self) -> bool:
        """Somebody gave it: it is not leased."""
        return bool(self.flags & _PERMANENT)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody on a link of this machine: its link address, and one of its IP addresses."""

    interface: str
    mac: str
    address: str


def addresses() -> list[InterfaceAddress]:
    """The addresses of all interfaces. Raises OSError."""
    names = dict(socket.if_nameindex())
    found = []
    for family, body in _dump(_GET_ADDRESS, _NEW_ADDRESS):
        _, prefix, flags, _, index = struct.unpack_from("=BBBBI", body)
        attributes = _attributes(body[8:])
        raw = attributes.get(_LOCAL) or attributes.get(_ADDRESS)
        if raw is None or index not in names:
            continue
        if _FLAGS in attributes:
            flags = struct.unpack("=I", attributes[_FLAGS])[0]
        found.append(InterfaceAddress(names[index], socket.inet_ntop(family, raw), prefix, flags))
    return found


def neighbours() -> list[Neighbour]:
    """Everybody whose link address the kernel knows, and has not given up. Raises OSError."""
    names = dict(socket.if_nameindex())
    found = []
    for family, body in _dump(_GET_NEIGHBOUR, _NEW_NEIGHBOUR):
        _, index, state = struct.unpack_from("=B3xiH", body)
        attributes = _attributes(body[12:])
        raw, link = attributes.get(_DESTINATION), attributes.get(_LINK_ADDRESS)
        if raw and link and len(link) == 6 and any(link) and index in names and not state & _UNRESOLVED:
            found.append(Neighbour(names[index], link.hex(":"), socket.inet_ntop(family, raw)))
    return found


def _dump(ask: int, answer: int) -> Iterator[tuple[int, bytes]]:
    """Family and body of each entry of one kind."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        netlink.settimeout(1)
        netlink.sendto(struct.pack("=IHHII12x", 28, ask, _DUMP, 1, 0), (0, 0))
        while True:
            data = netlink.recv(1 << 18)
            while data:
                length, kind = struct.unpack_from("=IH", data)
                body, data = data[16:length], data[(length + 3) & ~3 :]
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    raise OSError(-struct.unpack_from("=i", body)[0], "the kernel refuses to tell")
                if kind == answer and body[0] in _FAMILIES:
                    yield body[0], body


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found
