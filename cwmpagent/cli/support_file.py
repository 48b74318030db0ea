"""The file for a support case, written with mode 0600."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cwmpagent.errors import ControlError


def gathered(items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The sections of an export, joined into one object."""
    whole: dict[str, Any] = {}
    for item in items:
        if "part" in item:
            whole.setdefault(item["section"], []).append(item["part"])
        else:
            whole[item["section"]] = item["content"]
    return whole


def save(whole: Mapping[str, Any], output: str | None) -> Path:
    """Write ``whole`` to the new file ``output``; its path.

    ``output`` None: a name made of the serial number and the local time. Raises ControlError.
    """
    serial = re.sub(r"[^\w.-]", "_", whole["status"]["device"]["serial_number"], flags=re.ASCII)
    path = Path(output or f"cwmpagent-{serial}-{time.strftime('%Y%m%dT%H%M%S')}.json")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ControlError(f"{path} exists already and is not overwritten") from None
    except OSError as error:
        raise ControlError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, 0o600)
            json.dump(whole, file, indent=1)
            file.write("\n")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ControlError(f"{path} cannot be written: {error.strerror}") from None
    return path
