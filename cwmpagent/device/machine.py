"""The box that the agent runs on: which boot this is, how long ago it was, and the owner's programs for it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
from twisted.internet.defer import CancelledError
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

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
        ended = getProcessOutputAndValue(argv[0], argv[1:], env=None, reactor=reactor)  # type: ignore[no-untyped-call]  # Twisted has no types there
        output, errors, status = await ended.addErrback(_killed)
    except CancelledError:
        raise
    except Exception as error:
        return f"{argv[0]} could not be run: {error}"
    if status == 0:
        return ""
    last = (errors or output).decode("utf-8", "replace").strip().splitlines()[-1:]
    how = f"ended with status {status}" if status > 0 else f"was killed by signal {-status}"
    return f"{argv[0]} {how}" + (f": {last[0][:200]}" if last else "")


def _killed(failure: Failure) -> tuple[bytes, bytes, int]:
    """Twisted's answer for a program that a signal ended is a failure without an exception, which none can await."""
    ended: object = failure.value
    if not isinstance(ended, tuple):
        failure.raiseException()
    output, errors, signal = ended
    return output, errors, -signal
