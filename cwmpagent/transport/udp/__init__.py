"""UDP: the port where ConnectionRequests arrive, the STUN client on it, and datagrams to an ACS."""

__all__ = ["port", "sender", "stun_client"]
