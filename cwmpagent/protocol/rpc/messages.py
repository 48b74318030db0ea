"""The messages in the Body of an envelope: requests, responses, faults, and vendor messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cwmpagent.errors import ParameterFault
from cwmpagent.faults import FaultSide, is_client


class Message:
    """Base class of all messages. ``NAME`` is the local name of the element, empty where it varies."""

    __slots__ = ()
    NAME: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.NAME = cls.__name__


class Request(Message):
    """Request of an RPC."""

    __slots__ = ()


class AcsRequest(Request):
    """Request of an ACS to a CPE."""

    __slots__ = ()


class CpeRequest(Request):
    """Request of a CPE to an ACS."""

    __slots__ = ()


class Response(Message):
    """Response to an RPC that was executed."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class GenericRequest(AcsRequest, CpeRequest):
    """Request that the standard does not define, such as a vendor's ``X_<VENDOR>_Name``.

    ``arguments``: its direct child elements as local name and text.
    """

    name: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class GenericResponse(Response):
    """Response that the standard does not define; ``name`` ends in ``Response``."""

    name: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BadRequest(Request):
    """Request of the standard with invalid arguments; it must be answered with the fault ``code``."""

    name: str
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Fault(Message):
    """CWMP fault (TR-069 A.5). Where ``text`` is empty, the default text of ``code`` is sent."""

    code: int
    text: str = ""
    parameters: tuple[ParameterFault, ...] = ()

    @property
    def faultcode(self) -> FaultSide:
        """The SOAP ``faultcode`` for ``code``."""
        return "Client" if is_client(self.code) else "Server"


@dataclass(frozen=True, slots=True)
class SoapFault(Message):
    """SOAP fault without a CWMP fault in its detail, such as ``MustUnderstand``."""

    faultcode: str
    faultstring: str = ""


def rpc_name(message: Message) -> str:
    """The local name of the element of ``message``, also for vendor messages."""
    if isinstance(message, GenericRequest | GenericResponse | BadRequest):
        return message.name
    return message.NAME
