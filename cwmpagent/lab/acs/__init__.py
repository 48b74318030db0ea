"""The lab's ACS: sessions, tasks for devices, connection requests, and misbehaviour on request."""

from cwmpagent.lab.acs.acs import LabAcs, LabLimits

__all__ = [
    "LabAcs",
    "LabLimits",
    "authentication",
    "connection_request",
    "devices",
    "field_bounds",
    "misbehaviour",
    "session_trace",
    "tasks",
]
