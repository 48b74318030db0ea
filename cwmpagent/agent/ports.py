"""What behaviour needs from the world: every adapter of floor 1 is seen through these and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from cwmpagent.datamodel.names import Name
from cwmpagent.protocol.connection_request.xmpp import ConnectionRequest, XmppVerdict
from cwmpagent.protocol.connection_request.xmpp_account import Account, Standing, Stats
from cwmpagent.protocol.session import Reply
from cwmpagent.protocol.stun.binding import Binding, BindingSettings
from cwmpagent.protocol.stun.message import Address
from cwmpagent.records import Batch


class Clock(Protocol):
    """Two clocks: one for waits, one for stamps."""

    def monotonic(self) -> float:
        """Seconds that only go forward; they go on over a restart of the process, not over a boot."""

    def wall(self) -> float:
        """Seconds since 1970, as far as this machine knows."""

    def wall_trusted(self) -> bool:
        """Whether the wall clock may be told to the ACS and used for phases."""

    def utc_offset(self) -> int:
        """Seconds that local time is ahead of UTC now."""


class DelayedCall(Protocol):
    """A call that waits for its time."""

    def cancel(self) -> None:
        """Forget it."""

    def active(self) -> bool:
        """Whether it still waits."""


class Timers(Protocol):
    """The part of a reactor that wakes us."""

    def callLater(self, delay: float, function: Callable[[], object], /) -> DelayedCall:
        """Call ``function`` after ``delay`` seconds."""


class Restart(Protocol):
    """The ways in which the device starts anew; each begins once the code of the session has returned."""

    def reboot(self, command_key: str) -> None:
        """Reboot; ``command_key`` is that of the Reboot RPC, for the log."""

    def factory_reset(self) -> None:
        """Discard the whole state, and boot."""


class Exchange(Protocol):
    """The HTTP exchanges of one session."""

    async def post(self, body: bytes) -> Reply:
        """Send one message and read its answer. Raises :class:`~cwmpagent.errors.TransportError`."""

    async def close(self) -> None:
        """Close the connection."""


class Acs(Protocol):
    """The way to the ACS."""

    def open(self, url: str, username: str, password: str) -> Exchange:
        """Begin the exchanges of one session; nothing is sent yet."""


class Store(Protocol):
    """Durable state."""

    def save(self, batch: Batch) -> Deferred[None]:
        """Save all of ``batch`` or nothing. Errbacks with :class:`~cwmpagent.errors.StoreWriteError`.

        Cancelling before the commit rolls it back; a commit under way is finished.
        """


class Listener(Protocol):
    """The HTTP server for ConnectionRequests."""

    @property
    def listening(self) -> bool:
        """Whether it listens anywhere."""

    def port_for(self, address: str) -> int:
        """The TCP port at which it is reached by our IP ``address``; 0 where it is not."""

    async def switched(self, path: str) -> None:
        """The agent at ``path`` may be switched on or off: ports are open or closed accordingly when this returns."""


class DatagramTarget(Protocol):
    """Whoever a :class:`UdpPort` is for."""

    def stun(self, data: bytes, source: Address) -> None:
        """What may be a STUN message came."""

    def text(self, data: bytes, source: Address) -> None:
        """What may be a ConnectionRequest came."""


class UdpPort(Protocol):
    """The UDP port for ConnectionRequests."""

    @property
    def host(self) -> Address | None:
        """Where it listens, None while it does not; ``0.0.0.0`` and ``::`` stand for all addresses of the machine."""

    def attach(self, target: DatagramTarget) -> None:
        """Give ``target`` what comes from now on."""

    def detach(self) -> None:
        """Throw away what comes."""


class BindingKeeper(Protocol):
    """Keeps the binding of the UDP port with one STUN server."""

    @property
    def binding(self) -> Binding | None:
        """The binding as it is now; None while the server has no address."""

    def received(self, data: bytes) -> None:
        """What may be a STUN message came to the port."""

    def look(self) -> None:
        """The addresses of this machine may have changed."""

    def stop(self) -> Deferred[None]:
        """Keep it no longer; fires when nothing is left open."""


class KeepBinding(Protocol):
    """Begins to keep the binding of the UDP port."""

    def __call__(
        self,
        host: str,
        server_port: int,
        settings: BindingSettings,
        *,
        found: Callable[[Address, bool], None],
        trouble: Callable[[str], None],
    ) -> BindingKeeper:
        """Keep it with the STUN server ``host`` at ``server_port``.

        ``found`` is told the mapped address and whether there is a NAT, whenever either is another; ``trouble`` a
        sentence when the server cannot be had, and an empty one when it can again.
        """


class Provider(Protocol):
    """A part of the real device, written by whoever makes it: see :class:`cwmpagent.device.provider.Provider`.

    Every method may also give a coroutine or a Deferred, and may raise or give whatever it likes: it is not trusted.
    """

    @property
    def paths(self) -> Sequence[str]:
        """What it answers for: objects, tables and single parameters."""

    @property
    def tables(self) -> Sequence[str]:
        """The tables whose rows it supplies."""

    @property
    def changeable(self) -> Sequence[str]:
        """Objects, tables and single parameters that it can change."""

    @property
    def name(self) -> str:
        """What it is called in the log."""

    def read(self, names: Sequence[Name]) -> Any:
        """A mapping of name -> text."""

    def instances(self, table: Name) -> Any:
        """The keys of the rows of ``table``."""

    def check(self, changes: Mapping[Name, str | None]) -> Any:
        """A mapping of what is refused -> why, or None."""

    def apply(self, changes: Mapping[Name, str | None]) -> Any:
        """Make the changes; True where they take effect only after the session."""

    def undo(self, former: Mapping[Name, str | None]) -> Any:
        """Go back to ``former``."""

    def finish(self, changes: Mapping[Name, str | None]) -> Any:
        """Let the changes take effect: the session is over."""


class XmppConnection(Protocol):
    """One account that is kept logged in at an XMPP server."""

    async def close(self) -> None:
        """Log out; returns when nothing is left open. Raises nothing."""


class Xmpp(Protocol):
    """The way to XMPP servers."""

    def open(
        self,
        account: Account,
        stats: Stats,
        told: Callable[[Standing], object],
        asked: Callable[[ConnectionRequest], XmppVerdict],
        /,
    ) -> XmppConnection:
        """Keep ``account`` logged in, and count in ``stats``; raises nothing, whatever the account is like.

        ``told`` gets each new standing, ``asked`` says what a connection request is answered with.
        """


Notify = Callable[[str, int, Sequence[bytes]], None]
"""Send datagrams to a port of a host, and forget them: nobody waits for it, and nothing is raised."""


class AddressWatch(Protocol):
    """Tells when another of this machine's addresses is used towards a host."""

    def watch(self, host: str, moved: Callable[[], None]) -> None:
        """Have ``moved`` called whenever the address towards ``host``, a name or an address, may be another."""

    def unwatch(self, host: str, moved: Callable[[], None]) -> None:
        """Have it called no more."""


LocalAddress = Callable[[str], Awaitable[str | None]]
"""The address of this machine towards a host, one at which it is reached before others; None where it is unknown."""
