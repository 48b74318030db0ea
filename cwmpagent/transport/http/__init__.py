"""HTTP towards an ACS: the POSTs of a session over one connection of our own (TR-069 3.4; RFC 9110, 9112)."""

__all__ = ["acs_client", "limits"]
