"""The console of the lab: an HTML page and a JSON interface."""

__all__ = ["resource"]
