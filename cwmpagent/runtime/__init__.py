"""One agent assembled from its parts, and its runtimes from boot to boot."""

__all__ = ["agent_runtime", "assembly", "factory_defaults", "lifecycle", "network", "transfers"]
