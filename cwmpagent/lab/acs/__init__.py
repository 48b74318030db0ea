"""The lab's ACS: sessions with devices, tasks for them, ConnectionRequests to them, misbehaviour on purpose."""

from cwmpagent.lab.acs.acs import LabAcs, LabLimits

__all__ = [
    "LabAcs",
    "LabLimits",
    "authentication",
    "connection_request_http",
    "connection_request_xmpp",
    "devices",
    "misbehaviour",
    "session_trace",
    "tasks",
]
