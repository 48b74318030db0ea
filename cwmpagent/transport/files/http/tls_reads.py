"""Large reads from a TLS connection: the octets of many records at once."""

from __future__ import annotations

from OpenSSL import SSL

MOST_READ = 1 << 18
"""Octets that are read at once."""
_RECORD = 1 << 14  # RFC 8446 5.1


class ManyRecords(SSL.Connection):
    """A TLS connection that returns all records it has, instead of one, so that a file costs fewer calls."""

    _error: SSL.Error | None = None

    def recv(self, bufsiz: int, flags: int | None = None) -> bytes:
        """Read up to :data:`MOST_READ` octets. Raises SSL.Error, after the octets that came before it."""
        error, self._error = self._error, None
        if error is not None:
            raise error
        pieces: list[bytes] = []
        octets = 0
        read = super().recv
        try:
            while octets <= MOST_READ - _RECORD:
                piece = read(_RECORD, flags)
                pieces.append(piece)
                octets += len(piece)
        except SSL.Error as after:
            if not pieces:
                raise
            if not isinstance(after, SSL.WantReadError):
                self._error = after
        return b"".join(pieces)
