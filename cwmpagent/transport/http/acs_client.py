"""HTTP towards an ACS (TR-069 section 3.4; RFC 9110, 9112, 6265, 7616): what every device's sessions have in common.

From here downwards: :mod:`.exchange` settles 401s, cookies and redirects; :mod:`.line` keeps one connection;
:mod:`.connecting` opens it; :mod:`.answer` reads what comes over it; :mod:`.wire` is the connection itself with its
time limits.
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
"""So many failed addresses are remembered, one for each device that had a failure."""


class AcsClient:
    """Opens the exchanges of any number of devices, which share nothing but settings and the TLS context.

    ``reactor``: IReactorTCP, IReactorTime and, without a ``resolver``, IReactorPluggableNameResolver. ``cnonce`` makes
    a fresh unpredictable token. ``warn`` gets a sentence, once, when a password goes out in the clear. ``monotonic``:
    seconds that are never set, by which the limits are kept.
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
        """Begin the exchanges of one session with the ACS at ``url``. Nothing is sent yet, and nothing is raised."""
        who = (url, username)

        def suspected(address: str) -> None:
            self._suspects[who] = address
            if len(self._suspects) > MOST_SUSPECTS:
                del self._suspects[next(iter(self._suspects))]

        return SessionExchange(
            PersistentConnection(self._connector, self._suspects.pop(who, None)),
            url,
            Credentials(username, password),
            cnonce=self._cnonce,
            in_the_clear=self._in_the_clear,
            suspected=suspected,
        )

    def _in_the_clear(self, name: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"{name} asks for Basic authentication over plain http: the password can be read on its way")
