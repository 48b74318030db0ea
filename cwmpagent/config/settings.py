"""What the configuration says, as frozen values; passwords never show in a ``repr``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from cwmpagent.protocol.stun.binding import StunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """Who the device is (in every Inform; empty: as its model says), what it has, and what counts as its boot.

    ``model``: names of built-in models and paths, the later ones adding to the earlier ones; ``profiles`` are of a
    Broadband Forum model, none: everything it names. ``poll_interval`` is in seconds.
    """

    manufacturer: str = ""
    oui: str = ""
    product_class: str = ""
    serial_number: str = ""
    model: tuple[str, ...] = ("device2",)
    profiles: tuple[str, ...] = ()
    provider: str = "linux"
    boot: str = "system"
    set_hostname: bool = False
    poll_interval: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AcsConfig:
    """The ACS and how it is reached; time-outs are in seconds."""

    url: str
    url_file: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    connect_timeout: float = 15.0
    answer_timeout: float = 30.0
    rpc_timeout: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRequestConfig:
    """Where the ACS may call; no ``endpoint``: nothing listens.

    ``udp_port``: None is the number of the endpoint, 0 any that is free, -1 none. ``udp_interface``: empty is that of
    the endpoint. ``stun``: the keys ``stun_integrity`` and ``stun_username``.
    """

    endpoint: tuple[str, ...] = ("tcp:7547",)
    url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    algorithms: tuple[str, ...] = ("MD5",)
    udp_port: int | None = None
    udp_interface: str = ""
    stun: StunOptions = field(default=StunOptions(), metadata={"keys": ("stun_integrity", "stun_username")})


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppConfig:
    """Whom XMPP connections trust; the connections themselves are parameters of the data model."""

    ca_file: Path | None = None
    allow_plain_without_tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateConfig:
    """Where the durable state lives."""

    directory: Path = Path("/var/lib/cwmpagent")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """What is logged, and how."""

    level: str = "info"
    format: str = "text"
    envelopes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlConfig:
    """Where `cwmpagent` on the same machine reaches the agent; no ``socket``: in the state directory."""

    socket: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksConfig:
    """Programs, as argument lists, for what only the box can do; empty: the agent plays it."""

    reboot: tuple[str, ...] = ()
    factory_reset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole file.

    ``parameters``: factory values, full path -> text. ``warnings``: lines for the person who wrote the file.
    """

    device: DeviceConfig
    acs: AcsConfig
    connection_request: ConnectionRequestConfig = ConnectionRequestConfig()
    xmpp: XmppConfig = XmppConfig()
    state: StateConfig = StateConfig()
    log: LogConfig = LogConfig()
    control: ControlConfig = ControlConfig()
    hooks: HooksConfig = HooksConfig()
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    warnings: tuple[str, ...] = ()
