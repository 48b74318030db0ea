"""One agent put together: its parts built and joined, its boots one after another."""

__all__ = ["agent_runtime", "environment", "factory_defaults", "lifecycle", "udp_port"]
