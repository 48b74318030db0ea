"""ConnectionRequests as messages: UDP (TR-069 Annex G), XMPP (Annex K), and how many are taken (3.2.2)."""

__all__ = ["jid", "rate_limit", "udp", "xmpp", "xmpp_account"]
