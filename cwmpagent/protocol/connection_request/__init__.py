"""ConnectionRequests: UDP (TR-069 Annex G), XMPP (Annex K), and the rate limit (TR-069 3.2.2)."""

__all__ = ["jid", "rate_limit", "udp", "xmpp", "xmpp_account"]
