"""The lab's file server: downloads with ranges, bounded uploads, and faults on request."""

from cwmpagent.lab.files.server import FileServer, FileSettings

__all__ = ["FileServer", "FileSettings", "faults", "options", "records"]
