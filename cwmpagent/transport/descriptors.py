"""Check of the free file descriptors before work that handles their lack badly."""

from __future__ import annotations

import os

DESCRIPTORS_OF_A_PORT = 2
"""Descriptors that a port needs: its socket, and the one that Twisted reserves for accepting without a free one."""


def check_descriptors(number: int) -> None:
    """Raise OSError where the process cannot open ``number`` more files now; nothing stays open."""
    opened: list[int] = []
    try:
        for _ in range(number):
            opened.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    finally:
        for descriptor in opened:
            os.close(descriptor)
