"""Sessions with the ACS: their start, Inform, requests and answers, and the work that follows them."""

__all__ = [
    "acs_discovery",
    "acs_methods",
    "after_session",
    "dispatcher",
    "driver",
    "envelope_trace",
    "own_requests",
    "report",
    "startup",
]
