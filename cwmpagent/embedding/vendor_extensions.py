"""Vendor parameters and vendor RPCs of a device, implemented by functions of a program."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from twisted.internet.defer import Deferred, maybeDeferred

from cwmpagent.agent.session.dispatcher import Answer, Performer
from cwmpagent.datamodel.schema import Model, ObjectDefinition, ParameterDefinition
from cwmpagent.device.provider import Name, Provider
from cwmpagent.embedding.arguments import check_function, check_text
from cwmpagent.embedding.python_values import python_value, text_of
from cwmpagent.errors import CwmpFault, MisuseError, ParameterFault
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.rpc import GenericRequest, GenericResponse
from cwmpagent.protocol.soap import Envelope, encode
from cwmpagent.values import NULL, LexicalError, Restriction, ValueType

LONGEST_RPC = 64
"""Maximum number of characters of the name of an RPC (the MethodList of TR-069 A.3.1.1)."""
LONGEST_PATH = 256
"""Maximum number of characters of the full name of a parameter."""
_VENDOR = re.compile(r"X_[0-9A-Z][0-9A-Z-]*_[A-Za-z0-9_-]+")
_FORM = "X_<VENDOR>_<Name>, the vendor in capitals: X_EXAMPLE_Blink"
_NUMBERS = (ValueType.INT, ValueType.UNSIGNED_INT, ValueType.LONG, ValueType.UNSIGNED_LONG, ValueType.DECIMAL)

TypeName = Literal[
    "string",
    "int",
    "unsignedInt",
    "long",
    "unsignedLong",
    "decimal",
    "boolean",
    "dateTime",
    "base64",
    "hexBinary",
]
"""The types of parameters in CWMP."""
Range = tuple[int | None, int | None]
"""Lowest and highest number, both allowed; None means no limit."""


class VendorParameter(Provider):
    """A parameter that functions of the program read and write; the result of ``@agent.parameter``.

    A call calls the function that reads. ``define`` puts a definition into the model; ``announce`` reports a new value.
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
        """Make the parameter writable: ``function`` is called with the new value and may return an awaitable.

        Range and type have been checked before. ``function`` refuses a value with a ``ValueError``, whose text is sent
        to the ACS. If another part of the ACS's request fails later, it is called again with the former value.
        """
        if self._write is not None:
            raise MisuseError(f"{self.path} already has a setter")
        check_function(function, f"the setter of {self.path}", "put @name.setter above a function with one argument")
        self._define(replace(self._definition, writable=True))
        self._write = function
        return self

    def changed(self) -> Deferred[None]:
        """Announce a new value, which is reported to the ACS as its Notification says. As ``Agent.changed``."""
        return self._announce(self.path)

    async def read(self, names: Sequence[Name]) -> Mapping[str, str]:
        """Call the function that reads. None means the value that was set last."""
        value = await maybeDeferred(self._read)
        return {} if value is None else {self.path: text_of(self._kind, value)}

    def check(self, changes: Mapping[Name, str | None]) -> None:
        """Refuse nothing: the model has checked type and range, and whether there is a setter."""

    async def apply(self, changes: Mapping[Name, str | None]) -> None:
        """Call the setter with the new value."""
        try:
            await self._set(changes)
        except ValueError as error:
            raise CwmpFault(9003, "", (ParameterFault(self.path, 9007, quoted(str(error))),)) from error

    async def undo(self, former: Mapping[Name, str | None]) -> None:
        """Call the setter with the former value."""
        await self._set(former)

    async def _set(self, texts: Mapping[Name, str | None]) -> None:
        assert self._write is not None
        for text in texts.values():
            if text is not None:
                await maybeDeferred(self._write, python_value(self._kind, text))


def new_parameter(model: Model, path: str, kind: str, bounds: Range | None, unit: str) -> ParameterDefinition:
    """The definition of a parameter that is new in ``model``. Raises MisuseError with a message for the programmer."""
    if not isinstance(path, str):
        raise MisuseError('the decorator needs a path: @agent.parameter("Device.X_EXAMPLE_Temperature")')
    check_text(unit, f"the unit of {path}", 'as in "degrees Celsius"')
    above, _, name = path.rpartition(".")
    parent = model.definition(above + ".")
    if not isinstance(parent, ObjectDefinition) or _absent(model, above + "."):
        raise MisuseError(f"{path}: the model {model.name} has no object {above}.")
    if "{i}" in parent.path:
        raise MisuseError(f"{path}: is in a table: parameters of rows need a model file and a Provider")
    if not _VENDOR.fullmatch(name) and not any(map(_VENDOR.fullmatch, parent.path.split("."))):
        raise MisuseError(f"{path}: must have a vendor's name, {_FORM}")
    if model.definition(path) is not None or model.definition(path + ".") is not None:
        raise MisuseError(f"{path}: exists already")
    if len(path) > LONGEST_PATH or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
        raise MisuseError(
            f"{path}: a name has letters, digits, - and _ only, and a full name at most {LONGEST_PATH} characters"
        )
    try:
        value_type = ValueType(kind)
    except ValueError:
        raise MisuseError(f"{path}: unknown type {kind!r}: use one of {', '.join(ValueType)}") from None
    restriction = _restriction(path, value_type, bounds, unit)
    return ParameterDefinition(
        name=name,
        kind=value_type,
        live=True,
        restriction=restriction,
        default=_first(value_type, bounds or (None, None)),
    )


def performer(name: str, function: Callable[[Mapping[str, str]], Any]) -> Performer:
    """The performer of the vendor RPC ``name``, which calls ``function`` (see ``Agent.rpc``)."""

    async def perform(request: GenericRequest) -> GenericResponse | Answer:
        result = await maybeDeferred(function, MappingProxyType(dict(request.arguments)))
        if isinstance(result, GenericResponse | Answer):
            return result
        if result is not None and not isinstance(result, Mapping):
            raise TypeError(
                f"the function returned {type(result).__name__}: return None, or a mapping of names to values"
            )
        arguments = tuple((argument, _argument(value)) for argument, value in (result or {}).items())
        response = GenericResponse(f"{name}Response", arguments)
        encode(Envelope(body=response))  # an argument that cannot be sent fails here, as an error of the function
        return response

    return perform


def check_rpc(name: str) -> None:
    """Check the name of a vendor RPC. Raises MisuseError."""
    if not isinstance(name, str):
        raise MisuseError('the decorator needs a name: @agent.rpc("X_EXAMPLE_Blink")')
    if not _VENDOR.fullmatch(name) or name.endswith("Response"):
        raise MisuseError(f"{name!r} cannot be the name of a vendor RPC: use {_FORM}, without Response at the end")
    if len(name) > LONGEST_RPC:
        raise MisuseError(f"the RPC name {name} has {len(name)} characters, at most {LONGEST_RPC} are allowed")


def _restriction(path: str, kind: ValueType, bounds: Range | None, unit: str) -> Restriction | None:
    if bounds is None:
        return Restriction(unit=unit) if unit else None
    if kind not in _NUMBERS:
        raise MisuseError(f"{path}: only numbers can have a range, not {kind.value}")
    if (
        not isinstance(bounds, tuple | list)
        or len(bounds) != 2
        or not all(bound is None or type(bound) is int for bound in bounds)
    ):
        raise MisuseError(
            f"{path}: a range must be two values, the lowest and the highest, each an int or None: (5, 30)"
        )
    low, high = bounds
    if low is not None and high is not None and low > high:
        raise MisuseError(f"{path}: a range must begin with the lowest number: ({high}, {low})")
    for bound in bounds:
        try:
            ParameterDefinition(name="range", kind=kind).lexical(NULL[kind] if bound is None else str(bound))
        except LexicalError as error:
            raise MisuseError(f"{path}: the range exceeds the type: {error}") from None
    return Restriction(ranges=((low, high),), unit=unit)


def _first(kind: ValueType, bounds: Range) -> str:
    """The allowed value next to zero or the empty text: the value until the function supplies one."""
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
    raise TypeError(f"a {type(value).__name__} cannot be an argument of an RPC: use a str, a number, True or False")
