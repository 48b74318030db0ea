"""The configuration files that were applied (TR-181 and TR-098 DeviceInfo.VendorConfigFile.{i}.), over restarts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from urllib.parse import unquote, urlsplit

from cwmpagent.protocol.agenda.saved_json import SavedJson

MOST_FILES = 16
"""Maximum number of files; the one that was applied first is forgotten."""
LONGEST_NAME = 64
UNNAMED = "unnamed"


@dataclass(frozen=True, slots=True)
class AppliedFile:
    """A file by its name. ``applied``: seconds since 1970, None where the time was unknown."""

    name: str
    applied: float | None


def file_name(url: str, target_name: str) -> str:
    """The name of a file: the last part of the path of its ``url``, else TargetFileName; at most 64 characters."""
    for name in (unquote(urlsplit(url).path.rpartition("/")[2]), target_name):
        printable = "".join(letter if letter.isprintable() else " " for letter in name).strip()
        if printable:
            return printable[:LONGEST_NAME].strip()
    return UNNAMED


def with_file(files: Sequence[AppliedFile], applied: AppliedFile) -> tuple[AppliedFile, ...]:
    """``files`` with another one, which replaces the one of its name."""
    return (*(each for each in files if each.name != applied.name), applied)[-MOST_FILES:]


def files_record(files: Sequence[AppliedFile]) -> str:
    """``files`` as text for :func:`restored_files`."""
    return json.dumps({"files": [asdict(each) for each in files]}, separators=(",", ":"))


def restored_files(text: str) -> tuple[AppliedFile, ...]:
    """Restore a :func:`files_record`. Raises ValueError where it is damaged."""
    rows = SavedJson.parse(text).rows("files")
    files = tuple(AppliedFile(row.text("name", most=LONGEST_NAME), row.number_or_none("applied")) for row in rows)
    names = {each.name for each in files}
    if len(files) > MOST_FILES or len(names) < len(files) or not all(name and name.isprintable() for name in names):
        raise ValueError("its files are not valid")
    return files
