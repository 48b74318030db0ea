"""A small file system of a test: a tmpfs, mounted by root."""

from __future__ import annotations

import subprocess
import tempfile
from functools import cache
from pathlib import Path


def mount(directory: Path, octets: int) -> None:
    """Mount a tmpfs of this size, with mode 0700. Raises OSError, CalledProcessError."""
    options = f"size={octets},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)], check=True, capture_output=True)


def unmount(directory: Path) -> None:
    """Take it away, with all that is in it; also while files in it are open."""
    subprocess.run(["umount", "--lazy", str(directory)], check=True, capture_output=True)


@cache
def has_small_disk() -> bool:
    """Whether this machine lets a test mount one."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            mount(Path(directory), 1 << 20)
            unmount(Path(directory))
        except (OSError, subprocess.CalledProcessError):
            return False
    return True
