"""STUN as TR-069 Annex G uses it: messages, the NAT binding and the search for its lifetime (RFC 3489)."""

__all__ = ["binding", "message"]
