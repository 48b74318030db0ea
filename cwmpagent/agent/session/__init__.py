"""Sessions with the ACS: when one opens, what its Inform says, what each request is answered, what follows it."""

__all__ = [
    "acs_discovery",
    "after_session",
    "dispatcher",
    "driver",
    "envelope_trace",
    "own_requests",
    "report",
    "startup",
]
