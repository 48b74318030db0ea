"""`cwmpagent lab nat-report`: agents behind each kind of NAT, and how they were reached."""

__all__ = ["bench", "report"]
