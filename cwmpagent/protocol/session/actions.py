"""What goes into a session and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cwmpagent.protocol.rpc import CpeRequest, Fault, Message, Request, Response


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer of the ACS, after authentication and redirects, with its ``body`` inflated.

    ``charset`` is that of its Content-Type, None where none is named.
    """

    status: int
    body: bytes
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """Send ``body`` and hand the answer to :meth:`Session.receive`; with neither Content-Type nor SOAPAction if empty.

    ``message`` is what it says, None in an empty POST; ``answers`` the name of the ACS's request it answers, if any.
    """

    body: bytes = field(repr=False)
    message: Message | None
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The ACS has answered ``request``: to be saved before the next :class:`Post` leaves."""

    request: CpeRequest
    response: Response | Fault


@dataclass(frozen=True, slots=True)
class Call:
    """Carry out the ACS's ``request`` and give :meth:`Session.answer` the outcome; ``id`` is that of its envelope."""

    request: Request
    id: str | None


@dataclass(frozen=True, slots=True)
class Finished:
    """The session is over.

    ``reason`` is one line for people, empty after a success. ``informed``: the Inform was answered.
    """

    success: bool
    reason: str
    informed: bool


Action = Post | Delivered | Call | Finished
