"""Plans of changes: each checks the whole of what is proposed and gives a plan, or every fault at once."""

__all__ = ["assignments", "attributes", "autocreate", "objects", "reset"]
