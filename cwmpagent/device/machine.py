"""The box that the agent runs on: which boot this is, how long ago it was, and the owner's programs for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from twisted.internet.defer import CancelledError
from twisted.internet.utils import getProcessOutputAndValue

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """A text that is another one after each boot of the machine."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"booted at {round(psutil.boot_time() / 60)}"


def uptime() -> float:
    """Seconds since the machine booted, its sleep included."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - psutil.boot_time()


async def run_program(reactor: Any, argv: Sequence[str]) -> str:
    """Run one of the owner's programs to its end; an empty text, or what went wrong with it in one line."""
    try:
        output, errors, status = await getProcessOutputAndValue(argv[0], argv[1:], env=None, reactor=reactor)  # type: ignore[no-untyped-call]  # Twisted has no types there
    except CancelledError:
        raise
    except Exception as error:
        return f"{argv[0]} could not be run: {error}"
    if status == 0:
        return ""
    last = (errors or output).decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"{argv[0]} ended with status {status}" + (f": {last[0][:200]}" if last else "")
