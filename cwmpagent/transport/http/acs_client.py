"""HTTP client for ACS sessions (TR-069 section 3.4; RFC 9110, 9112, 6265, 7616), shared by all devices.

Layers from top to bottom: :mod:`.session_exchange` handles 401, cookies and redirects; :mod:`.persistent_connection`
keeps one connection; :mod:`.connector` opens it; :mod:`.response` sends a request and reads its response;
:mod:`.wire_protocol` is the connection with its time limits.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.interfaces import IHostnameResolver

from cwmpagent.protocol.auth import Credentials
from cwmpagent.transport.http.connector import Connector
from cwmpagent.transport.http.limits import HttpLimits
from cwmpagent.transport.http.persistent_connection import PersistentConnection
from cwmpagent.transport.http.session_exchange import SessionExchange
from cwmpagent.transport.tls.trust import TlsTrust

MOST_SUSPECTS = 1024
"""Maximum number of failed addresses that are remembered, one per device."""


class AcsClient:
    """Opens sessions for any number of devices. They share only the settings and the TLS context.

    ``reactor``: IReactorTCP, IReactorTime and, without a ``resolver``, IReactorPluggableNameResolver. ``cnonce``
    returns a new unpredictable token. ``warn`` is called once, with a sentence, when a password is sent unencrypted.
    ``monotonic``: monotonic clock of the limits, in seconds.
    """

    def __init__(
        self,
        reactor: Any,
        trust: TlsTrust,
        *,
        limits: HttpLimits | None = None,
        random: Random,
        cnonce: Callable[[], str],
        warn: Callable[[str], object],
        resolver: IHostnameResolver | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connector = Connector(
            reactor, resolver or reactor.nameResolver, trust, limits or HttpLimits(), random, monotonic
        )
        self._cnonce = cnonce
        self._warn = warn
        self._warned = False
        self._suspects: dict[tuple[str, str], str] = {}

    def open(self, url: str, username: str, password: str) -> SessionExchange:
        """Create the exchange of one session with the ACS at ``url``. Sends nothing and raises nothing."""
        device = (url, username)

        def suspected(address: str) -> None:
            self._suspects[device] = address
            if len(self._suspects) > MOST_SUSPECTS:
                del self._suspects[next(iter(self._suspects))]

        return SessionExchange(
            PersistentConnection(self._connector, self._suspects.pop(device, None)),
            url,
            Credentials(username, password),
            cnonce=self._cnonce,
            in_the_clear=self._in_the_clear,
            suspected=suspected,
        )

    def _in_the_clear(self, name: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"{name} requests Basic authentication over plain http: the password is sent unencrypted")
