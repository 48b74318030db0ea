"""What the network interfaces of this machine have in common: their kind, their state, what they have counted."""

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
    """Whether it is an Ethernet port: a real one, or the end of a cable that virtualisation made."""
    here = net / name
    if content(here / "type") != _ETHERNET or "DEVTYPE" in assignments(content(here / "uevent")):
        return False  # Wi-Fi, a bridge, a VLAN ...
    return (here / "device").exists() or content(here / "iflink") != content(here / "ifindex")


def is_wireless(name: str, net: Path = NET) -> bool:
    """Whether it is a Wi-Fi interface."""
    return (net / name / "wireless").exists() or (net / name / "phy80211").exists()


def names() -> list[str]:
    """All interfaces in the kernel's order."""
    return [name for _, name in socket.if_nameindex()]


def state(name: str, net: Path = NET) -> dict[str, str]:
    """Enable and Status."""
    flags = int(content(net / name / "flags") or "0", 16)
    told = content(net / name / "operstate")
    words: Mapping[str, str] = {
        "up": "Up",
        "down": "Down",
        "dormant": "Dormant",
        "notpresent": "NotPresent",
        "lowerlayerdown": "LowerLayerDown",
        "unknown": "Up" if flags & 1 else "Down",  # a loopback or tunnel never knows
    }
    return {"Enable": "true" if flags & 1 else "false", "Status": words.get(told, "Unknown")}


def counters(name: str) -> dict[str, str]:
    """The parameters of Stats, those the kernel counts."""
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
