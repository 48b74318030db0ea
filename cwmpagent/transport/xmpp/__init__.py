"""XMPP as a client (RFC 6120): one stream to a server, kept up, on ``twisted.words``."""

__all__ = ["client", "markup"]
