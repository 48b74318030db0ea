"""Programs of execution units that outlive their own: children in the background, and all of them after a crash.

Each program of an execution unit has a mark in its environment, which its children inherit. So they are found whatever
their process ids are, also by the next process of the agent. A child that clears its environment is not found.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil

MARK = "CWMPAGENT_EXECUTION_UNIT"
"""Name of the variable; its value is the directory of the deployment unit, a colon, and the name of the unit."""
GRACE = 5.0
"""Seconds from SIGTERM to SIGKILL."""
_LOOK_EVERY = 0.02


def end_marked(mark: str) -> None:
    """End every program whose mark begins with ``mark``. It blocks for up to twice :data:`GRACE`; call it in a thread.

    Nothing is waited for as a parent does: the reactor does that for its children.
    """
    for signal_of in (psutil.Process.terminate, psutil.Process.kill):
        found = list(_marked(mark))
        for process in found:
            try:
                signal_of(process)
            except psutil.Error:
                continue
        deadline = time.monotonic() + GRACE
        while any(_runs(process) for process in found) and time.monotonic() < deadline:
            time.sleep(_LOOK_EVERY)
        if not found:
            return


def _marked(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK, "").startswith(mark):
                yield process
        except (psutil.Error, OSError, ValueError):
            continue  # it has ended, or belongs to somebody else


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
