"""Endpoints of the lab: texts of the command line, the URL of a port, and who can reach it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from twisted.internet.address import UNIXAddress

from cwmpagent.errors import ConfigError
from cwmpagent.transport.addresses import is_loopback

_UDP = re.compile(r"udp:(?P<port>\d{1,5})(:interface=(?P<host>[0-9a-fA-F.:\\]+))?")


def udp_address(key: str, text: str) -> tuple[str, int]:
    """The address and port in ``udp:PORT:interface=ADDRESS``. Raises ConfigError."""
    match = _UDP.fullmatch(text)
    if match is None or int(match["port"]) > 65535:
        raise ConfigError(key, f"{text!r} is not udp:PORT or udp:PORT:interface=ADDRESS")
    host = (match["host"] or "").replace("\\:", ":")
    try:
        return str(ip_address(host)) if host else "", int(match["port"])
    except ValueError:
        raise ConfigError(key, f"{text!r}: {host!r} is not an IP address") from None


def cause(error: Exception) -> str:
    """The reason for which a port cannot be opened."""
    cause = getattr(error, "socketError", error)
    return str(getattr(cause, "strerror", None) or cause)


def refuse_open(key: str, text: str, address: object, needs: str) -> None:
    """Raise ConfigError if other machines can reach ``address``."""
    if not _local(address):
        raise ConfigError(key, f"{text} can be reached from other machines: add {needs}, or interface=127.0.0.1")


def _local(address: object) -> bool:
    """Whether only this machine can reach ``address``."""
    if isinstance(address, UNIXAddress):
        return True
    return is_loopback(str(getattr(address, "host", "")))


def served_url(scheme: str, address: Any) -> str:
    """The URL of a listening ``address`` for a client on this machine."""
    if isinstance(address, UNIXAddress):
        return f"unix:{address.name!r}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{address.port}/"


def endpoints(given: Sequence[str]) -> tuple[str, ...]:
    """Endpoint strings of a command line without ``none``, which means no endpoint."""
    return tuple(endpoint for endpoint in given if endpoint != "none")
