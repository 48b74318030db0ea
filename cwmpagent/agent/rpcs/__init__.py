"""RPCs of the ACS that the agent carries out, grouped by module."""

__all__ = ["attributes", "objects", "parameters", "restart", "schedule_inform"]
