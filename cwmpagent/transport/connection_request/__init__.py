"""HTTP listener for ConnectionRequests (TR-069 section 3.2.2), with bounds on time, bytes and connections."""

__all__ = ["listener"]
