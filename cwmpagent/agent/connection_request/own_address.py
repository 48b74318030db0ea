"""Hears when this machine has another address towards the one host that matters now."""

from __future__ import annotations

from collections.abc import Callable

from cwmpagent.agent.ports import AddressWatch


class OwnAddress:
    """Follows one host at a time for ``moved``, which is called when our address towards it may be another.

    ``watch`` None: it is never known.
    """

    def __init__(self, watch: AddressWatch | None, moved: Callable[[], None]) -> None:
        self._watch = watch
        self._moved = moved
        self._host = ""

    def follow(self, host: str) -> None:
        """Hear of ``host``, a name or an address, and of the former one no more; empty: of none."""
        if self._watch is None or host == self._host:
            return
        if self._host:
            self._watch.unwatch(self._host, self._moved)
        self._host = host
        if host:
            self._watch.watch(host, self._moved)
