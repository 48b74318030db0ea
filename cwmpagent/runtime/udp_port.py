"""The UDP port of an agent for ConnectionRequests, as configured."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from cwmpagent.agent.options import UdpOptions
from cwmpagent.config.settings import ConnectionRequestConfig
from cwmpagent.errors import ConfigError
from cwmpagent.protocol.stun.message import Address
from cwmpagent.transport.local_address import source_address
from cwmpagent.transport.udp.port import DatagramPort
from cwmpagent.transport.udp.shared_port import PortShare, SharedPort
from cwmpagent.transport.udp.stun_client import StunClients


class UdpRequestPort:
    """The port for ConnectionRequests by UDP, open from :meth:`listen` to :meth:`close`.

    ``config`` has the number of the port, or disables it. ``monotonic``: seconds of a clock that is never set.
    ``beside``: the port of another agent, which is shared while it is open, unless ``config`` has another number or
    interface. ``shared``: the port with its agents.
    """

    def __init__(
        self,
        reactor: Any,
        config: ConnectionRequestConfig,
        monotonic: Callable[[], float],
        beside: UdpRequestPort | None = None,
    ) -> None:
        self._reactor = reactor
        self._config = config
        self._monotonic = monotonic
        self._beside = beside
        self._own = SharedPort(secrets.token_bytes)
        self.shared = self._own
        self._share: PortShare | None = None

    def listen(self, first: tuple[str, int] | None, *, own: bool) -> None:
        """Listen, unless the port is open already or disabled.

        ``first``: address and number of the first port of the HTTP listener, None where it has no port now. ``own``:
        whether the HTTP listener is this agent's own. Raises ConfigError where the port cannot be opened.
        """
        config = self._config
        endpoint = re.match(r"tcp6?:", config.endpoint[0]) if config.endpoint else None
        if self._share is not None or config.udp_port == -1:
            return
        if self._beside is not None and self._beside.serves(config):
            self.shared = self._beside.shared
            self._share = self.shared.share()
            return
        if config.udp_port is None and endpoint is None:
            return
        host, number = first or (_interface(config.endpoint), 0)
        interface = config.udp_interface or host
        if config.udp_port is not None or not own:
            number = config.udp_port or 0
        port = DatagramPort(self._reactor, number, interface)
        try:
            port.bind()
        except ConfigError:
            if config.udp_port is not None or _has_number(config.endpoint):
                raise
            port = DatagramPort(self._reactor, 0, interface)  # no number is configured: any free one will do
            port.bind()
        self._own.open(port)
        self._share = self._own.share()

    def serves(self, config: ConnectionRequestConfig) -> bool:
        """Whether the port is open, and is the one in ``config`` if that names one."""
        at = self.shared.host
        if at is None:
            return False
        same_number = config.udp_port in (None, self._config.udp_port, at.port)
        return same_number and config.udp_interface in ("", self._config.udp_interface, at.host)

    def options(self) -> UdpOptions | None:
        """The options of the UDP subsystem; None while the port is closed."""
        if self._share is None:
            return None
        clients = StunClients(
            self._reactor,
            self._share,
            new_id=self._share.new_id,
            alone=self._share.alone,
            monotonic=self._monotonic,
            source_address=source_address,
        )
        return UdpOptions(port=self._share, keep=clients.keep, stun=self._config.stun)

    @property
    def host(self) -> Address | None:
        """The local address of the port; None while it is closed."""
        return self._share.host if self._share is not None else None

    async def close(self) -> None:
        """Close the port. A port of another agent stays open."""
        self._share, self.shared = None, self._own
        await self._own.close()


def _interface(endpoints: Sequence[str]) -> str:
    """The ``interface`` of the first endpoint; empty where it has none."""
    match = re.search(r":interface=((?:\\:|[^:])+)", endpoints[0]) if endpoints else None
    return match[1].replace("\\:", ":") if match is not None else ""


def _has_number(endpoints: Sequence[str]) -> bool:
    """Whether the first endpoint has a configured TCP port number."""
    return bool(endpoints) and re.match(r"tcp6?:(port=)?0*[1-9]", endpoints[0]) is not None
