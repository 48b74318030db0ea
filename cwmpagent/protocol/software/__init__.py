"""Software modules: operations on deployment units, their records and their fault codes (TR-069 A.4.1.10, A.5)."""

__all__ = ["faults", "operation", "policy", "state", "targets", "unit", "unit_id"]
