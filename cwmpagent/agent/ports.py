"""Ports: the Protocol classes through which the agent uses every adapter (floor 1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from cwmpagent.datamodel.names import Name
from cwmpagent.protocol.agenda import Clocks
from cwmpagent.protocol.connection_request.xmpp import ConnectionRequest, XmppVerdict
from cwmpagent.protocol.connection_request.xmpp_account import Account, Standing, Stats
from cwmpagent.protocol.session import Reply
from cwmpagent.protocol.software.unit import Package, RunFault, RunStatus
from cwmpagent.protocol.stun.binding import Binding, BindingSettings
from cwmpagent.protocol.stun.message import Address
from cwmpagent.protocol.transfers.file import FileDownload, FileUpload, LogFile, Progress, ReceivedFile
from cwmpagent.protocol.transfers.firmware_image import ImageSet
from cwmpagent.records import Batch


class Clock(Clocks, Protocol):
    """The clocks of the protocol code, and the time zone."""

    def utc_offset(self) -> int:
        """Present offset of local time from UTC in seconds; positive where local time is ahead."""


class DelayedCall(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancel the call."""

    def active(self) -> bool:
        """Whether the call is still due."""


class Timers(Protocol):
    """The part of a reactor that schedules calls."""

    def callLater(self, delay: float, function: Callable[[], object], /) -> DelayedCall:
        """Call ``function`` after ``delay`` seconds."""


class Restart(Protocol):
    """Restarts of the device; each begins once the code of the session has returned."""

    def reboot(self, command_key: str, *, local: bool = False) -> None:
        """Reboot the device; for the log: ``command_key`` of the RPC, ``local``: somebody at the device has asked."""

    def factory_reset(self) -> None:
        """Discard the whole saved state, and boot."""


class Exchange(Protocol):
    """HTTP exchanges of one session."""

    async def post(self, body: bytes) -> Reply:
        """Send one POST, and return its answer. Raises :class:`~cwmpagent.errors.TransportError`."""

    async def close(self) -> None:
        """Close the connection."""


class Acs(Protocol):
    """The HTTP client for the ACS."""

    def open(self, url: str, username: str, password: str) -> Exchange:
        """Return the exchanges of one session; nothing is sent yet."""


class Store(Protocol):
    """The store of durable state."""

    def save(self, batch: Batch) -> Deferred[None]:
        """Save ``batch`` in one transaction. Errbacks with :class:`~cwmpagent.errors.StoreWriteError`.

        Cancellation before the commit rolls it back; a commit under way is completed.
        """


class Listener(Protocol):
    """The HTTP server for ConnectionRequests."""

    @property
    def listening(self) -> bool:
        """Whether it listens on any port."""

    def port_for(self, address: str) -> int:
        """TCP port on which it is reachable at ``address``, an IP address of this machine; 0 where it is not."""

    async def switched(self, path: str) -> None:
        """Open or close ports after the agent at ``path`` was enabled or disabled; they are so when this returns."""


class DatagramTarget(Protocol):
    """The receiver of the datagrams of a :class:`UdpPort`."""

    def stun(self, data: bytes, source: Address) -> None:
        """Receive a datagram that may be a STUN message."""

    def text(self, data: bytes, source: Address) -> None:
        """Receive a datagram that may be a ConnectionRequest."""

    def takes(self, data: bytes, source: Address) -> bool:
        """Receive a datagram that may be a ConnectionRequest for this agent, or for another one at its port.

        Returns False, and reports nothing, where it is not signed with the credentials of this agent.
        """


class UdpPort(Protocol):
    """The UDP port for ConnectionRequests; agents of one process may share it."""

    @property
    def host(self) -> Address | None:
        """Local address and port, None while it does not listen; ``0.0.0.0`` and ``::`` mean all addresses."""

    def attach(self, target: DatagramTarget, username: str) -> None:
        """Pass datagrams that arrive from now on to ``target``.

        At a shared port: requests with ``username``, and those that no agent takes, which one agent reports.
        """

    def detach(self) -> None:
        """Discard datagrams that arrive from now on."""


class BindingKeeper(Protocol):
    """Keeps the NAT binding of the UDP port with one STUN server."""

    @property
    def binding(self) -> Binding | None:
        """The present binding; None while the address of the server is unknown."""

    def received(self, data: bytes) -> None:
        """Process a datagram that may be a STUN message."""

    def look(self) -> None:
        """Check the binding: the addresses of this machine may have changed."""

    def stop(self) -> Deferred[None]:
        """Stop keeping the binding; fires when nothing is left open."""


class KeepBinding(Protocol):
    """The function that starts to keep the NAT binding of the UDP port."""

    def __call__(
        self,
        host: str,
        server_port: int,
        settings: BindingSettings,
        *,
        found: Callable[[Address, bool], None],
        trouble: Callable[[str], None],
    ) -> BindingKeeper:
        """Keep the binding with the STUN server ``host`` at ``server_port``.

        ``found`` is called with the mapped address, and whether there is a NAT, after each change of either.
        ``trouble`` is called with a line for the log when the server does not answer, and with an empty one when it
        answers again.
        """


class Provider(Protocol):
    """A part of the real device, written by its manufacturer: see :class:`cwmpagent.device.provider.Provider`.

    Each method may also return a coroutine or a Deferred. It is not trusted: it may raise or return anything.
    """

    @property
    def paths(self) -> Sequence[str]:
        """Paths of the objects, tables and single parameters for which it is responsible."""

    @property
    def tables(self) -> Sequence[str]:
        """Tables whose rows it supplies."""

    @property
    def changeable(self) -> Sequence[str]:
        """Objects, tables and single parameters that it can change."""

    @property
    def name(self) -> str:
        """Its name in the log."""

    def read(self, names: Sequence[Name]) -> Any:
        """Read values. Returns a mapping of name -> text."""

    def instances(self, table: Name) -> Any:
        """Return the keys of the rows of ``table``."""

    def check(self, changes: Mapping[Name, str | None]) -> Any:
        """Check ``changes``. Returns a mapping of refused name -> reason, or None."""

    def apply(self, changes: Mapping[Name, str | None]) -> Any:
        """Apply ``changes``. Returns True where they take effect only after the session."""

    def undo(self, former: Mapping[Name, str | None]) -> Any:
        """Restore ``former``, the state before a change."""

    def finish(self, changes: Mapping[Name, str | None]) -> Any:
        """Let ``changes`` take effect: the session has ended."""


class XmppConnection(Protocol):
    """The connection that keeps one account logged in at an XMPP server."""

    async def close(self) -> None:
        """Log out. Returns when nothing is left open; never raises."""


class Xmpp(Protocol):
    """The client for XMPP servers."""

    def open(
        self,
        account: Account,
        stats: Stats,
        on_standing: Callable[[Standing], object],
        on_request: Callable[[ConnectionRequest], XmppVerdict],
        /,
    ) -> XmppConnection:
        """Keep ``account`` logged in, and count in ``stats``; never raises, even for an invalid account.

        ``on_standing`` is called with each new standing; ``on_request`` returns the answer to a ConnectionRequest.
        """


Notify = Callable[[str, int, Sequence[bytes]], None]
"""Send datagrams to a port of a host. There is no result, and nothing is raised."""


class AddressWatch(Protocol):
    """Reports changes of the local address that is used towards a host."""

    def watch(self, host: str, moved: Callable[[], None]) -> None:
        """Call ``moved`` whenever the local address towards ``host``, a name or an address, may have changed."""

    def unwatch(self, host: str, moved: Callable[[], None]) -> None:
        """Stop calling ``moved`` for ``host``."""


LocalAddress = Callable[[str], Awaitable[str | None]]
"""Function that returns the local address towards a host, preferably a reachable one; None where it is unknown."""


class FileClient(Protocol):
    """The client for file servers."""

    async def download(self, file: FileDownload, progress: Callable[[Progress], None]) -> None:
        """Fetch ``file``; it is on the disk when this returns. Octets that ``file.path`` has are kept where possible.

        ``progress`` is called when the response begins, at most once a second, and with the last octet. Raises
        TransferFailure; it and a cancellation leave the received octets for the next attempt, except where they cannot
        be written.
        """

    async def upload(self, file: FileUpload, progress: Callable[[Progress], None]) -> None:
        """Send ``file``. ``progress`` is called at most once a second, and at the end. Raises TransferFailure."""


class Spool(Protocol):
    """The directory of files that are fetched or sent, one for each transfer."""

    def path(self, number: int) -> str:
        """The path of the file of a transfer; it may not exist."""

    def remove(self, number: int) -> None:
        """Remove that file if it exists. Raises nothing."""

    def keep_only(self, numbers: Sequence[int]) -> None:
        """Remove all other files. Raises nothing."""


class Installer(Protocol):
    """The part of a device that applies fetched files: firmware, configuration files, vendor types."""

    def knows(self, file_type: str) -> bool:
        """Whether files of this type can be applied."""

    async def install(self, file: ReceivedFile, progress: Callable[[str], None]) -> bool:
        """Apply ``file``. Returns True where the device must restart before it is in force.

        ``progress`` takes a line for people. Raises TransferFailure; then nothing of ``file`` is applied.
        """

    async def installed(self, file: ReceivedFile) -> None:
        """Check ``file`` after that restart. Raises TransferFailure where it is not in force."""


@runtime_checkable
class FirmwareImages(Protocol):
    """The firmware images of a device with several; an :class:`Installer` of firmware may be this, too."""

    async def images(self) -> ImageSet:
        """The present images. Raises CwmpFault 9002 where they cannot be read."""

    async def boot_next(self, slot: str) -> None:
        """Let the next boot try the image in ``slot``. Raises CwmpFault; then the next boot is as before."""

    async def make_available(self, slot: str, available: bool) -> None:
        """Say whether the image in ``slot`` may be booted. Raises CwmpFault; then it is as before."""


class FileSource(Protocol):
    """The part of a device that writes files for an Upload: configuration files, logs, vendor types."""

    def knows(self, file_type: str) -> bool:
        """Whether a file of this type exists."""

    async def write(self, file_type: str, path: str) -> None:
        """Write the file to the new file ``path``. Raises TransferFailure."""


class LogFiles(FileSource, Protocol):
    """The logs of a device: ``2 Vendor Log File`` is the first, ``4 Vendor Log File <n>`` the one at place n from 1."""

    @property
    def logs(self) -> Sequence[LogFile]:
        """The logs in their order; it never changes."""


class SoftwareInstaller(Protocol):
    """The part of a device that has execution environments. Its methods raise SoftwareFailure where they fail.

    A ``duid`` names one deployment unit; it has letters and digits only. After a crash the agent calls again what it
    had begun: a method that finds its work done does nothing.
    """

    def environments(self) -> Sequence[str]:
        """Names of its execution environments; they do not change."""

    async def recover(self, fetched: Collection[str], installed: Collection[str]) -> None:
        """Clean up after an earlier process: programs that it has left are ended, and units that it does not know go.

        Fetched files stay for the units in ``fetched``, and what is installed for those in ``installed``. Never raises.
        """

    def spool_path(self, duid: str) -> str:
        """Path for the fetched file of this unit; its directory exists."""

    def discard(self, duid: str) -> None:
        """Remove the fetched file of this unit, if it is there."""

    async def inspect(self, duid: str) -> Package:
        """Check the fetched file of this unit, and return what it says of itself."""

    async def install(self, duid: str) -> None:
        """Put the fetched file into force, in place of what the unit has; where it fails, that is unchanged.

        No execution unit of it runs then.
        """

    async def uninstall(self, duid: str) -> None:
        """Remove everything that the unit has. No execution unit of it runs then."""

    async def start(self, duid: str, unit: str) -> None:
        """Start an execution unit; it is kept running. It may run already."""

    async def stop(self, duid: str, unit: str) -> None:
        """Stop an execution unit. It may have ended already."""

    def status(self, duid: str, unit: str) -> tuple[RunStatus, RunFault]:
        """The present status of an execution unit, and its last fault."""

    async def close(self) -> None:
        """Stop every execution unit: the agent ends. Never raises."""
