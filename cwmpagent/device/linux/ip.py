"""Device.IP.Interface. with addresses and Stats: the interfaces of this machine that have an address."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from cwmpagent.device.linux import links, netlink
from cwmpagent.device.linux.files import content
from cwmpagent.device.provider import Name, Provider

_LOOPBACK = 0x8  # IFF_LOOPBACK
_POINT_TO_POINT = 0x10  # IFF_POINTOPOINT
_STATES = ((0x08, "Duplicate"), (0x04, "Optimistic"), (0x40, "Tentative"), (0x20, "Deprecated"))
"""``IFA_F_...`` flag of an IPv6 address -> IPAddressStatus of TR-181; the first match applies, because a duplicate
address is also tentative."""


class Ip(Provider):
    """Provider of the interfaces, the loopback last, with their names as keys, and of their addresses.

    An ACS cannot change them.
    """

    name = "linux IP"

    def __init__(self, root: str) -> None:
        self._table = root + "IP.Interface."
        self._row = self._table + "{i}."
        self.paths = (self._table,)
        self.tables = (self._table, self._row + "IPv4Address.", self._row + "IPv6Address.")

    def instances(self, table: Name) -> list[str]:
        """Names of the interfaces with an address, or the addresses of one interface."""
        present = netlink.addresses()
        if table.template == self._table:
            return sorted(dict.fromkeys(each.interface for each in present), key=lambda name: _flags(name) & _LOOPBACK)
        version = 6 if table.template.endswith("IPv6Address.") else 4
        return [
            each.address
            for each in present
            if each.interface == table.keys[0] and ip_address(each.address).version == version
        ]

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Read each interface and address once, and counters only if they are requested."""
        present = {(each.interface, each.address): each for each in netlink.addresses()}
        known: dict[tuple[str, ...], dict[str, str]] = {}
        values: dict[str, str] = {}
        for name in names:
            inner = name.template.removeprefix(self._row).removesuffix(name.last)
            entity = (inner, *name.keys)
            if entity not in known:
                known[entity] = _texts(inner, name.keys, present)
            if name.last in known[entity]:
                values[name] = known[entity][name.last]
        return values


def _texts(
    inner: str, keys: tuple[str, ...], present: dict[tuple[str, str], netlink.InterfaceAddress]
) -> dict[str, str]:
    if inner == "":
        return _interface(keys[0], {address for interface, address in present if interface == keys[0]})
    if inner == "Stats.":
        return links.counters(keys[0])
    address = present.get((keys[0], keys[-1]))
    if address is None:
        return {}
    if inner == "IPv4Address.{i}.":
        return {
            "Enable": "true",
            "Status": "Enabled",
            "IPAddress": address.address,
            "SubnetMask": str(ip_network(f"0.0.0.0/{address.prefix}").netmask),
            "AddressingType": _addressing(address),
        }
    if inner == "IPv6Address.{i}.":
        return {
            "Enable": "true",
            "Status": "Enabled",
            "IPAddressStatus": next((word for flag, word in _STATES if address.flags & flag), "Preferred"),
            "IPAddress": address.address,
            "Origin": _origin(address),
        }
    return {}


def _interface(name: str, addresses: set[str]) -> dict[str, str]:
    flags = _flags(name)
    kind = "Loopback" if flags & _LOOPBACK else "Tunnel" if flags & _POINT_TO_POINT else "Normal"
    ipv4 = any(ip_address(address).version == 4 for address in addresses)
    return {
        **links.state(name),
        "IPv4Enable": "true" if ipv4 else "false",
        "IPv6Enable": "true" if any(":" in address for address in addresses) else "false",
        "Name": name,
        "LowerLayers": "",
        "Router": "",
        "MaxMTUSize": str(min(max(int(content(links.NET / name / "mtu") or "1500"), 64), 65535)),
        "Type": kind,
        "Loopback": "true" if flags & _LOOPBACK else "false",
    }


def _addressing(address: netlink.InterfaceAddress) -> str:
    if _is_link_local(address):
        return "AutoIP"
    return "Static" if address.permanent else "DHCP"


def _origin(address: netlink.InterfaceAddress) -> str:
    if ip_address(address.address).is_loopback:
        return "WellKnown"
    return "Static" if address.permanent and not _is_link_local(address) else "AutoConfigured"


def _is_link_local(address: netlink.InterfaceAddress) -> bool:
    return ip_address(address.address).is_link_local


def _flags(name: str) -> int:
    return int(content(links.NET / name / "flags") or "0", 16)
