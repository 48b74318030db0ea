"""The rules of a session as data (TR-069 3.7.1, 3.7.2): what may come in each state, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """Where a session stands."""

    NEW = "nothing was sent"
    INFORMING = "the Inform is out"
    TURN = "it is our turn"
    REQUESTING = "a request of ours is out"
    WAITING = "our turn will come again"
    CALLED = "a request of the ACS is carried out, and our turn will come again"
    CLOSING = "we have no more requests"
    CALLED_CLOSING = "a request of the ACS is carried out, and we have no more requests"
    FINISHED = "the session is over"


class Input(StrEnum):
    """What moves a session on: answers of the ACS, the driver's calls, and what is found when it is our turn."""

    RESPONSE = "the response that is due"
    FAULT = "a fault in its place"
    REPEAT = "fault 8005 in its place"
    REQUEST = "a request"
    BAD_REQUEST = "a request that cannot be carried out"
    NOTHING = "nothing"
    HOLDING = "nothing but HoldRequests"
    FAILURE = "anything else"
    BEGIN = "begin"
    ANSWER = "answer"
    HELD = "held"
    QUEUED = "a request is queued"
    IDLE = "no request is queued"


class Do(StrEnum):
    """What is done in a transition."""

    INFORM = "post the Inform"
    REPEAT = "post the same again"
    DELIVER = "deliver"
    REQUEST = "post the request"
    EMPTY = "post nothing"
    PROCEED = "go on"
    CALL = "call"
    ANSWER = "post the answer"
    REFUSE = "post a fault"
    SUCCEED = "end well"
    FAIL = "fail"


FROM_ACS = (
    Input.RESPONSE,
    Input.FAULT,
    Input.REPEAT,
    Input.REQUEST,
    Input.BAD_REQUEST,
    Input.NOTHING,
    Input.HOLDING,
    Input.FAILURE,
)
"""What an answer of the ACS can be."""
AWAITING_ACS = (State.INFORMING, State.REQUESTING, State.WAITING, State.CLOSING)
"""The states in which an answer of the ACS is due. What no row below allows ends the session."""

TRANSITIONS: Mapping[tuple[State, Input], tuple[Do, State]] = MappingProxyType(
    {(state, found): (Do.FAIL, State.FINISHED) for state in AWAITING_ACS for found in FROM_ACS}
    | {
        (State.NEW, Input.BEGIN): (Do.INFORM, State.INFORMING),
        (State.INFORMING, Input.RESPONSE): (Do.DELIVER, State.TURN),
        (State.INFORMING, Input.REPEAT): (Do.REPEAT, State.INFORMING),
        (State.TURN, Input.HELD): (Do.EMPTY, State.WAITING),
        (State.TURN, Input.QUEUED): (Do.REQUEST, State.REQUESTING),
        (State.TURN, Input.IDLE): (Do.EMPTY, State.CLOSING),
        (State.REQUESTING, Input.RESPONSE): (Do.DELIVER, State.TURN),
        (State.REQUESTING, Input.FAULT): (Do.DELIVER, State.TURN),
        (State.REQUESTING, Input.REPEAT): (Do.REPEAT, State.REQUESTING),
        (State.WAITING, Input.REQUEST): (Do.CALL, State.CALLED),
        (State.WAITING, Input.BAD_REQUEST): (Do.REFUSE, State.WAITING),
        (State.WAITING, Input.NOTHING): (Do.PROCEED, State.TURN),
        (State.WAITING, Input.HOLDING): (Do.EMPTY, State.WAITING),
        (State.CALLED, Input.ANSWER): (Do.ANSWER, State.WAITING),
        (State.CLOSING, Input.REQUEST): (Do.CALL, State.CALLED_CLOSING),
        (State.CLOSING, Input.BAD_REQUEST): (Do.REFUSE, State.CLOSING),
        (State.CLOSING, Input.NOTHING): (Do.SUCCEED, State.FINISHED),
        (State.CLOSING, Input.HOLDING): (Do.EMPTY, State.CLOSING),
        (State.CALLED_CLOSING, Input.ANSWER): (Do.ANSWER, State.CLOSING),
    }
)


def as_markdown() -> str:
    """The table for documentation: a row for each transition but those that only fail."""
    rows = (
        f"| {state.value} | {found.value} | {do.value} | {then.value} |"
        for (state, found), (do, then) in TRANSITIONS.items()
        if do is not Do.FAIL
    )
    return "\n".join(("| while | comes | so | then |", "|---|---|---|---|", *rows, ""))
