"""Files of the device: fetched from servers into the spool directory and verified, or sent to servers."""

__all__ = ["ftp", "http", "spool", "verification"]
