"""Limits of one HTTP exchange."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """Limits in seconds and bytes.

    ``connect``: name resolution, and for each address the TCP connection with its TLS handshake. ``first_byte``: from
    the last byte sent to the first byte of the response. ``between_bytes``: between two bytes in either direction.
    ``whole``: from the last byte sent to the last byte of the response. ``answer_bytes``: size of the response body
    after decompression.
    """

    connect: float = 15
    first_byte: float = 30
    between_bytes: float = 30
    whole: float = 120
    answer_bytes: int = 16 * 1024 * 1024
