"""The console of the lab: its page, and its JSON interface."""

__all__ = ["resource"]
