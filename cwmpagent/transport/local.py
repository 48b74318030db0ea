"""Which of this machine's addresses is used towards a host."""

from __future__ import annotations

import socket

_ANY_PORT = 9


def source_address(address: str) -> str | None:
    """The source address of packets to the IP ``address``; None where there is no way to it. Nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, _ANY_PORT))
            source = str(probe.getsockname()[0])
    except OSError:
        return None
    return source.partition("%")[0]
