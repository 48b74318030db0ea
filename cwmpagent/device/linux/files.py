"""Small files that the kernel or the system keeps, read whole."""

from __future__ import annotations

from pathlib import Path


def content(path: Path | str) -> str:
    """The text of a file without the space around it; empty where it cannot be read."""
    try:
        return Path(path).read_bytes().decode("utf-8", "replace").strip(" \t\r\n\0")
    except OSError:
        return ""


def assignments(text: str) -> dict[str, str]:
    """``NAME=value`` lines, as in os-release(5): quotes around a value are not part of it."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
