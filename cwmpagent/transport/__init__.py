"""Network adapters (floor 1): HTTP, TLS, UDP and XMPP on Twisted, without policy."""

__all__ = [
    "addresses",
    "connection_request",
    "deadline",
    "descriptors",
    "files",
    "http",
    "local_address",
    "tls",
    "udp",
    "xmpp",
]
