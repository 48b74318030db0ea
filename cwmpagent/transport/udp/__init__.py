"""UDP: the port for ConnectionRequests, its STUN client (TR-069 Annex G), and datagrams to an ACS."""

__all__ = ["port", "sender", "shared_port", "stun_client"]
