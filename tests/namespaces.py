"""Network namespaces with names of their own: machines that a test may do with as it likes."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache


def ip(*arguments: str) -> None:
    """Run ``ip``. Raises CalledProcessError with what it said."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@cache
def has_namespaces() -> bool:
    """Whether namespaces can be made here, with links between them."""
    if shutil.which("ip") is None:
        return False
    pair = Namespaces("probe", "peer")
    try:
        pair.make()
        pair.join("probe", "peer")
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        pair.remove()
    return True


@cache
def has_masquerade() -> bool:
    """Whether a namespace can be a router that translates addresses."""
    if not has_namespaces():
        return False
    router = Namespaces("router", "side")
    try:
        router.make()
        router.join("router", "side")
        router.masquerade("router", "side", lifetime=30)
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        router.remove()
    return True


class Namespaces:
    """Some namespaces; ``short`` names are those of the test, unique ones are made of them."""

    def __init__(self, *short: str) -> None:
        self.names = {each: f"cwmp{os.getpid()}{each}" for each in short}

    def make(self) -> None:
        """Make them, each with a loopback interface that is up."""
        for name in self.names.values():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")

    def join(self, one: str, other: str) -> None:
        """A cable between two: an interface in each, called as the other namespace."""
        first, second = self.names[one], self.names[other]
        ip("link", "add", other, "netns", first, "type", "veth", "peer", "name", one, "netns", second)
        ip("-n", first, "link", "set", other, "up")
        ip("-n", second, "link", "set", one, "up")

    def address(self, command: str, place: str, address: str, interface: str) -> None:
        """``add`` or ``del`` an address with its length of prefix."""
        ip("-n", self.names[place], "address", command, address, "dev", interface)

    def route(self, place: str, gateway: str) -> None:
        """Whatever is elsewhere is reached through ``gateway``."""
        ip("-n", self.names[place], "route", "add", "default", "via", gateway)

    def masquerade(self, place: str, interface: str, *, lifetime: int) -> None:
        """A router that hides those behind it from the side of ``interface``; ``lifetime``: of UDP, in seconds.

        Raises CalledProcessError.
        """
        timeouts = (f"net.netfilter.nf_conntrack_udp_timeout{each}={lifetime}" for each in ("", "_stream"))
        for command in (
            ["nft", "add", "table", "ip", "nat"],
            ["nft", "add chain ip nat out { type nat hook postrouting priority 100 ; }"],
            ["nft", f'add rule ip nat out oifname "{interface}" masquerade fully-random'],
            ["sysctl", "-q", "-w", "net.ipv4.ip_forward=1", *timeouts],
        ):
            subprocess.run([*self.inside(place), *command], check=True, capture_output=True)

    def inside(self, place: str) -> list[str]:
        """What stands before a command that runs in there."""
        return ["/usr/bin/env", "ip", "netns", "exec", self.names[place]]

    def remove(self) -> None:
        """Remove those that are there, with their interfaces."""
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
