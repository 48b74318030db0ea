"""Readers of the data models of the Broadband Forum (TR-181, TR-098) in XML."""

__all__ = ["model", "profiles"]
