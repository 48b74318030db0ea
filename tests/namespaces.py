"""Namespaces of a test: of networks with their own interfaces, addresses and routes, and of mounted file systems."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path


def ip(*arguments: str) -> None:
    """Run ``ip``. Raises CalledProcessError with its output."""
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@cache
def has_namespaces() -> bool:
    """Whether this machine can make namespaces and links between them."""
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
    """Whether this machine can make a namespace that is a router with NAT."""
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


def with_tmpfs(place: Path, size: str) -> list[str]:
    """The arguments before a command that runs it with a new file system in memory at the directory ``place``.

    ``size``: as mount has it. Nothing outside of that command sees the file system, and it ends with it.
    """
    mount = f'mount -t tmpfs -o size={size},mode=700 tmpfs "$1" && shift && exec "$@"'
    return ["/usr/bin/env", "unshare", "--mount", "sh", "-c", mount, "sh", str(place)]


@cache
def has_mounts() -> bool:
    """Whether this machine can run a command with a file system of its own."""
    with tempfile.TemporaryDirectory() as place:
        probe = [*with_tmpfs(Path(place), "1m"), "true"]
        try:
            return subprocess.run(probe, check=False, capture_output=True).returncode == 0
        except OSError:
            return False


class Namespaces:
    """A group of namespaces. ``short``: their names in the test; the real names are unique on the machine."""

    def __init__(self, *short: str) -> None:
        self.names = {each: f"cwmp{os.getpid()}{each}" for each in short}

    def make(self) -> None:
        """Make the namespaces, each with a loopback interface that is up."""
        for name in self.names.values():
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")

    def join(self, one: str, other: str) -> None:
        """Link two namespaces by an interface in each, which has the name of the other namespace."""
        first, second = self.names[one], self.names[other]
        ip("link", "add", other, "netns", first, "type", "veth", "peer", "name", one, "netns", second)
        ip("-n", first, "link", "set", other, "up")
        ip("-n", second, "link", "set", one, "up")

    def address(self, command: str, place: str, address: str, interface: str) -> None:
        """Add (``add``) or delete (``del``) an address with its prefix length."""
        ip("-n", self.names[place], "address", command, address, "dev", interface)

    def route(self, place: str, gateway: str) -> None:
        """Set the default route to ``gateway``."""
        ip("-n", self.names[place], "route", "add", "default", "via", gateway)

    def masquerade(self, place: str, interface: str, *, lifetime: int) -> None:
        """Make ``place`` a router that translates the addresses of packets that leave by ``interface``.

        ``lifetime``: seconds that a UDP binding lasts.

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
        """The arguments before a command that runs it in the namespace."""
        return ["/usr/bin/env", "ip", "netns", "exec", self.names[place]]

    def remove(self) -> None:
        """Remove the existing namespaces and their interfaces."""
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
