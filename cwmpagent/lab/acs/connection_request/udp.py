"""UDP connection requests of the ACS (TR-069 Annex G.2.2.3): signed, in copies, from the STUN server's port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.lab.network.stun_server import SeenBinding, StunServer
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.connection_request.udp import build
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.stun.message import Address

COPIES = 3
HTTP_PORT = 80
"""The port of an address without one."""


@dataclass(frozen=True, slots=True)
class SentByUdp:
    """The destination and the number of copies of a request; only a later session shows that it arrived.

    ``lost``: why the request went nowhere, as far as the lab knows its own NAT; else empty.
    """

    to: Address
    copies: int
    lost: str = ""


class UdpRequester:
    """The sender of requests from the port of ``server``.

    ``wall``: the time of day in seconds. ``token``: returns unpredictable text.
    """

    def __init__(
        self,
        server: StunServer,
        *,
        wall: Callable[[], float],
        token: Callable[[], str],
    ) -> None:
        self._server = server
        self._wall = wall
        self._token = token
        self._last = 0

    def ask(self, device: LabDevice, credentials: Credentials) -> SentByUdp:
        """Send copies of one request to ``device``. Raises UnreachableError if its address is not known."""
        to = self._address(device)
        # A device accepts only rising timestamps, and two requests may fall into one second.
        self._last = max(int(self._wall()), self._last + 1)
        datagram = build(
            str(to),
            timestamp=self._last,
            request_id=str(int(self._token()[:8], 16)),
            username=credentials.username,
            cnonce=self._token()[:16],
            password=credentials.password,
        )
        for _ in range(COPIES):
            if not self._server.send(datagram, to):
                raise UnreachableError(f"no datagram can be sent to {to}")
        return SentByUdp(to, COPIES)

    def knows_address(self, device: LabDevice) -> bool:
        """Whether ``device`` has reported its address, even an empty or wrong one, or the STUN server has seen it."""
        return self._binding(device) is not None or (
            device.find("ManagementServer.UDPConnectionRequestAddress") is not None
        )

    @staticmethod
    def _binding(device: LabDevice) -> SeenBinding | None:
        """The changed binding that the STUN server received after the last Inform."""
        binding = device.binding
        return binding if binding is not None and binding.seen_at > device.last_inform else None

    def _address(self, device: LabDevice) -> Address:
        """The last UDPConnectionRequestAddress, or the binding that the STUN server received after the last Inform."""
        text = device.find("ManagementServer.UDPConnectionRequestAddress") or ""
        binding = self._binding(device)
        if binding is not None:
            return binding.mapped
        if not text:
            raise UnreachableError(
                f"{device.id} has reported no UDPConnectionRequestAddress: read Device.ManagementServer. by a task"
            )
        host, colon, port = text.rpartition(":") if not text.endswith("]") and ":" in text else (text, "", "")
        try:
            if not text.isprintable():  # the zone of an IPv6 address may be any text, and goes into a header
                raise ValueError
            address = Address(str(ip_address(host.strip("[]"))), int(port) if colon else HTTP_PORT)
        except ValueError:
            raise UnreachableError(f"its UDPConnectionRequestAddress is not an address: {quoted(text)}") from None
        if not 0 < address.port < 65536:
            raise UnreachableError(f"its UDPConnectionRequestAddress is not an address: {quoted(text)}")
        return address
