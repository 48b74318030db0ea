"""ConnectionRequests by HTTP, UDP and XMPP (TR-069 3.2.2, Annexes G and K), and the kick page (A.4.2.1)."""

__all__ = ["http", "kicks", "report", "udp", "xmpp", "xmpp_table"]
