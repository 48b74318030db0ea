"""Device.Hosts.Host.: the entries of the neighbour table (ARP and neighbour discovery), by link-layer address."""

from __future__ import annotations

from collections.abc import Sequence

from cwmpagent.device.linux import links, netlink
from cwmpagent.device.provider import Name, Provider


class Hosts(Provider):
    """Provider of the hosts that the kernel can reach at present, with their link-layer addresses as keys.

    The instance number of a host is kept while it is absent.
    """

    name = "linux Hosts"

    def __init__(self, root: str) -> None:
        table = root + "Hosts.Host."
        self._row = table + "{i}."
        self.paths = (table,)
        self.tables = (table, self._row + "IPv4Address.", self._row + "IPv6Address.")

    def instances(self, table: Name) -> list[str]:
        """Link-layer addresses of the hosts, or the IP addresses of one host."""
        present = netlink.neighbours()
        if not table.keys:
            return list(dict.fromkeys(neighbour.mac for neighbour in present))
        ipv6 = table.template.endswith("IPv6Address.")
        addresses = [neighbour.address for neighbour in present if neighbour.mac == table.keys[0]]
        return [address for address in addresses if (":" in address) == ipv6]

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Read the neighbour table once."""
        hosts: dict[str, list[netlink.Neighbour]] = {}
        for neighbour in netlink.neighbours():
            hosts.setdefault(neighbour.mac, []).append(neighbour)
        values: dict[str, str] = {}
        for name in names:
            if len(name.keys) == 2:
                texts = {"IPAddress": name.keys[1]}
            else:
                texts = _host(name.keys[0], hosts.get(name.keys[0], []))
            if name.last in texts:
                values[name] = texts[name.last]
        return values


def _host(mac: str, neighbours: Sequence[netlink.Neighbour]) -> dict[str, str]:
    addresses = sorted((neighbour.address for neighbour in neighbours), key=lambda address: ":" in address)
    return {
        "PhysAddress": mac,
        "IPAddress": addresses[0] if addresses else "",
        "InterfaceType": _kind(neighbours[0].interface) if neighbours else "Other",
        "Active": "true" if neighbours else "false",
    }


def _kind(interface: str) -> str:
    if links.is_wireless(interface):
        return "Wi-Fi"
    return "Ethernet" if links.is_ethernet(interface) else "Other"
