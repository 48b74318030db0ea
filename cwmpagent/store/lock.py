"""One process at a time: a lock that the kernel drops with the process, so that none is ever stale."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from cwmpagent.errors import StoreError, StoreLockedError
from cwmpagent.store.directory import PRIVATE_FILE


class Lock:
    """Holds ``flock`` on a file that says who: the process id of the holder. The file stays when the lock goes."""

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises ``StoreLockedError``, which names the process that has it, or ``StoreError`` if it cannot be taken.
        """
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
        except OSError as error:
            raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(self._descriptor, PRIVATE_FILE)
            # Overwritten, never truncated: on a full disk the block it has is the only one it gets.
            os.pwrite(self._descriptor, b"%-10d\n" % os.getpid(), 0)
        except BlockingIOError as error:
            held = _held(path, self._descriptor)
            os.close(self._descriptor)
            raise held from error
        except OSError as error:
            os.close(self._descriptor)
            raise StoreError(f"{path} cannot be locked: {error.strerror}") from error

    def release(self) -> None:
        """Let the next process have it; to be called once."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a child being started may still have a copy of the descriptor
        os.close(self._descriptor)


def refuse_if_held(path: Path) -> None:
    """Raises ``StoreLockedError`` if a process holds the lock; creates and changes nothing, and keeps no lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _held(path, descriptor) from error
    finally:
        os.close(descriptor)


def _held(path: Path, descriptor: int) -> StoreLockedError:
    holder = os.pread(descriptor, 20, 0).strip()
    return StoreLockedError(str(path.parent), int(holder) if holder.isdigit() else None)
