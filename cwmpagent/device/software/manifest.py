"""The manifest in an archive: ``unit.toml``, which says what the deployment unit is and which programs it has."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass

from cwmpagent.errors import SoftwareFailure
from cwmpagent.protocol.software.unit import MOST_UNITS, ExecutionUnit, Package
from cwmpagent.typed_members import TypedMembers

MANIFEST = "unit.toml"
CORRUPTED = 9018

_UNIT_NAME = re.compile(r"[A-Za-z0-9_-]{1,32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Program:
    """The commands of one execution unit, as argument lists. ``stop``: empty where a signal is enough."""

    start: tuple[str, ...]
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was read. ``programs``: by the name of the execution unit."""

    package: Package
    programs: dict[str, Program]


def read_manifest(data: bytes) -> Manifest:
    """Read a manifest. Raises SoftwareFailure 9018 with a sentence that says what is wrong with it."""
    try:
        table = TypedMembers(tomllib.loads(data.decode()), "", lambda name, reason: ValueError(f"{name} {reason}"))
        units: list[ExecutionUnit] = []
        programs: dict[str, Program] = {}
        rows = list(table.rows("unit")) if "unit" in table else []
        if len(rows) > MOST_UNITS:
            raise ValueError(f"unit has more than {MOST_UNITS} entries")
        for row in rows:
            name = row.text("name")
            if not _UNIT_NAME.fullmatch(name) or name in programs:
                raise ValueError("each unit needs a name of its own: 1 to 32 letters, digits, - and _")
            units.append(ExecutionUnit(name, row.flag("auto_start", True)))
            programs[name] = Program(_command(row, "start", 1), _command(row, "stop", 0))
        package = Package(
            name=table.text("name", most=64, empty=False, printable=True),
            version=table.text("version", most=32, empty=False, printable=True),
            vendor=table.text("vendor", "", most=128, printable=True),
            description=table.text("description", "", most=256, printable=True),
            environment=table.text("environment", "", most=32, printable=True),
            units=tuple(units),
        )
    except (ValueError, RecursionError) as error:
        raise SoftwareFailure(CORRUPTED, f"{MANIFEST} is wrong: {str(error)[:150]}") from None
    return Manifest(package, programs)


def _command(row: TypedMembers, name: str, least: int) -> tuple[str, ...]:
    words = row.texts(name, None if least else (), least=least)
    if any("\0" in word for word in words) or (words and not words[0]):
        raise ValueError(f"{name} must be a list of arguments")
    return words
