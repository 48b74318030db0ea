"""The local address towards one host, and its changes."""

from __future__ import annotations

from collections.abc import Callable

from cwmpagent.agent.options import ConnectionRequestOptions


class OwnAddress:
    """The local address towards the host that is followed; ``moved`` is called when it may have changed."""

    def __init__(self, options: ConnectionRequestOptions, moved: Callable[[], None]) -> None:
        self._local_address = options.local_address
        self._watch = options.address_watch
        self._moved = moved
        self._host = ""

    def follow(self, host: str) -> None:
        """Watch the address towards ``host``, a name or an address, instead of the former host; empty: no host."""
        if self._watch is None or host == self._host:
            return
        if self._host:
            self._watch.unwatch(self._host, self._moved)
        self._host = host
        if host:
            self._watch.watch(host, self._moved)

    async def towards(self, host: str) -> str | None:
        """Return the local address towards ``host``; None where it is unknown, or ``host`` is empty."""
        return await self._local_address(host) if host else None
