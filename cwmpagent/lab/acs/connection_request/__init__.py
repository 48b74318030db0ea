"""ConnectionRequests of the ACS: by HTTP, by UDP and by XMPP."""

__all__ = ["errors", "http", "udp", "xmpp"]
