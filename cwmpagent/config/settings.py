"""The settings of the configuration file as frozen dataclasses; a ``repr`` contains no password."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from cwmpagent.protocol.stun.binding import StunOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceConfig:
    """Identity of the device in every Inform (empty: the model's), its data model, and its boot.

    ``model``: names of built-in models and paths; later ones add to earlier ones. ``profiles``: profiles of a Broadband
    Forum model; none: the whole model. ``provider``: source of the values. ``boot``: the start that counts as a boot,
    ``system`` or ``process``. ``poll_interval``: seconds.
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
    """URL, credentials and TLS files of the ACS; time-outs are in seconds.

    ``lenient``: mandatory keys that the ACS leaves out of its requests are taken as empty.
    """

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
    lenient: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRequestConfig:
    """Ports and credentials for connection requests; no ``endpoint``: none is accepted over HTTP.

    ``kick``: whether there is a kick page. ``udp_port``: None: the number of the endpoint, 0: any free port, -1: no
    port. ``udp_interface``: empty: that of the endpoint. ``stun``: the keys ``stun_integrity`` and ``stun_username``.
    """

    endpoint: tuple[str, ...] = ("tcp:7547",)
    url: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    algorithms: tuple[str, ...] = ("MD5",)
    kick: bool = False
    udp_port: int | None = None
    udp_interface: str = ""
    stun: StunOptions = field(default=StunOptions(), metadata={"keys": ("stun_integrity", "stun_username")})


@dataclass(frozen=True, slots=True, kw_only=True)
class XmppConfig:
    """TLS settings of XMPP connections; the connections are rows of Device.XMPP.Connection. in the data model."""

    ca_file: Path | None = None
    allow_plain_without_tls: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StateConfig:
    """Directory of the durable state."""

    directory: Path = Path("/var/lib/cwmpagent")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """Level and format of the log. ``envelopes``: whole SOAP messages at level debug."""

    level: str = "info"
    format: str = "text"
    envelopes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlConfig:
    """Control socket for the command `cwmpagent`; no ``socket``: ``control.sock`` in the state directory."""

    socket: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareConfig:
    """Software modules, which are off without ``directory``. ``user``: of their programs, empty: that of the agent.

    ``largest_file``: octets of one file; ``largest_unit``: octets of what is unpacked from it; ``most_members``: number
    of files, directories and links in it.
    """

    directory: Path | None = None
    user: str = ""
    largest_file: int = 256 * 2**20
    largest_unit: int = 512 * 2**20
    most_members: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HooksConfig:
    """Programs, as argument lists, that reboot or reset the machine; empty: the agent only simulates it.

    ``install`` applies fetched files, ``installed`` checks them after a restart; ``install_timeout``: seconds for each.
    ``images`` lists the firmware images, and switches to another one; empty: the device has one image.
    """

    reboot: tuple[str, ...] = ()
    factory_reset: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    installed: tuple[str, ...] = ()
    install_timeout: float = 600.0
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransfersConfig:
    """Files for and from the ACS.

    ``max_size``: octets of one fetched file; ``timeout``: seconds of one attempt. ``verify_key``: the file with the
    Ed25519 public key with which every fetched file must be signed; None: no signatures are needed. ``config_key``: the
    file with the key that encrypts configuration files; None: they are plain, without secrets. ``log_files``: logs that
    the ACS may ask for, beside the agent's own.
    """

    max_size: int = 1 << 32
    timeout: float = 3600.0
    verify_key: Path | None = None
    config_key: Path | None = None
    log_files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration.

    ``parameters``: factory values, full path -> text. ``warnings``: lines for the log, about problems that do not
    prevent a start.
    """

    device: DeviceConfig
    acs: AcsConfig
    connection_request: ConnectionRequestConfig = ConnectionRequestConfig()
    xmpp: XmppConfig = XmppConfig()
    state: StateConfig = StateConfig()
    log: LogConfig = LogConfig()
    control: ControlConfig = ControlConfig()
    hooks: HooksConfig = HooksConfig()
    software: SoftwareConfig = SoftwareConfig()
    transfers: TransfersConfig = TransfersConfig()
    parameters: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    warnings: tuple[str, ...] = ()
