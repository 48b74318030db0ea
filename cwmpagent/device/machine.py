"""Boot id, uptime and installed packages of the machine, and execution of the programs that the configuration names."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
from twisted.internet.defer import CancelledError
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Text that is different after each boot of the machine."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"booted at {round(psutil.boot_time() / 60)}"


def uptime() -> float:
    """Seconds since the boot of the machine, including the time in suspend."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.time() - psutil.boot_time()


def package_version(package: str) -> str:
    """Version of an installed Python package; empty where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


async def run_program(reactor: Any, argv: Sequence[str]) -> str:
    """Run a configured program to its end; returns an empty text, or its failure in one line."""
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
    outcome = f"ended with status {status}" if status > 0 else f"was killed by signal {-status}"
    return f"{argv[0]} {outcome}" + (f": {last[0][:200]}" if last else "")


def _killed(failure: Failure) -> tuple[bytes, bytes, int]:
    """Convert the failure for a program that a signal ended: Twisted puts a tuple, not an exception, into it."""
    result: object = failure.value
    if not isinstance(result, tuple):
        failure.raiseException()
    output, errors, signal = result
    return output, errors, -signal
