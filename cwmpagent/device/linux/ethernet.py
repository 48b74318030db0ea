"""Device.Ethernet.Interface. with its Stats: the Ethernet ports of this machine."""

from __future__ import annotations

from collections.abc import Sequence

from cwmpagent.device.linux import links
from cwmpagent.device.linux.files import content
from cwmpagent.device.provider import Name, Provider


class Ethernet(Provider):
    """Ports by their names. They are configured by the system: an ACS changes nothing here."""

    name = "linux Ethernet"

    def __init__(self, root: str) -> None:
        self._table = root + "Ethernet.Interface."
        self.paths = (self._table,)
        self.tables = (self._table,)

    def instances(self, table: Name) -> list[str]:
        """The ports that are there."""
        return [name for name in links.names() if links.is_ethernet(name)]

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Each port once, its counters only where they are asked for."""
        ports: dict[str, dict[str, str]] = {}
        stats: dict[str, dict[str, str]] = {}
        found: dict[str, str] = {}
        for name in names:
            key = name.keys[0]
            if name.template == f"{self._table}{{i}}.Stats.{name.last}":
                texts = stats[key] if key in stats else stats.setdefault(key, links.counters(key))
            else:
                texts = ports[key] if key in ports else ports.setdefault(key, _port(key))
            if name.last in texts:
                found[name] = texts[name.last]
        return found


def _port(name: str) -> dict[str, str]:
    here = links.NET / name
    speed, duplex = content(here / "speed"), content(here / "duplex")
    return {
        **links.state(name),
        "Name": name,
        "MACAddress": content(here / "address"),
        "LowerLayers": "",
        "CurrentBitRate": speed if speed.isdecimal() else "0",
        "DuplexMode": {"half": "Half", "full": "Full"}.get(duplex, "Auto"),
    }
