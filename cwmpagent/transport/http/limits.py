"""How long, and how much, one HTTP exchange may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """``connect``: a name resolution, and for each address the connection with its TLS handshake. ``first_byte``: from
    the last byte sent to the first of the answer. ``between_bytes``: between two of either direction. ``whole``: from
    the last byte sent to the last of the answer. All in seconds. ``answer_bytes``: the body, after decompression.
    """

    connect: float = 15
    first_byte: float = 30
    between_bytes: float = 30
    whole: float = 120
    answer_bytes: int = 16 * 1024 * 1024
