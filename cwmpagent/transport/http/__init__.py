"""HTTP client for ACS sessions: the POSTs of a session over one persistent connection (TR-069 3.4; RFC 9110, 9112)."""

__all__ = ["acs_client", "inflate", "limits"]
