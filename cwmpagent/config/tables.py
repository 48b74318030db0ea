"""Types of the tables of the configuration, for programs that give them as keyword arguments.

The keys and values are those of the file (``etc/cwmpagent.toml``); paths and tuples are accepted, too.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

_Path = str | os.PathLike[str]


class DeviceTable(TypedDict, total=False):
    """``[device]``."""

    manufacturer: str
    oui: str
    product_class: str
    serial_number: str
    model: _Path | Sequence[_Path]
    profiles: Sequence[str]
    provider: Literal["linux", "simulated"]
    boot: Literal["system", "process"]
    set_hostname: bool
    poll_interval: float


class AcsTable(TypedDict, total=False):
    """``[acs]``; ``url`` is required."""

    url: str
    url_file: _Path
    username: str
    password: str
    password_file: _Path
    ca_file: _Path
    client_certificate: _Path
    client_key: _Path
    connect_timeout: float
    answer_timeout: float
    rpc_timeout: float
    lenient: bool


class ConnectionRequestTable(TypedDict, total=False):
    """``[connection_request]``."""

    endpoint: str | Sequence[str]
    url: str
    username: str
    password: str
    password_file: _Path
    algorithms: Sequence[Literal["MD5", "SHA-256"]]
    kick: bool
    udp_port: int
    udp_interface: str
    stun_integrity: Literal["rfc3489", "rfc5389"]
    stun_username: Literal["asked", "always"]


class XmppTable(TypedDict, total=False):
    """``[xmpp]``."""

    ca_file: _Path
    allow_plain_without_tls: bool


class StateTable(TypedDict, total=False):
    """``[state]``."""

    directory: _Path


class LogTable(TypedDict, total=False):
    """``[log]``, which has an effect only in the process of `twistd cwmpagent`."""

    level: Literal["debug", "info", "warn", "error", "critical"]
    format: Literal["text", "json"]
    envelopes: bool


class ControlTable(TypedDict, total=False):
    """``[control]``."""

    socket: _Path


class SoftwareTable(TypedDict, total=False):
    """``[software]``."""

    directory: _Path
    user: str
    largest_file: int
    largest_unit: int
    most_members: int


class HooksTable(TypedDict, total=False):
    """``[hooks]``."""

    reboot: Sequence[str]
    factory_reset: Sequence[str]
    install: Sequence[str]
    installed: Sequence[str]
    install_timeout: float
    images: Sequence[str]


class TransfersTable(TypedDict, total=False):
    """``[transfers]``."""

    max_size: int
    timeout: float
    verify_key: _Path
    config_key: _Path
    log_files: Sequence[_Path]


class Tables(TypedDict, total=False):
    """All tables of the configuration."""

    device: DeviceTable
    acs: AcsTable
    connection_request: ConnectionRequestTable
    xmpp: XmppTable
    state: StateTable
    log: LogTable
    control: ControlTable
    hooks: HooksTable
    software: SoftwareTable
    transfers: TransfersTable
    parameters: Mapping[str, str | int | bool]
