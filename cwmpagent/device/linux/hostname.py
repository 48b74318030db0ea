"""Device.DeviceInfo.HostName: the host name, which an ACS may change if the configuration permits it."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from cwmpagent.device.provider import Name, Provider, Refusal
from cwmpagent.errors import CwmpFault

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOSTNAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
LONGEST = 64
"""Maximum length of a host name in characters (HOST_NAME_MAX of Linux)."""


class HostName(Provider):
    """Provider of the host name: of the kernel, and of ``/etc/hostname`` for the next boot.

    ``get``, ``put`` and ``etc`` replace the functions and the directory of the system. The host name is not read if its
    path is in ``given``, the parameters with a configured value.
    """

    name = "linux HostName"

    def __init__(
        self,
        root: str,
        given: Collection[str] = (),
        *,
        settable: bool = False,
        get: Callable[[], str] = socket.gethostname,
        put: Callable[[str], None] = socket.sethostname,
        etc: Path = Path("/etc"),
    ) -> None:
        path = root + "DeviceInfo.HostName"
        self.paths = () if path in given else (path,)
        self.writable = self.paths if settable else ()
        self._settable = settable
        self._get = get
        self._put = put
        self._file = etc / "hostname"

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Return the host name of the kernel."""
        return dict.fromkeys(names, self._get())

    def check(self, changes: Mapping[Name, str | None]) -> Mapping[str, Refusal]:
        """Refuse every change if it is not permitted, and a text that is not a host name (RFC 1123)."""
        if not self._settable:
            refusal: Refusal = CwmpFault(9001, "the configuration of this device does not permit it")
            return dict.fromkeys(changes, refusal)
        sentence = f"must be letters, digits, hyphens and dots as in a host name, at most {LONGEST} characters"
        return {
            name: sentence
            for name, text in changes.items()
            if text is None or len(text) > LONGEST or not _HOSTNAME.fullmatch(text)
        }

    def apply(self, changes: Mapping[Name, str | None]) -> None:
        """Set both names; an exception means that neither was changed."""
        for text in changes.values():
            if text is not None:
                self._set(text)

    def undo(self, former: Mapping[Name, str | None]) -> None:
        """Restore the former name, unless the kernel still has it, because then nothing was changed."""
        for text in former.values():
            if text is not None and text != self._get():
                self._set(text, restore=True)

    def _set(self, text: str, *, restore: bool = False) -> None:
        # The kernel's name is changed first and restored last: if it is the former one, nothing has changed.
        new = self._file.with_name("hostname.cwmpagent")
        try:
            new.write_text(text + "\n")
            if not restore:
                self._put(text)
            os.replace(new, self._file)  # noqa: PTH105  # atomic replacement, as elsewhere in the package
            if restore:
                self._put(text)
        except PermissionError:
            new.unlink(missing_ok=True)
            raise CwmpFault(9001, "the agent has no permission to change the host name of this machine") from None
