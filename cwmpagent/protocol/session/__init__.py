"""The CPE side of one CWMP session (TR-069 3.7.1, 3.7.2): HTTP answers in, actions out."""

from cwmpagent.protocol.session.actions import Action, Call, Delivered, Deviation, Finished, Post, Reply
from cwmpagent.protocol.session.session import Session
from cwmpagent.protocol.session.transitions import State

__all__ = ["Action", "Call", "Delivered", "Deviation", "Finished", "Post", "Reply", "Session", "State", "replies"]
