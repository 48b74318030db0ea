"""Transfers of files: the queue, its RPCs, one attempt, installation, and the reports to the ACS."""

__all__ = [
    "activity",
    "attempt",
    "autonomous",
    "completions",
    "installation",
    "queue",
    "records",
    "report",
    "request_download",
    "rpcs",
]
