"""The record of one transfer, from the request until the ACS has answered its TransferComplete."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import Enum

from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.agenda.saved_json import SavedJson
from cwmpagent.protocol.transfers.failures import is_reported
from cwmpagent.protocol.transfers.moment import Moment
from cwmpagent.protocol.transfers.window import MOST_WINDOWS, Window
from cwmpagent.values import NOT_IN_XML

TRANSFER = "transfer:"
"""The note of a transfer has this name, followed by its number."""
MOST_TRANSFERS = 16
"""Maximum number of transfers that wait, run, or are not reported yet; one more is refused with 9004."""
MOST_RUNNING = 3
_FORMAT = 1


class Kind(Enum):
    """The RPC that asked for the transfer; without an ACS, the one that could have."""

    DOWNLOAD = "Download"
    UPLOAD = "Upload"
    SCHEDULE_DOWNLOAD = "ScheduleDownload"


class State(Enum):
    """The last step that is saved; each is saved before the step that follows from it."""

    QUEUED = "queued"
    TRANSFERRING = "transferring"
    RECEIVED = "received"
    INSTALLING = "installing"
    RESTARTING = "restarting"
    DONE = "done"


CANCELLABLE = frozenset({State.QUEUED, State.TRANSFERRING, State.RECEIVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """One transfer.

    ``size``: FileSize, 0 where unknown. ``sha256``: expected checksum in hexadecimal, or empty. ``begin``: the earliest
    next attempt. ``windows``: of a ScheduleDownload; ``window``: index of the one in which ``attempts`` have failed.
    ``validator``: of the octets that were received. ``code``, ``text``: the fault of a finished transfer, 0 for
    success. ``started``, ``completed``: seconds since 1970, None while unknown. ``autonomous``: not asked for by the
    ACS. ``acs``: identifies the ACS at the time of the request; another one is not told of it.
    """

    number: int
    kind: Kind
    state: State = State.QUEUED
    command_key: str = ""
    file_type: str
    url: str
    username: str = ""
    password: str = field(default="", repr=False)
    size: int = 0
    target_name: str = ""
    sha256: str = ""
    begin: Moment
    windows: tuple[Window, ...] = ()
    window: int = 0
    attempts: int = 0
    validator: str = ""
    code: int = 0
    text: str = ""
    started: float | None = None
    completed: float | None = None
    autonomous: bool = False
    acs: str = ""

    @property
    def note(self) -> str:
        """Name of its note in the store."""
        return f"{TRANSFER}{self.number}"

    @property
    def reported_state(self) -> int:
        """The State in a list of queued transfers: 1 not started, 2 in progress, 3 finishing."""
        return {State.QUEUED: 1, State.DONE: 3}.get(self.state, 2)

    @property
    def is_download(self) -> bool:
        """Whether the file comes to the device."""
        return self.kind is not Kind.UPLOAD

    def done(self, now: Now, code: int = 0, text: str = "") -> Transfer:
        """Return it finished at ``now``, with the FaultCode and FaultString of its report.

        Code of others may fail with anything: a code that no report can have (A.3.3.2) is 9002, and characters that XML
        cannot have are spaces.
        """
        reported = code if not code or is_reported(code) else 9002
        text = NOT_IN_XML.sub(" ", text)[:256]
        return replace(self, state=State.DONE, code=reported, text=text, completed=now.wall)

    def booted(self, now: Now) -> Transfer:
        """Return it after a boot."""
        windows = tuple(
            replace(each, opens=each.opens.booted(now), closes=each.closes.booted(now)) for each in self.windows
        )
        return replace(self, begin=self.begin.booted(now), windows=windows)

    def restarted(self, now: Now) -> Transfer:
        """Return it after a restart in the same boot."""
        windows = tuple(
            replace(each, opens=each.opens.restarted(now), closes=each.closes.restarted(now)) for each in self.windows
        )
        return replace(self, begin=self.begin.restarted(now), windows=windows)

    def stamped(self, now: Now) -> Transfer:
        """Return it with its moments brought in line with the wall clock."""
        windows = tuple(
            replace(each, opens=each.opens.stamped(now), closes=each.closes.stamped(now)) for each in self.windows
        )
        return replace(self, begin=self.begin.stamped(now), windows=windows)

    def record(self) -> str:
        """Return it as text for :meth:`restored`."""
        members = {name: getattr(self, name) for name in (*_TEXTS, *_WHOLE, "started", "completed", "autonomous")}
        members |= {"format": _FORMAT, "kind": self.kind.value, "state": self.state.value}
        members |= {"begin": self.begin.record(), "windows": [window.record() for window in self.windows]}
        return json.dumps(members, separators=(",", ":"))

    @classmethod
    def restored(cls, note: str, text: str) -> Transfer:
        """Restore a :meth:`record` from the note of this name. Raises ValueError where it is damaged."""
        saved = SavedJson.parse(text)
        if saved.whole("format") != _FORMAT:
            raise ValueError("its format is not supported")
        windows = tuple(Window.restored(row) for row in saved.rows("windows"))
        transfer = cls(
            kind=Kind(saved.choice("kind", None, [kind.value for kind in Kind])),
            state=State(saved.choice("state", None, [state.value for state in State])),
            begin=Moment.restored(saved.members("begin")),
            windows=windows,
            started=saved.number_or_none("started"),
            completed=saved.number_or_none("completed"),
            autonomous=saved.flag("autonomous"),
            **{name: saved.text(name, most=most) for name, most in _TEXTS.items()},  # type: ignore[arg-type]  # texts
            **{name: saved.whole(name) for name in _WHOLE},  # type: ignore[arg-type]  # whole numbers
        )
        if transfer.note != note:
            raise ValueError("its number is not that of its name")
        scheduled = transfer.kind is Kind.SCHEDULE_DOWNLOAD
        if len(windows) > MOST_WINDOWS or bool(windows) is not scheduled or transfer.window > len(windows):
            raise ValueError("its windows are not valid")
        return transfer


_TEXTS = {
    "command_key": 32,
    "file_type": 64,
    "url": 1024,
    "username": 256,
    "password": 256,
    "target_name": 256,
    "sha256": 64,
    "validator": 1024,
    "text": 256,
    "acs": 16384,
}
_WHOLE = ("number", "size", "window", "attempts", "code")
