"""Messages of lightweight notifications over UDP (TR-069 Annex M): changed values, signed, nobody answers.

One message is one datagram: an HTTP POST whose body tells who sends it and which parameters have which values. What
does not fit into one goes in several.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from cwmpagent.protocol.rpc import DeviceIdStruct, ParameterValueStruct
from cwmpagent.protocol.soap.writer import escaped

NAMESPACE = "urn:broadband-forum-org:cwmp:lwnotif-1-0"
MOST_BYTES = 1400
"""A datagram of no more goes over Ethernet in one piece, with the headers of IPv6, UDP and a tunnel."""
LARGEST = 65_000
"""No datagram can be larger; one value may need that much, as it cannot be split."""
LATEST = 2**31 - 1
"""The largest time stamp that the schema's type holds."""

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
    """Who sends: the device, with Username and Password of its ManagementServer; the password signs."""

    device: DeviceIdStruct
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Messages:
    """The datagrams to send, and the names of what is too large for any."""

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
    """Datagrams of :data:`MOST_BYTES` at most that tell ``parameters``; one value alone may take more.

    ``timestamp`` is in seconds since 1970, None while that is not known. ``cnonce`` gives each a random text, all of
    the same length.
    """
    stamp = 0 if timestamp is None else min(max(0, int(timestamp)), LATEST)
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def datagram(told: Iterable[str]) -> bytes:
        body = f"{_opening(sender, stamp, cnonce())}{''.join(told)}{_ENDING}".encode()
        signature = hmac.new(sender.password.encode(), body, "sha1").hexdigest().upper()
        return _HEAD.format(host=shown, length=len(body), signature=signature).encode() + body

    taken = len(datagram(())) + len(str(LARGEST))
    groups: list[list[str]] = []
    left_out: list[str] = []
    room = 0
    for parameter in parameters:
        text = _parameter(parameter)
        size = len(text.encode())
        if size > LARGEST - taken:
            left_out.append(parameter.name)
        elif size <= room:
            groups[-1].append(text)
            room -= size
        else:
            groups.append([text])
            room = MOST_BYTES - taken - size
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
