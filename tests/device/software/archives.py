"""Tar archives for tests, good ones and others."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

MANIFEST = b"""
name = "a"
version = "%s"
[[unit]]
name = "main"
start = ["/bin/sh", "-c", "echo run > started; exec sleep 1000"]
stop = ["/bin/sh", "-c", "echo stop > stopped"]
"""


def manifest(version: str = "1.0") -> bytes:
    return MANIFEST.replace(b"%s", version.encode())


def entry(name: str, data: bytes = b"", **members: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for member, value in members.items():
        setattr(info, member, value)
    return info, data


def write(path: Path, *entries: tuple[tarfile.TarInfo, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]  # the mode is one of its literals
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return path


GOOD = entry("unit.toml", manifest())
