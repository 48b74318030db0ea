"""Planning of changes: each function checks a complete request and returns a plan, or raises all faults at once."""

__all__ = ["assignments", "attributes", "autocreate", "configuration", "objects", "reset"]
