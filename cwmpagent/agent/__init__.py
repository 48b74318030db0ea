"""The behaviour of a device: sessions, RPCs, parameters, notification, ConnectionRequests (floor 2).

The world is seen through the Protocol classes of ``ports``; what happens is told as the values of ``facts``."""

__all__ = [
    "agenda_settings",
    "connection_request",
    "device_identity",
    "events",
    "facts",
    "internal_errors",
    "journal",
    "management_server",
    "notification",
    "options",
    "parameters",
    "ports",
    "report",
    "rpcs",
    "session",
]
