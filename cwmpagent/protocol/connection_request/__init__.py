"""ConnectionRequests: UDP (TR-069 Annex G), XMPP (Annex K), the rate limit (TR-069 3.2.2), and reasons of refusals."""

__all__ = ["jid", "rate_limit", "refusal", "udp", "xmpp", "xmpp_account"]
