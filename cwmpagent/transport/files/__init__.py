"""Files that are fetched from, or sent to, a file server: what is on the disk is verified here."""

__all__ = ["spool", "verification"]
