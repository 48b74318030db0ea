"""The behaviour of a device: sessions, RPCs, parameters, notification, ConnectionRequests (floor 2).

Adapters are used through the Protocol classes of ``ports``; events are reported as values of ``facts``.
"""

__all__ = [
    "agenda_settings",
    "connection_request",
    "device_identity",
    "events",
    "facts",
    "files",
    "internal_errors",
    "journal",
    "long_work",
    "management_server",
    "notification",
    "options",
    "parameters",
    "ports",
    "report",
    "rpcs",
    "scheduled_reboots",
    "session",
    "software",
    "standby",
    "transfers",
]
