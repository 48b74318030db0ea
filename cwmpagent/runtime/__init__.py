"""One agent put together: its parts built and joined, its boots one after another."""

__all__ = ["agent_runtime", "assembly", "factory_defaults", "lifecycle", "network"]
