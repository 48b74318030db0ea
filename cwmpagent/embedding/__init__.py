"""``cwmpagent.Agent``: the service that a Twisted program embeds, and what such a program adds to it."""

__all__ = ["service"]
