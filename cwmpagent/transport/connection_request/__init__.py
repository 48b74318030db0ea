"""HTTP listener for ConnectionRequests (TR-069 section 3.2.2) and pages, with bounds on time, bytes, connections."""

__all__ = ["listener"]
