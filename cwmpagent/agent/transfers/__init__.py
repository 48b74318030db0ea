"""Transfers of files: the queue, its RPCs, one attempt, installation, and the reports to the ACS."""

__all__ = [
    "activity",
    "attempt",
    "autonomous",
    "completions",
    "firmware_progress",
    "installation",
    "queue",
    "records",
    "report",
    "request_download",
    "rpcs",
]
