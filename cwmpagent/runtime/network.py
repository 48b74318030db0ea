"""The network adapters of one agent, built from its configuration. Agents of one process may share some of them."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from cwmpagent.agent.options import ConnectionRequestOptions
from cwmpagent.agent.ports import Clock
from cwmpagent.config import Config
from cwmpagent.errors import ConfigError
from cwmpagent.runtime.udp_port import UdpRequestPort
from cwmpagent.transport.addresses import resolved
from cwmpagent.transport.connection_request.listener import ConnectionRequestListener
from cwmpagent.transport.deadline import within
from cwmpagent.transport.http.acs_client import AcsClient
from cwmpagent.transport.http.limits import HttpLimits
from cwmpagent.transport.local_address import AddressWatch, source_address
from cwmpagent.transport.tls.trust import TlsTrust
from cwmpagent.transport.udp.sender import DatagramSender
from cwmpagent.transport.xmpp.client import XmppConnector


@dataclass(frozen=True, slots=True)
class Host:
    """The process in which an agent runs: reactor, clock and randomness. ``warn`` logs a line."""

    reactor: Any
    clock: Clock
    random: Random
    warn: Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The adapters. ``listener``, ``datagrams`` and ``addresses`` may be shared with another agent."""

    trust: TlsTrust
    xmpp_trust: TlsTrust
    acs: AcsClient
    xmpp: XmppConnector
    listener: ConnectionRequestListener
    udp: UdpRequestPort
    datagrams: DatagramSender
    addresses: AddressWatch

    async def local_address(self, host: str) -> str | None:
        """The source address towards ``host``; if there are several, one at which the listener is reachable."""
        sources = await self.addresses.sources(host)
        return next(filter(self.listener.port_for, sources), sources[0] if sources else None)

    def connection_requests(self, config: Config) -> ConnectionRequestOptions:
        """The options of the ConnectionRequest subsystem; call it once the ports are open."""
        return ConnectionRequestOptions(
            listener=self.listener,
            local_address=self.local_address,
            address_watch=self.addresses,
            fixed_url=config.connection_request.url,
            kick=config.connection_request.kick,
            udp=self.udp.options(),
            xmpp=self.xmpp,
        )


def build_network(config: Config, host: Host, beside: Network | None) -> Network:
    """Build the adapters for ``config``. ``beside``: adapters of an agent whose listener and sockets are shared.

    Raises ConfigError for certificates that cannot be used.
    """
    reactor, monotonic = host.reactor, host.clock.monotonic
    trust, xmpp_trust = _trusts(config, host)
    return Network(
        trust=trust,
        xmpp_trust=xmpp_trust,
        acs=_acs(config, host, trust),
        xmpp=XmppConnector(
            reactor=reactor,
            trust=xmpp_trust,
            random=host.random,
            nonce=_nonce,
            monotonic=monotonic,
            plain_in_the_clear=config.xmpp.allow_plain_without_tls,
        ),
        listener=beside.listener if beside is not None else _listener(config, host),
        udp=UdpRequestPort(reactor, config.connection_request, monotonic, beside.udp if beside is not None else None),
        datagrams=beside.datagrams
        if beside is not None
        else DatagramSender(reactor, monotonic=monotonic, warn=host.warn),
        addresses=beside.addresses if beside is not None else _addresses(config, host),
    )


def _trusts(config: Config, host: Host) -> tuple[TlsTrust, TlsTrust]:
    """The TLS trust for the ACS, and for XMPP servers; one object where both are the same."""
    acs, xmpp, trusted = config.acs, config.xmpp, host.clock.wall_trusted
    trust = TlsTrust(
        acs.ca_file or "",
        acs.client_certificate or "",
        acs.client_key or "",
        time_trusted=trusted,
        on_untrusted_time=host.warn,
    )
    if xmpp.ca_file == acs.ca_file and not acs.client_certificate:
        return trust, trust
    return trust, TlsTrust(xmpp.ca_file or "", time_trusted=trusted, on_untrusted_time=host.warn, table="xmpp")


def trust_errors(config: Config) -> list[ConfigError]:
    """Every error in the certificate and key files of ``config``."""
    acs, xmpp = config.acs, config.xmpp
    errors: list[ConfigError] = []
    for ca_file, certificate, key, table in (
        (acs.ca_file, None, None, "acs"),
        (None, acs.client_certificate, acs.client_key, "acs"),
        (xmpp.ca_file, None, None, "xmpp"),
    ):
        try:
            TlsTrust(ca_file or "", certificate or "", key or "", table=table)
        except ConfigError as error:
            errors.append(error)
    return errors


def _acs(config: Config, host: Host, trust: TlsTrust) -> AcsClient:
    acs = config.acs
    return AcsClient(
        host.reactor,
        trust,
        limits=HttpLimits(connect=acs.connect_timeout, first_byte=acs.answer_timeout, between_bytes=acs.answer_timeout),
        random=host.random,
        cnonce=_nonce,
        warn=host.warn,
        monotonic=host.clock.monotonic,
    )


def _listener(config: Config, host: Host) -> ConnectionRequestListener:
    return ConnectionRequestListener(
        host.reactor,
        config.connection_request.endpoint,
        realm="device",
        algorithms=config.connection_request.algorithms,
        nonce=_nonce,
        clock=host.clock.monotonic,
        warn=host.warn,
    )


def _addresses(config: Config, host: Host) -> AddressWatch:
    reactor, monotonic = host.reactor, host.clock.monotonic

    async def resolve(name: str) -> Sequence[str]:
        return await within(config.acs.connect_timeout, resolved(reactor.nameResolver, name), reactor, monotonic, "")

    return AddressWatch(reactor, monotonic=monotonic, resolve=resolve, source=source_address)


def _nonce() -> str:
    """A nonce of 128 random bits, in hexadecimal."""
    return secrets.token_hex(16)
