"""TLS: trust, client certificates, and the check of what a server shows (RFC 9525)."""

__all__ = ["certificate_check", "trust"]
