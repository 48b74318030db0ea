"""The live Linux system as providers: one subtree a module, read from the kernel and psutil, never by a program."""

from __future__ import annotations

from collections.abc import Collection

from cwmpagent.device.linux.ethernet import Ethernet
from cwmpagent.device.linux.hostname import HostName
from cwmpagent.device.linux.hosts import Hosts
from cwmpagent.device.linux.info import Info
from cwmpagent.device.linux.ip import Ip
from cwmpagent.device.linux.processes import Processes
from cwmpagent.device.linux.timeservers import TimeServers
from cwmpagent.device.linux.timestatus import TimeStatus
from cwmpagent.device.provider import Provider


def linux_providers(root: str, *, given: Collection[str] = (), set_hostname: bool = False) -> tuple[Provider, ...]:
    """The providers of this machine for a model whose root object is ``root``.

    ``given`` are the parameters that the configuration gives: those are not read. ``set_hostname``: whether an ACS may
    change the machine's name.
    """
    name = HostName(root, given, settable=set_hostname)
    everywhere = (Info(root, given), Processes(root), TimeStatus(root), TimeServers(root, given), name)
    return (*everywhere, Ethernet(root), Ip(root), Hosts(root)) if root == "Device." else everywhere
