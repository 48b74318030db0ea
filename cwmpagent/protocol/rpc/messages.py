"""What can stand in the body of an envelope: the kinds of message, faults, and what no table knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cwmpagent.errors import ParameterFault
from cwmpagent.faults import FaultSide, is_client


class Message:
    """Anything an envelope can carry. ``NAME`` is its element's local name, or empty where that varies."""

    __slots__ = ()
    NAME: ClassVar[str] = ""

    def __init_subclass__(cls) -> None:
        cls.NAME = cls.__name__


class Request(Message):
    """An RPC asked for."""

    __slots__ = ()


class AcsRequest(Request):
    """An RPC that an ACS asks a device for."""

    __slots__ = ()


class CpeRequest(Request):
    """An RPC that a device asks an ACS for."""

    __slots__ = ()


class Response(Message):
    """The answer to an RPC that was carried out."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class GenericRequest(AcsRequest, CpeRequest):
    """A request that the standard does not name (or a vendor's ``X_<VENDOR>_Name``).

    ``arguments`` are its direct child elements: local name and text.
    """

    name: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class GenericResponse(Response):
    """A response that the standard does not name; ``name`` ends in ``Response``."""

    name: str
    arguments: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BadRequest(Request):
    """A request the standard names, with arguments it forbids: to be answered with the fault ``code``."""

    name: str
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Fault(Message):
    """A CWMP fault (TR-069 A.5). An empty ``text`` is sent as the usual sentence of ``code``."""

    code: int
    text: str = ""
    parameters: tuple[ParameterFault, ...] = ()

    @property
    def faultcode(self) -> FaultSide:
        """SOAP's ``faultcode`` for ``code``."""
        return "Client" if is_client(self.code) else "Server"


@dataclass(frozen=True, slots=True)
class SoapFault(Message):
    """A SOAP fault without a CWMP fault in its detail, such as ``MustUnderstand``."""

    faultcode: str
    faultstring: str = ""


def rpc_name(message: Message) -> str:
    """The local name of the message's element, also where no table knows it."""
    if isinstance(message, GenericRequest | GenericResponse | BadRequest):
        return message.name
    return message.NAME
