"""The lab as a Twisted service: the ACS over HTTP and HTTPS, a STUN server, a NAT and the console."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError, InvalidAddressError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from cwmpagent.errors import ConfigError
from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.authentication import Auth
from cwmpagent.lab.acs.connection_request.xmpp import XmppAccount, XmppAcs
from cwmpagent.lab.certificates import LOOPBACK_NAMES, Certificates, certificates
from cwmpagent.lab.console.resource import Console
from cwmpagent.lab.endpoints import cause, refuse_open, served_url, udp_address
from cwmpagent.lab.files import FileServer, FileSettings
from cwmpagent.lab.network.nat import OUTSIDE, Nat, NatWeather
from cwmpagent.lab.network.nat_kind import NatKind
from cwmpagent.lab.network.stun_server import Challenge, ResponseAddress, StunServer
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.stun.message import Address
from cwmpagent.transport.descriptors import DESCRIPTORS_OF_A_PORT, check_descriptors


@dataclass(frozen=True, slots=True, kw_only=True)
class LabSettings:
    """The options of ``twistd cwmplab``. Ports are Twisted endpoint strings; ``acs_tls`` serves TLS on TCP endpoints.

    ``stun``: ``udp:PORT`` or ``udp:PORT:interface=ADDRESS``, or empty. ``tls_names``: host names and addresses in the
    server's certificate besides the loopback ones.
    """

    directory: Path
    acs: tuple[str, ...] = ("tcp:8069:interface=127.0.0.1",)
    acs_tls: tuple[str, ...] = ("tcp:8070:interface=127.0.0.1",)
    console: str = "tcp:8071:interface=127.0.0.1"
    stun: str = "udp:3478:interface=127.0.0.1"
    stun_challenge: Challenge = "never"
    stun_credentials: Credentials | None = None
    stun_response_address: ResponseAddress = "honour"
    xmpp: XmppAccount | None = None
    nat: NatKind | None = None
    nat_inside: str = "udp:3479:interface=127.0.0.1"
    nat_address: str = OUTSIDE
    nat_lifetime: float = 30.0
    nat_weather: NatWeather = field(default_factory=NatWeather)
    nat_seed: int = 0
    auth: Auth = "none"
    username: str = "cpe"
    password: str = field(default="", repr=False)
    algorithms: tuple[str, ...] = ("MD5",)
    console_username: str = "lab"
    console_password: str = field(default="", repr=False)
    console_hosts: tuple[str, ...] = ()
    tls_names: tuple[str, ...] = ()
    require_client_certificate: bool = False
    connection_request: Credentials | None = None
    files: FileSettings | None = None


@dataclass(frozen=True, slots=True)
class _Listening:
    key: str
    url: str
    port: IListeningPort


class LabService(Service):
    """The service that listens as ``settings`` say, from :meth:`bind` until it is stopped."""

    name = "cwmplab"
    _log = Logger()

    def __init__(self, reactor: Any, settings: LabSettings) -> None:
        self._reactor = reactor
        self._settings = settings
        self._listening: list[_Listening] = []
        self._stun_listens = False
        self._closing: list[Deferred[Any]] = []
        self.certificates: Certificates | None = None
        self.stun = _stun_server(reactor, settings)
        self.nat: Nat | None = None
        self._behind_nat = ""
        if settings.nat is not None:
            self.nat = Nat(
                reactor,
                settings.nat,
                outside=settings.nat_address,
                lifetime=settings.nat_lifetime,
                weather=settings.nat_weather,
                seed=settings.nat_seed,
                monotonic=time.monotonic,
            )
        self.xmpp: XmppAcs | None = None
        if settings.xmpp is not None:
            self.xmpp = XmppAcs(
                reactor,
                settings.xmpp,
                monotonic=time.monotonic,
                on_status=lambda line: self._log.info("{line}", line=line),
            )
        self.acs = LabAcs(
            reactor,
            auth=settings.auth,
            username=settings.username,
            password=settings.password,
            algorithms=settings.algorithms,
            connection_request=settings.connection_request,
            stun=self.stun,
            xmpp=self.xmpp,
            nat=self.nat,
            monotonic=time.monotonic,
        )
        self.files = FileServer(reactor, settings.files) if settings.files is not None else None
        self.console = Console(
            self.acs,
            reactor,
            username=settings.console_username,
            password=settings.console_password,
            hosts=settings.console_hosts,
            files=self.files,
        )

    @property
    def urls(self) -> tuple[tuple[str, str], ...]:
        """Pairs of an option, such as ``--acs``, ``--files-port`` or ``--stun``, and a served URL."""
        served = [(listening.key, listening.url) for listening in self._listening]
        if self.stun is not None and self._stun_listens:
            served.append(("--stun", f"stun:{self.stun.address}"))
        if self._behind_nat:
            served.append(("--nat", f"stun:{self._behind_nat}"))
        return tuple(served)

    def url(self, key: str) -> str:
        """The first URL of the option ``key``. Raises LookupError if there is none."""
        return next((url for served, url in self.urls if served == key), "") or _none(key)

    async def bind(self) -> None:
        """Listen on every port. Raises ConfigError; then no port stays open."""
        settings = self._settings
        site: Any = self.acs.site()
        try:
            for endpoint in settings.acs:
                await self._listen("--acs", "http", endpoint, site, guarded=settings.auth != "none")
            if settings.acs_tls:
                options = self._issued().server_options(require_client=settings.require_client_certificate)
                secure: Any = TLSMemoryBIOFactory(options, False, site)
                guarded = settings.auth != "none" or settings.require_client_certificate
                for endpoint in settings.acs_tls:
                    await self._listen("--acs-tls", "https", endpoint, secure, guarded=guarded)
            if self.files is not None and settings.files is not None:
                await self._listen_for_files(self.files, settings.files)
            if settings.console:
                guarded = bool(settings.console_password)
                console: Any = self.console.site()
                await self._listen("--console", "http", settings.console, console, guarded=guarded)
            self._listen_for_stun()
        except ConfigError:
            # Not awaited: the caller must get the error even if no reactor runs yet.
            self._closing = self._close()
            raise
        for key, url in self.urls:
            self._log.info("{key} {url}", key=key.removeprefix("--"), url=url)
        if self.certificates is not None:
            self._log.info("the CA of the server's certificate: {path}", path=str(self.certificates.ca))

    def stopService(self) -> Deferred[None]:
        """Close the ports and break open sessions."""
        super().stopService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        self.acs.close()
        if self.files is not None:
            self.files.close()
        return Deferred.fromCoroutine(self._closed())

    def _issued(self) -> Certificates:
        """The CA and the certificate of this lab, made once. Raises ConfigError."""
        if self.certificates is None:
            names = (*LOOPBACK_NAMES, *self._settings.tls_names)
            self.certificates = certificates(self._settings.directory, names=names)
        return self.certificates

    async def _listen_for_files(self, server: FileServer, settings: FileSettings) -> None:
        site: Any = server.site()
        guarded = settings.auth != "none"
        if settings.plain:
            await self._listen("--files-port", "http", settings.plain, site, guarded=guarded)
        if settings.tls:
            secure: Any = TLSMemoryBIOFactory(self._issued().server_options(), False, site)
            await self._listen("--files-tls-port", "https", settings.tls, secure, guarded=guarded)

    async def _listen(self, key: str, scheme: str, text: str, factory: Factory, *, guarded: bool) -> None:
        served: IProtocolFactory = factory
        try:
            check_descriptors(DESCRIPTORS_OF_A_PORT)
            endpoint = serverFromString(self._reactor, text)  # type: ignore[no-untyped-call]  # no types there
            port: Any = await endpoint.listen(served)
        except Exception as error:  # an endpoint plugin may raise anything
            raise ConfigError(key, f"{text}: {cause(error)}") from error
        address = port.getHost()
        self._listening.append(_Listening(key, served_url(scheme, address), port))
        if not guarded:
            owner = key.split("-")[2]
            needs = f"--{owner}-password-file" if owner in ("console", "files") else "--password-file"
            refuse_open(key, text, address, needs)

    def _listen_for_stun(self) -> None:
        if self.stun is None:
            return
        self.stun.bind()
        self._stun_listens = True
        if self._settings.stun_challenge == "never":
            refuse_open("--stun", self._settings.stun, self.stun.address, "--stun-password-file")
        if self.nat is not None:
            self._listen_inside(self.nat, self.stun.address)

    def _listen_inside(self, nat: Nat, server: Address) -> None:
        """Put ``nat`` in front of the STUN server at ``server``."""
        settings = self._settings
        if ip_address(server.host).is_unspecified or ":" in server.host:
            # Otherwise an answer would not come from the address that the request was sent to.
            raise ConfigError("--nat", "needs a STUN server at one IPv4 address: --stun udp:PORT:interface=ADDRESS")
        try:
            nat.try_outside()
        except CannotListenError as error:
            raise ConfigError("--nat-address", f"{settings.nat_address}: {cause(error)}") from error
        host, port = udp_address("--nat-inside", settings.nat_inside)
        try:
            inside = nat.stand_in(server, host or "127.0.0.1", port)
        except (CannotListenError, InvalidAddressError) as error:
            raise ConfigError("--nat-inside", f"{settings.nat_inside}: {cause(error)}") from error
        if settings.stun_challenge == "never":
            refuse_open("--nat-inside", settings.nat_inside, inside, "--stun-password-file")
        self._behind_nat = str(inside)

    def _close(self) -> list[Deferred[Any]]:
        listening, self._listening = self._listening, []
        closing = [maybeDeferred(listener.port.stopListening) for listener in listening]
        if self.stun is not None and self._stun_listens:
            self._stun_listens = False
            closing.append(Deferred.fromCoroutine(self.stun.close()))
        if self.nat is not None:
            self._behind_nat = ""
            closing.append(Deferred.fromCoroutine(self.nat.close()))
        return closing

    def startService(self) -> None:
        """Start the XMPP client, if there is an account."""
        super().startService()  # type: ignore[no-untyped-call]  # Twisted has no types there
        if self.xmpp is not None:
            self.xmpp.start()

    async def _closed(self) -> None:
        if self.xmpp is not None:
            await self.xmpp.close()
        await gatherResults([*self._closing, *self._close()])


def _stun_server(reactor: Any, settings: LabSettings) -> StunServer | None:
    """The STUN server of ``settings``, which does not listen yet; None if there is none. Raises ConfigError."""
    if not settings.stun:
        if settings.nat is not None:
            raise ConfigError("--nat", "needs the STUN server: --stun must not be none")
        return None
    host, port = udp_address("--stun", settings.stun)
    return StunServer(
        reactor,
        host=host,
        port=port,
        challenge=settings.stun_challenge,
        credentials=settings.stun_credentials,
        response_address=settings.stun_response_address,
        wall=time.time,
    )


def _none(key: str) -> str:
    raise LookupError(f"nothing listens for {key}")
