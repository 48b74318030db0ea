"""The names in a request's path, checked before they reach the file system."""

from __future__ import annotations

from collections.abc import Sequence

LONGEST = 200
"""Octets of one name; most file systems allow 255."""
DEEPEST = 16
"""Names of one path."""


def checked_names(segments: Sequence[bytes]) -> tuple[str, ...] | None:
    """The names of ``segments``, which are percent-decoded once; None if one of them is not allowed.

    Not allowed: an empty name, a name that begins with a dot (so neither ``.`` nor ``..``), a slash or backslash, a
    control character (so no NUL), a name that is not UTF-8, too long a name, too many names.
    """
    if not 0 < len(segments) <= DEEPEST:
        return None
    names = []
    for segment in segments:
        try:
            name = segment.decode()
        except UnicodeDecodeError:
            return None
        if not name or name.startswith(".") or len(segment) > LONGEST:
            return None
        if not name.isprintable() or "/" in name or "\\" in name:
            return None
        names.append(name)
    return tuple(names)
