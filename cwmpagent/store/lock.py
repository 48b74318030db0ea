"""Lock of the state directory for one process; the kernel releases it with the process, so it cannot become stale."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from cwmpagent.errors import StoreError, StoreLockedError
from cwmpagent.store.directory import PRIVATE_FILE


class Lock:
    """``flock`` on a file that contains the process id of the holder. The file is not removed on release."""

    def __init__(self, path: Path) -> None:
        """Acquire the lock.

        Raises ``StoreLockedError``, which names the holding process, or ``StoreError`` if the file cannot be locked.
        """
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
        except OSError as error:
            raise StoreError(f"{path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.fchmod(self._descriptor, PRIVATE_FILE)
            # Overwritten, not truncated: on a full disk no new block may be available.
            os.pwrite(self._descriptor, b"%-10d\n" % os.getpid(), 0)
        except BlockingIOError as error:
            locked = _locked_error(path, self._descriptor)
            os.close(self._descriptor)
            raise locked from error
        except OSError as error:
            os.close(self._descriptor)
            raise StoreError(f"{path} cannot be locked: {error.strerror}") from error

    def release(self) -> None:
        """Release the lock; may be called only once."""
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)  # a starting child process may still have a copy of the descriptor
        os.close(self._descriptor)


def refuse_if_held(path: Path) -> None:
    """Raise ``StoreLockedError`` if a process holds the lock; changes no file and keeps no lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise _locked_error(path, descriptor) from error
    finally:
        os.close(descriptor)


def _locked_error(path: Path, descriptor: int) -> StoreLockedError:
    holder = os.pread(descriptor, 20, 0).strip()
    return StoreLockedError(str(path.parent), int(holder) if holder.isdigit() else None)
