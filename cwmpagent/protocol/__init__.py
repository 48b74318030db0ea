"""CWMP without I/O (floor 0): RPCs, SOAP envelopes, sessions, the agenda, authentication, STUN."""

__all__ = [
    "agenda",
    "auth",
    "connection_request",
    "kick",
    "lightweight_notification",
    "masking",
    "rpc",
    "session",
    "soap",
    "software",
    "stun",
    "transfers",
    "url_host",
]
