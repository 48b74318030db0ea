"""Notification of changed values: by Inform and by lightweight datagrams (TR-069 3.7.1.5, Annex M)."""

__all__ = ["lightweight", "polling", "value_change"]
