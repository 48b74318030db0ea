"""The format of configuration files: JSON with a version and the writable parameters (docs/transfers.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.masking import quoted

FORMAT = "cwmpagent configuration"
VERSION = 1
LARGEST = 1 << 26
"""Maximum number of octets of a configuration file."""


def configuration_text(values: Mapping[str, str]) -> bytes:
    """The file with ``values``, full path -> text."""
    content = {"format": FORMAT, "version": VERSION, "parameters": dict(values)}
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode(errors="surrogatepass")


def configuration_values(data: bytes) -> Mapping[str, str]:
    """The values, full path -> text, in a file. Raises TransferFailure 9018 with the place and the reason."""
    try:
        content: Any = json.loads(data.decode("utf-8-sig"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _TwiceError) else "is not JSON in UTF-8"
        raise _wrong(reason) from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _wrong(f'has no "format": "{FORMAT}"')
    if content.get("version") != VERSION or isinstance(content["version"], bool):
        raise _wrong(f"has not the version {VERSION}")
    unknown = content.keys() - {"format", "version", "parameters"}
    if unknown:
        raise _wrong(f"has the unknown member {quoted(min(unknown))}")
    values = content.get("parameters")
    if not isinstance(values, dict):
        raise _wrong('has no object "parameters"')
    for path, text in values.items():
        if not isinstance(text, str):
            raise _wrong(f"has a value that is not a string at {quoted(path)}")
    return values


class _TwiceError(ValueError):
    """A name is given twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names: dict[str, Any] = {}
    for name, value in pairs:
        if name in names:
            raise _TwiceError(f"has {quoted(name)} twice")
        names[name] = value
    return names


def _wrong(reason: str) -> TransferFailure:
    return TransferFailure(9018, f"the configuration file {reason}", permanent=True)
