"""Device.Hosts.Host.: everybody in the neighbour table (ARP and neighbour discovery), by link address."""

from __future__ import annotations

from collections.abc import Sequence

from cwmpagent.device.linux import links, netlink
from cwmpagent.device.provider import Name, Provider


class Hosts(Provider):
    """A host is there while the kernel knows how to reach it; its number is kept for when it comes back."""

    name = "linux Hosts"

    def __init__(self, root: str) -> None:
        table = root + "Hosts.Host."
        self._row = table + "{i}."
        self.paths = (table,)
        self.tables = (table, self._row + "IPv4Address.", self._row + "IPv6Address.")

    def instances(self, table: Name) -> list[str]:
        """Link addresses, or the IP addresses of one."""
        present = netlink.neighbours()
        if not table.keys:
            return list(dict.fromkeys(each.mac for each in present))
        six = table.template.endswith("IPv6Address.")
        return [each.address for each in present if each.mac == table.keys[0] and (":" in each.address) == six]

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Each host once."""
        hosts: dict[str, list[netlink.Neighbour]] = {}
        for each in netlink.neighbours():
            hosts.setdefault(each.mac, []).append(each)
        found: dict[str, str] = {}
        for name in names:
            if len(name.keys) == 2:
                texts = {"IPAddress": name.keys[1]}
            else:
                texts = _host(name.keys[0], hosts.get(name.keys[0], []))
            if name.last in texts:
                found[name] = texts[name.last]
        return found


def _host(mac: str, seen: Sequence[netlink.Neighbour]) -> dict[str, str]:
    addresses = sorted((each.address for each in seen), key=lambda address: ":" in address)
    return {
        "PhysAddress": mac,
        "IPAddress": addresses[0] if addresses else "",
        "InterfaceType": _kind(seen[0].interface) if seen else "Other",
        "Active": "true" if seen else "false",
    }


def _kind(interface: str) -> str:
    if links.is_wireless(interface):
        return "Wi-Fi"
    return "Ethernet" if links.is_ethernet(interface) else "Other"
