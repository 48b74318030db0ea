"""Software modules on a machine with processes: archives in directories of their own, and their programs."""

__all__ = ["archive", "bounded_archive", "installer", "manifest", "marked_programs", "processes", "program_output"]
