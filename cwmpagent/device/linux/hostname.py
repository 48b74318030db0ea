"""Device.DeviceInfo.HostName: the machine's name, which an ACS may change where the configuration permits that."""

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
"""Characters that Linux takes (HOST_NAME_MAX)."""


class HostName(Provider):
    """The kernel's name, and ``/etc/hostname`` for the next boot.

    ``get``, ``put`` and ``etc`` stand for the system's. A name that the configuration has ``given`` is not read.
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
        self._settable = settable
        self._get = get
        self._put = put
        self._file = etc / "hostname"

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """The name."""
        return dict.fromkeys(names, self._get())

    def check(self, changes: Mapping[Name, str | None]) -> Mapping[str, Refusal]:
        """Whether it may be set, and is a host name (RFC 1123)."""
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
        """Both, or by raising none."""
        for text in changes.values():
            if text is not None:
                self._set(text)

    def undo(self, former: Mapping[Name, str | None]) -> None:
        """The former name; where the kernel still has it, nothing was changed."""
        for text in former.values():
            if text is not None and text != self._get():
                self._set(text, back=True)

    def _set(self, text: str, *, back: bool = False) -> None:
        # The kernel's name changes first and goes back last: where it is the former one, all is as it was.
        new = self._file.with_name("hostname.cwmpagent")
        try:
            new.write_text(text + "\n")
            if not back:
                self._put(text)
            os.replace(new, self._file)  # noqa: PTH105  # as everywhere: one name for the other at once
            if back:
                self._put(text)
        except PermissionError:
            new.unlink(missing_ok=True)
            raise CwmpFault(9001, "the agent has not the right to change the machine's name") from None
