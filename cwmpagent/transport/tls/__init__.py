"""TLS: trusted authorities, client certificates, and the check of server certificates (RFC 9525)."""

__all__ = ["certificate_check", "trust"]
