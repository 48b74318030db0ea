"""Transfers of files: the queue, its RPCs, one attempt, installation, and the reports to the ACS."""

__all__ = ["attempt", "autonomous", "completions", "installation", "queue", "records", "request_download", "rpcs"]
