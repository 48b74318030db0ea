"""Options of the subsystems: the adapters and settings of each, as one frozen value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

from cwmpagent.agent.ports import (
    Acs,
    AddressWatch,
    FileClient,
    FileSource,
    FirmwareImages,
    Installer,
    KeepBinding,
    Listener,
    LocalAddress,
    LogFiles,
    Notify,
    Provider,
    SoftwareInstaller,
    Spool,
    UdpPort,
    Xmpp,
)
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.stun.binding import StunOptions
from cwmpagent.protocol.transfers.file import FileDownload
from cwmpagent.protocol.transfers.record import Kind
from cwmpagent.protocol.transfers.window import CONFIRMATION_NEEDED


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions:
    """``rpc_timeout``: seconds for one RPC. ``envelopes``: whether facts with whole messages are to be emitted now.

    ``lenient``: a ParameterKey or CommandKey that the ACS leaves out is taken as empty; else the answer is fault 9003.
    ``discovered_url``: returns the ACS URL that the network provides, None where it provides none. Raises ValueError
    with a text for the log.
    """

    acs: Acs
    rpc_timeout: float = 20.0
    lenient: bool = True
    envelopes: Callable[[], bool] = lambda: False
    discovered_url: Callable[[], str | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterOptions:
    """``providers``: returns the providers of the device; its argument is the path of the root object of the model."""

    providers: Callable[[str], Sequence[Provider]] = lambda root: ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationOptions:
    """``poll_interval``: seconds from the end of one poll to the next, 0: no polling. ``notify``: sends datagrams."""

    poll_interval: float = 5.0
    notify: Notify = lambda host, port, datagrams: None


@dataclass(frozen=True, slots=True, kw_only=True)
class UdpOptions:
    """The UDP port for ConnectionRequests, and the function that keeps its NAT binding."""

    port: UdpPort
    keep: KeepBinding
    stun: StunOptions = field(default_factory=StunOptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRequestOptions:
    """``local_address``: address of this machine towards a host; ``address_watch``: its changes, None: not observed.

    ``fixed_url``: the ConnectionRequestURL where it cannot be derived. ``kick``: whether there is a kick page.
    ``udp``, ``xmpp``: None where not used.
    """

    listener: Listener
    local_address: LocalAddress
    address_watch: AddressWatch | None = None
    fixed_url: str = ""
    kick: bool = False
    udp: UdpOptions | None = None
    xmpp: Xmpp | None = None


async def _unverified(file: FileDownload, sha256: str) -> None:
    """Accept every file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoftwareOptions:
    """Software modules. ``files``: fetches them; None: none can be fetched. ``verify``: as in :class:`TransferOptions`.

    ``largest_file``: octets of one file. ``seconds``: for one attempt to fetch it.
    """

    installer: SoftwareInstaller
    files: FileClient | None = None
    verify: Callable[[FileDownload, str], Awaitable[None]] = _unverified
    largest_file: int = 256 * 2**20
    seconds: float = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOptions:
    """The adapters and bounds of transfers.

    ``verify``: checks a fetched file against its expected SHA-256 (hexadecimal, empty: none) and signature; raises
    TransferFailure. ``may_begin``: whether a ScheduleDownload may begin now; its arguments are WindowMode and
    UserMessage. ``vendor_modes``: the WindowModes of a vendor that it knows. ``max_size``: octets of a download.
    ``timeout``: seconds of one attempt.
    """

    client: FileClient
    installer: Installer
    source: FileSource
    spool: Spool
    verify: Callable[[FileDownload, str], Awaitable[None]] = _unverified
    may_begin: Callable[[str, str], bool] = lambda mode, message: mode != CONFIRMATION_NEEDED
    vendor_modes: Collection[str] = ()
    max_size: int = 2**32
    timeout: float = 3600.0

    def check_file_type(self, file_type: str, kind: Kind) -> None:
        """Raise CwmpFault 9003 for a FileType that no installer knows or, for an upload, no source."""
        if kind is Kind.UPLOAD and not self.source.knows(file_type):
            raise CwmpFault(9003, f"there is no file of type {quoted(file_type)} to upload")
        if kind is not Kind.UPLOAD and not self.installer.knows(file_type):
            applied = "neither [hooks] install nor an installer of a program applies"
            raise CwmpFault(9003, f"{applied} files of type {quoted(file_type)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """Transfers of files, and the configuration file of the device.

    ``read`` returns the content of a fetched configuration file, ``write`` writes a new one; ``secrets``: whether it is
    encrypted, so that hidden parameters may be in it. ``transfers`` returns the options of the queue; its arguments
    apply and write files: the installer of configuration files, and all sources. ``client`` and ``verify``: as in
    :class:`TransferOptions`, for other files. ``images`` returns the firmware images, None where the device has only
    one. ``logs``: None where there are none.
    """

    client: FileClient
    verify: Callable[[FileDownload, str], Awaitable[None]] = _unverified
    read: Callable[[str], Awaitable[bytes]]
    write: Callable[[str, bytes], Awaitable[object]]
    secrets: bool = False
    transfers: Callable[[Installer, Sequence[FileSource]], TransferOptions]
    images: Callable[[], FirmwareImages | None] = lambda: None
    logs: LogFiles | None = None
