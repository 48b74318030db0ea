"""Providers for a live Linux system, one module per subtree; they read the kernel and psutil and run no programs."""

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
    """Providers of this machine for a model with the root object ``root``.

    ``given``: full paths of the parameters with a configured value, which are not read. ``set_hostname``: whether an
    ACS may change the host name.
    """
    hostname = HostName(root, given, settable=set_hostname)
    common = (Info(root, given), Processes(root), TimeStatus(root), TimeServers(root, given), hostname)
    return (*common, Ethernet(root), Ip(root), Hosts(root)) if root == "Device." else common
