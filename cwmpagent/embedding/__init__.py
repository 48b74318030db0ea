"""``cwmpagent.Agent``: the service that a Twisted program embeds, and the extensions of such a program."""

__all__ = ["service"]
