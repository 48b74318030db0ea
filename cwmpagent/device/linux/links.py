"""Kind, state and counters of the network interfaces of this machine."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

import psutil

from cwmpagent.device.linux.files import assignments, content

NET = Path("/sys/class/net")
_ETHERNET = "1"  # ARPHRD_ETHER
_32_BITS = 2**32


def is_ethernet(name: str, net: Path = NET) -> bool:
    """Whether the interface ``name`` is an Ethernet port: a physical one, or one end of a virtual pair (veth)."""
    directory = net / name
    if content(directory / "type") != _ETHERNET or "DEVTYPE" in assignments(content(directory / "uevent")):
        return False  # Wi-Fi, a bridge, a VLAN ...
    return (directory / "device").exists() or content(directory / "iflink") != content(directory / "ifindex")


def is_wireless(name: str, net: Path = NET) -> bool:
    """Whether the interface ``name`` is a Wi-Fi interface."""
    return (net / name / "wireless").exists() or (net / name / "phy80211").exists()


def names() -> list[str]:
    """Names of all interfaces, in the order of the kernel."""
    return [name for _, name in socket.if_nameindex()]


def state(name: str, net: Path = NET) -> dict[str, str]:
    """Enable and Status of the interface ``name``."""
    flags = int(content(net / name / "flags") or "0", 16)
    operstate = content(net / name / "operstate")
    words: Mapping[str, str] = {
        "up": "Up",
        "down": "Down",
        "dormant": "Dormant",
        "notpresent": "NotPresent",
        "lowerlayerdown": "LowerLayerDown",
        "unknown": "Up" if flags & 1 else "Down",  # as reported for a loopback or tunnel
    }
    return {"Enable": "true" if flags & 1 else "false", "Status": words.get(operstate, "Unknown")}


def counters(name: str) -> dict[str, str]:
    """Parameters of Stats that the kernel counts; empty for an unknown interface."""
    counted = psutil.net_io_counters(pernic=True, nowrap=False).get(name)
    if counted is None:
        return {}
    return {
        "BytesSent": str(counted.bytes_sent),
        "BytesReceived": str(counted.bytes_recv),
        "PacketsSent": str(counted.packets_sent),
        "PacketsReceived": str(counted.packets_recv),
        "ErrorsSent": str(counted.errout % _32_BITS),
        "ErrorsReceived": str(counted.errin % _32_BITS),
        "DiscardPacketsSent": str(counted.dropout % _32_BITS),
        "DiscardPacketsReceived": str(counted.dropin % _32_BITS),
        "MulticastPacketsReceived": content(NET / name / "statistics/multicast") or "0",
    }
