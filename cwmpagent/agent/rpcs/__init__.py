"""RPCs of the ACS that the agent carries out, one module a group."""

__all__ = ["attributes", "control", "objects", "parameters", "restart"]
