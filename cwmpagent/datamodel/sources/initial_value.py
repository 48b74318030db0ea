"""Default values for parameters whose model specifies none: the least permitted value."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence

from cwmpagent.values import NULL, Restriction, ValueType

_PREFERRED = ("Disabled", "Down", "None", "Unknown")
"""Enumerated values that are preferred, because they claim the least."""


def initial_value(kind: ValueType, restriction: Restriction | None, examples: Sequence[str] = ()) -> str | None:
    """Permitted default value, ``None`` if none is found.

    In this order: the null value of the type, an enumerated value (first Disabled, Down, None, Unknown), the bound of a
    range nearest to 0, one of ``examples``, zeros of the shortest length.
    """
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
    yield from (word for word in _PREFERRED if word in words)
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
