"""STUN for TR-069 Annex G (RFC 3489): messages, the NAT binding, and the discovery of its lifetime."""

__all__ = ["binding", "message"]
