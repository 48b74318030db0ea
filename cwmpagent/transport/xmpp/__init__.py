"""XMPP client (RFC 6120) for ConnectionRequests (TR-069 Annex K): one stream per account, on ``twisted.words``."""

__all__ = ["client", "markup"]
