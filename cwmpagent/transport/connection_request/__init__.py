"""The HTTP listener for ConnectionRequests (TR-069 3.2.2), within bounds."""

__all__ = ["listener"]
