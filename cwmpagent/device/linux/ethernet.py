"""Device.Ethernet.Interface. with Stats: the Ethernet ports of this machine."""

from __future__ import annotations

from collections.abc import Sequence

from cwmpagent.device.linux import links
from cwmpagent.device.linux.files import content
from cwmpagent.device.provider import Name, Provider


class Ethernet(Provider):
    """Provider of the Ethernet ports, with their interface names as keys; an ACS cannot change them."""

    name = "linux Ethernet"

    def __init__(self, root: str) -> None:
        self._table = root + "Ethernet.Interface."
        self.paths = (self._table,)
        self.tables = (self._table,)

    def instances(self, table: Name) -> list[str]:
        """Names of the present ports."""
        return [name for name in links.names() if links.is_ethernet(name)]

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Read each port once, and its counters only if they are requested."""
        ports: dict[str, dict[str, str]] = {}
        stats: dict[str, dict[str, str]] = {}
        values: dict[str, str] = {}
        for name in names:
            key = name.keys[0]
            if name.template == f"{self._table}{{i}}.Stats.{name.last}":
                texts = stats[key] if key in stats else stats.setdefault(key, links.counters(key))
            else:
                texts = ports[key] if key in ports else ports.setdefault(key, _port(key))
            if name.last in texts:
                values[name] = texts[name.last]
        return values


def _port(name: str) -> dict[str, str]:
    directory = links.NET / name
    speed, duplex = content(directory / "speed"), content(directory / "duplex")
    return {
        **links.state(name),
        "Name": name,
        "MACAddress": content(directory / "address"),
        "LowerLayers": "",
        "CurrentBitRate": speed if speed.isdecimal() else "0",
        "DuplexMode": {"half": "Half", "full": "Full"}.get(duplex, "Auto"),
    }
