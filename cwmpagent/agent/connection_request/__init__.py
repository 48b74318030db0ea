"""ConnectionRequests by HTTP, UDP and XMPP (TR-069 3.2.2, Annexes G and K)."""

__all__ = ["http", "report", "udp", "xmpp", "xmpp_table"]
