"""What a program adds to its device: parameters and RPCs of its vendor, carried out by functions of the program."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred

from cwmpagent.agent.session.dispatcher import Answer, Performer
from cwmpagent.datamodel.schema import Model, ObjectDefinition, ParameterDefinition
from cwmpagent.device.provider import Name, Provider
from cwmpagent.embedding.python_values import python_value, text_of
from cwmpagent.errors import CwmpFault, MisuseError, ParameterFault
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import GenericRequest, GenericResponse
from cwmpagent.protocol.soap import Envelope, encode
from cwmpagent.values import NULL, LexicalError, Restriction, ValueType

LONGEST_RPC = 64
"""Characters of an RPC's name (the MethodList of TR-069 A.3.1.1)."""
LONGEST_PATH = 256
_VENDOR = re.compile(r"X_[0-9A-Z][0-9A-Z-]*_[A-Za-z0-9_-]+")
_FORM = "X_<VENDOR>_<Name>, the vendor in capitals: X_EXAMPLE_Blink"
_NUMBERS = (ValueType.INT, ValueType.UNSIGNED_INT, ValueType.LONG, ValueType.UNSIGNED_LONG, ValueType.DECIMAL)

Range = tuple[int | None, int | None]
"""Lowest and highest, both included; None leaves that end open."""


class VendorParameter(Provider):
    """One parameter that functions of the program read and write; it is what ``@agent.parameter`` makes of a function.

    Calling it calls the function that reads. ``define`` is told what the model must say of it, ``announce`` that its
    value is another one.
    """

    def __init__(
        self,
        path: str,
        definition: ParameterDefinition,
        read: Callable[[], Any],
        *,
        define: Callable[[ParameterDefinition], None],
        announce: Callable[[str], Deferred[None]],
    ) -> None:
        self.path = self.name = path
        self.paths = (path,)
        self._kind = definition.kind
        self._definition = definition
        self._read = read
        self._write: Callable[[Any], Any] | None = None
        self._define = define
        self._announce = announce
        define(definition)

    def __call__(self) -> Any:
        return self._read()

    def setter(self, function: Callable[[Any], Any]) -> VendorParameter:
        """Let the ACS write the parameter: ``function`` gets the new value, may return an awaitable, and refuses
        by raising ``ValueError`` with a sentence for the ACS. Range and type have been checked by then.

        Where another part of the ACS's request fails afterwards, it is called once more, with the former value.
        """
        if self._write is not None:
            raise MisuseError(f"{self.path} has a setter already")
        self._define(replace(self._definition, writable=True))
        self._write = function
        return self

    def changed(self) -> Deferred[None]:
        """The program has given it another value: the ACS is told, if it wants to be. As ``Agent.changed``."""
        return self._announce(self.path)

    async def read(self, names: Sequence[Name]) -> Mapping[str, str]:
        """What its function gives; None is left to the value that was set last."""
        value = await maybeDeferred(self._read)
        return {} if value is None else {self.path: text_of(self._kind, value)}

    def check(self, changes: Mapping[Name, str | None]) -> None:
        """Nothing to refuse: the model knows type and range, and whether there is a setter."""

    async def apply(self, changes: Mapping[Name, str | None]) -> None:
        """Have its other function set it."""
        try:
            await self._set(changes)
        except ValueError as error:
            raise CwmpFault(9003, "", (ParameterFault(self.path, 9007, quoted(str(error))),)) from error

    async def undo(self, former: Mapping[Name, str | None]) -> None:
        """Have it set to what it was."""
        await self._set(former)

    async def _set(self, texts: Mapping[Name, str | None]) -> None:
        assert self._write is not None
        for text in texts.values():
            if text is not None:
                await maybeDeferred(self._write, python_value(self._kind, text))


def new_parameter(model: Model, path: str, kind: str, bounds: Range | None, unit: str) -> ParameterDefinition:
    """The definition of a parameter that ``model`` has not. Raises MisuseError with a sentence for the programmer."""
    if not isinstance(path, str):
        raise MisuseError('a parameter needs its path: @agent.parameter("Device.X_EXAMPLE_Temperature")')
    above, _, name = path.rpartition(".")
    parent = model.definition(above + ".")
    if not isinstance(parent, ObjectDefinition) or _absent(model, above + "."):
        raise MisuseError(f"{path}: the model {model.name} has no object {above}. to declare a parameter in")
    if "{i}" in parent.path:
        raise MisuseError(f"{path}: is in a table; its rows get parameters by a model file and a Provider")
    if not _VENDOR.fullmatch(name) and not any(map(_VENDOR.fullmatch, parent.path.split("."))):
        raise MisuseError(f"{path}: a vendor's own name is needed, {_FORM}")
    if model.definition(path) is not None or model.definition(path + ".") is not None:
        raise MisuseError(f"{path}: is there already")
    if len(path) > LONGEST_PATH or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
        raise MisuseError(f"{path}: is no name of a parameter, or has more than {LONGEST_PATH} characters")
    try:
        value_type = ValueType(kind)
    except ValueError:
        raise MisuseError(f"{path}: {kind!r} is no type; there are {', '.join(ValueType)}") from None
    restriction = _restriction(path, value_type, bounds, unit)
    return ParameterDefinition(
        name=name,
        kind=value_type,
        live=True,
        restriction=restriction,
        default=_first(value_type, bounds or (None, None)),
    )


def performer(name: str, function: Callable[[Mapping[str, str]], Any]) -> Performer:
    """What carries out the vendor's RPC ``name`` by ``function`` (see ``Agent.rpc``)."""

    async def perform(request: GenericRequest) -> GenericResponse | Answer:
        given = await maybeDeferred(function, MappingProxyType(dict(request.arguments)))
        if isinstance(given, GenericResponse | Answer):
            return given
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"its function gave {type(given).__name__}, neither None nor a mapping of names to values")
        arguments = tuple((argument, _argument(value)) for argument, value in (given or {}).items())
        response = GenericResponse(f"{name}Response", arguments)
        encode(Envelope(body=response))  # what cannot be sent is this function's error, not the session's
        return response

    return perform


def check_rpc(name: str) -> None:
    """Raises MisuseError for a name that no vendor's RPC can have."""
    if not isinstance(name, str):
        raise MisuseError('an RPC needs its name: @agent.rpc("X_EXAMPLE_Blink")')
    if not _VENDOR.fullmatch(name) or name.endswith("Response"):
        raise MisuseError(f"the RPC name {name!r} is none of a vendor: it is {_FORM}, and does not end in Response")
    if len(name) > LONGEST_RPC:
        raise MisuseError(f"the RPC name {name} has {len(name)} characters, at most {LONGEST_RPC} are allowed")


def _restriction(path: str, kind: ValueType, bounds: Range | None, unit: str) -> Restriction | None:
    if bounds is None:
        return Restriction(unit=unit) if unit else None
    if kind not in _NUMBERS:
        raise MisuseError(f"{path}: only numbers have a range, not {kind.value}")
    if len(bounds) != 2 or not all(each is None or type(each) is int for each in bounds):
        raise MisuseError(f"{path}: a range is two whole numbers or None, the lowest and the highest: (5, 30)")
    low, high = bounds
    if low is not None and high is not None and low > high:
        raise MisuseError(f"{path}: the range begins with its lowest number: ({high}, {low})")
    for each in bounds:
        try:
            ParameterDefinition(name="range", kind=kind).lexical(NULL[kind] if each is None else str(each))
        except LexicalError as error:
            raise MisuseError(f"{path}: the range goes beyond its type: {error}") from None
    return Restriction(ranges=((low, high),), unit=unit)


def _first(kind: ValueType, bounds: Range) -> str:
    """The allowed value next to null: what is told as long as the program does not know any."""
    low, high = bounds
    if low is not None and low > 0:
        return str(low)
    return str(high) if high is not None and high < 0 else NULL[kind]


def _absent(model: Model, path: str) -> bool:
    parts = path.split(".")[:-1]
    return any(".".join(parts[:count]) + "." in model.absent for count in range(1, len(parts) + 1))


def _argument(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Decimal):
        return str(value)
    raise TypeError(f"a {type(value).__name__} is no argument of an RPC: give a str, a number, True or False")
