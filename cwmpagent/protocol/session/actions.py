"""The inputs and outputs of a session."""

from __future__ import annotations

from dataclasses import dataclass, field

from cwmpagent.protocol.rpc import CpeRequest, Fault, Message, Request, Response


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP answer of the ACS, after authentication and redirects, with its ``body`` decompressed.

    ``charset`` is that of its Content-Type, None where it has none.
    """

    status: int
    body: bytes
    charset: str | None = None


@dataclass(frozen=True, slots=True)
class Post:
    """Send ``body`` and pass the answer to :meth:`Session.receive`; an empty one has no Content-Type and no SOAPAction.

    ``message``: the content, None in an empty POST. ``answers``: the name of the ACS request that it answers, or empty.
    """

    body: bytes = field(repr=False)
    message: Message | None
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The ACS has answered ``request``; save this before the next :class:`Post` is sent."""

    request: CpeRequest
    response: Response | Fault


@dataclass(frozen=True, slots=True)
class Call:
    """Execute the ACS's ``request`` and pass the result to :meth:`Session.answer`; ``id`` is that of its envelope."""

    request: Request
    id: str | None


@dataclass(frozen=True, slots=True)
class Deviation:
    """The ACS deviates from the standard, and the session continues; each kind occurs at most once in a session.

    ``text`` is one line for people.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The session has ended.

    ``reason`` is one line for people, empty after a success. ``informed``: the Inform was answered.
    """

    success: bool
    reason: str
    informed: bool


Action = Post | Delivered | Call | Deviation | Finished
