"""The control socket of a running agent, where the command `cwmpagent` asks."""

__all__ = ["recent_facts", "service", "socket_path"]
