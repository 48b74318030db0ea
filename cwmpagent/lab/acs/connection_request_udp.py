"""The ACS's side of a UDP connection request (TR-069 Annex G.2.2.3): signed, in copies, from the STUN server's port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from cwmpagent.lab.acs.connection_request_http import UnreachableError
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.network.stun_server import StunServer
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.connection_request.udp import build
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.stun.message import Address

COPIES = 3
HTTP_PORT = 80
"""What an address without a port stands for."""


@dataclass(frozen=True, slots=True)
class SentByUdp:
    """Where a request was sent, and how often. Whether it arrived only the session will tell."""

    to: Address
    copies: int


class UdpRequester:
    """Sends requests from the port of ``server``. ``wall`` is the time of day, ``token`` makes unpredictable text.

    ``milliseconds``: time stamps are of those, as some ACSs have them.
    """

    def __init__(
        self,
        server: StunServer,
        *,
        wall: Callable[[], float],
        token: Callable[[], str],
        milliseconds: bool = False,
    ) -> None:
        self._server = server
        self._wall = wall
        self._token = token
        self._unit = 1000 if milliseconds else 1
        self._last = 0

    def ask(self, device: LabDevice, credentials: Credentials, copies: int = COPIES) -> SentByUdp:
        """Send ``copies`` of one request to ``device``. Raises UnreachableError where it has told no address."""
        to = self._address(device)
        # Devices take only a later one than the last, and there may be two requests in a second.
        self._last = max(int(self._wall() * self._unit), self._last + 1)
        datagram = build(
            str(to),
            timestamp=self._last,
            request_id=str(int(self._token()[:8], 16)),
            username=credentials.username,
            cnonce=self._token()[:16],
            password=credentials.password,
        )
        for _ in range(copies):
            if not self._server.send(datagram, to):
                raise UnreachableError(f"no datagram can be sent to {to}")
        return SentByUdp(to, copies)

    def _address(self, device: LabDevice) -> Address:
        """What the device told last, unless the STUN server has heard of another binding since."""
        told = device.find("ManagementServer.UDPConnectionRequestAddress") or ""
        heard = device.binding
        if heard is not None and heard.seen_at > device.last_inform:
            return heard.mapped
        if not told:
            raise UnreachableError(
                f"{device.id} has told no UDPConnectionRequestAddress: let a task read Device.ManagementServer."
            )
        host, colon, port = told.rpartition(":") if not told.endswith("]") and ":" in told else (told, "", "")
        try:
            address = Address(str(ip_address(host.strip("[]"))), int(port) if colon else HTTP_PORT)
        except ValueError:
            raise UnreachableError(f"its UDPConnectionRequestAddress is no address: {quoted(told)}") from None
        if not 0 < address.port < 65536:
            raise UnreachableError(f"its UDPConnectionRequestAddress is no address: {quoted(told)}")
        return address
