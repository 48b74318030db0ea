"""The Broadband Forum's own data models (TR-181, TR-098) in XML."""

__all__ = ["model", "profiles"]
