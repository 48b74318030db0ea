"""``cwmpagent lab nat-report``: UDP connection requests to agents behind each kind of NAT."""

__all__ = ["bench", "report"]
