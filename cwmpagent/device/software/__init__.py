"""Software modules on a machine with processes: archives in directories of their own, and their programs."""

__all__ = ["archive", "installer", "manifest", "processes"]
