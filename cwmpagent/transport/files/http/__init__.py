"""Files by HTTP and HTTPS: GET, PUT and POST, with redirects, Digest and Basic, and large reads."""

__all__ = ["client"]
