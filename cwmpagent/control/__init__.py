"""The control socket of a running agent, to which the command `cwmpagent` connects."""

__all__ = ["recent_facts", "service", "socket_path"]
