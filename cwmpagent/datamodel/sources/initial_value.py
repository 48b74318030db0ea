"""A value to begin with for parameters whose model names none: whatever is least, and allowed."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from cwmpagent.values import NULL, Restriction, ValueType

_QUIET = ("Disabled", "Down", "None", "Unknown")
"""Of enumerated values, those that promise least come first."""


def plausible(kind: ValueType, restriction: Restriction | None, examples: Sequence[str] = ()) -> str | None:
    """The null value of the type if that is allowed; else the first enumerated value (before all others Disabled, Down,
    None, Unknown), the number nearest to 0, the shortest length in zeros, or one of ``examples``; None if all fail."""
    if restriction is None:
        return NULL[kind]
    return next(
        (text for text in _candidates(kind, restriction, examples) if not restriction.refusal(kind, text)), None
    )


def _candidates(kind: ValueType, restriction: Restriction, examples: Sequence[str]) -> Iterator[str]:
    yield NULL[kind]
    item = restriction.item or kind
    for text in _single(item, restriction, examples):
        yield text
        for least, _ in restriction.list_lengths if restriction.list_of else ():
            yield ",".join([f"[{text}]" if "," in text else text] * (least or 1))


def _single(kind: ValueType, restriction: Restriction, examples: Sequence[str]) -> Iterator[str]:
    words = restriction.enumeration
    yield from (word for word in _QUIET if word in words)
    yield from words
    yield NULL[kind]
    ends = {end for bounds in restriction.ranges for end in bounds if end is not None}
    yield from (str(end) for end in sorted(ends, key=abs))
    yield from examples
    for least, _ in restriction.lengths or ((1, None),):
        if kind is ValueType.HEX_BINARY:
            yield "00" * (least or 0)
        elif kind is ValueType.BASE64:
            yield base64.b64encode(bytes(least or 0)).decode()
        else:
            yield "0" * (least or 0)
