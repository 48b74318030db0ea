"""Files by FTP and FTPS: the control connection, passive data connections, and TLS for both."""

__all__ = ["client"]
