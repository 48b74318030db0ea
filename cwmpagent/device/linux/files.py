"""Readers of small files of the kernel or the system."""

from __future__ import annotations

from pathlib import Path


def content(path: Path | str) -> str:
    """Text of a file without surrounding white space; empty if it cannot be read."""
    try:
        return Path(path).read_bytes().decode("utf-8", "replace").strip(" \t\r\n\0")
    except OSError:
        return ""


def assignments(text: str) -> dict[str, str]:
    """Names and values of ``NAME=value`` lines as in os-release(5), without the quotes around a value."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
