"""The state machine of a session as data (TR-069 3.7.1, 3.7.2): states, inputs, actions and transitions."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class State(StrEnum):
    """The states of a session. HoldRequests holds CPE requests (TR-069 3.5)."""

    NEW = "not started"
    INFORMING = "Inform sent"
    TURN = "CPE may send"
    REQUESTING = "CPE request sent"
    WAITING = "waiting for the ACS, CPE requests held"
    CALLED = "executing an ACS request, CPE requests held"
    CLOSING = "waiting for the ACS, no CPE request left"
    CALLED_CLOSING = "executing an ACS request, no CPE request left"
    FINISHED = "session ended"


class Input(StrEnum):
    """The inputs of a session: answers of the ACS, calls of the driver, and conditions where the CPE may send."""

    RESPONSE = "the expected response"
    FAULT = "a fault instead of the response"
    REPEAT = "fault 8005 instead of the response"
    REQUEST = "an ACS request"
    BAD_REQUEST = "an invalid ACS request"
    NOTHING = "an empty answer"
    HOLDING = "an empty answer with HoldRequests"
    FAILURE = "anything else"
    BEGIN = "begin"
    ANSWER = "answer"
    HELD = "HoldRequests is set"
    QUEUED = "a CPE request is queued"
    IDLE = "no CPE request is queued"


class Do(StrEnum):
    """The actions of the transitions."""

    INFORM = "send the Inform"
    REPEAT = "send the same request again"
    DELIVER = "deliver the answer"
    REQUEST = "send the CPE request"
    EMPTY = "send an empty POST"
    PROCEED = "continue"
    CALL = "execute the ACS request"
    ANSWER = "send the answer"
    REFUSE = "send a fault"
    SUCCEED = "end with success"
    FAIL = "end with failure"


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
"""The inputs that are answers of the ACS."""
AWAITING_ACS = (State.INFORMING, State.REQUESTING, State.WAITING, State.CLOSING)
"""The states that expect an answer of the ACS. An input without a row below ends the session as failed."""

TRANSITIONS: Mapping[tuple[State, Input], tuple[Do, State]] = MappingProxyType(
    {(state, trigger): (Do.FAIL, State.FINISHED) for state in AWAITING_ACS for trigger in FROM_ACS}
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
