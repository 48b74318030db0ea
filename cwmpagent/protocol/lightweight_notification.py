"""Messages of lightweight notifications over UDP (TR-069 Annex M): signed parameter values without a response.

One message is one datagram: an HTTP POST whose body has the identity of the device, and parameters with their values.
Parameters that do not fit into one datagram are split over several.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cwmpagent.protocol.rpc import DeviceIdStruct, ParameterValueStruct
from cwmpagent.protocol.soap.writer import escaped

NAMESPACE = "urn:broadband-forum-org:cwmp:lwnotif-1-0"
MOST_BYTES = 1400
"""Bytes of a datagram that Ethernet carries unfragmented, with the headers of IPv6, UDP and a tunnel."""
LARGEST = 65_000
"""Upper limit of a datagram in bytes. A single value may need that much, because it cannot be split."""
LATEST = 2**31 - 1
"""The largest time stamp (TS) that the type in the schema can hold."""

_OPENING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<Notification xmlns="{NAMESPACE}" xmlns:xs="http://www.w3.org/2001/XMLSchema"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
)
_ENDING = "</Notification>"
_HEAD = (
    "POST / HTTP/1.1\r\nHOST: {host}\r\nContent-Type: text/xml; charset=utf-8\r\n"
    "Content-Length: {length}\r\nSignature: {signature}\r\n\r\n"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The sending device, with Username and Password of its ManagementServer. The password is the signature key."""

    device: DeviceIdStruct
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Messages:
    """The datagrams to send, and the names of the parameters that are too large for any datagram."""

    datagrams: tuple[bytes, ...]
    left_out: tuple[str, ...] = ()


def messages(
    sender: Sender,
    parameters: Iterable[ParameterValueStruct],
    *,
    timestamp: float | None,
    cnonce: Callable[[], str],
    host: str,
    port: int,
) -> Messages:
    """Build datagrams of at most :data:`MOST_BYTES` bytes with ``parameters``. A single large value may exceed it.

    ``timestamp``: seconds since 1970, None while the time is not known. ``cnonce``: returns a random text for each
    datagram; all texts must have the same length.
    """
    stamp = 0 if timestamp is None else min(max(0, int(timestamp)), LATEST)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def datagram(elements: Iterable[str]) -> bytes:
        body = f"{_opening(sender, stamp, cnonce())}{''.join(elements)}{_ENDING}".encode()
        signature = hmac.new(sender.password.encode(), body, "sha1").hexdigest().upper()
        return _HEAD.format(host=authority, length=len(body), signature=signature).encode() + body

    overhead = len(datagram(())) + len(str(LARGEST))
    groups: list[list[str]] = []
    left_out: list[str] = []
    room = 0
    for parameter in parameters:
        text = _parameter(parameter)
        size = len(text.encode())
        if size > LARGEST - overhead:
            left_out.append(parameter.name)
        elif size <= room:
            groups[-1].append(text)
            room -= size
        else:
            groups.append([text])
            room = MOST_BYTES - overhead - size
    return Messages(tuple(map(datagram, groups)), tuple(left_out))


def _opening(sender: Sender, stamp: int, cnonce: str) -> str:
    device = sender.device
    return (
        f"{_OPENING}<TS>{stamp}</TS><UN>{escaped(sender.username)}</UN><CN>{escaped(cnonce)}</CN>"
        f"<OUI>{escaped(device.oui)}</OUI><ProductClass>{escaped(device.product_class)}</ProductClass>"
        f"<SerialNumber>{escaped(device.serial_number)}</SerialNumber>"
    )


def _parameter(parameter: ParameterValueStruct) -> str:
    value = parameter.value
    return (
        f"<Param><Name>{escaped(parameter.name)}</Name>"
        f'<Value xsi:type="xs:{value.kind.xsd}">{escaped(value.text)}</Value></Param>'
    )
