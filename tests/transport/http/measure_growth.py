"""Script of a test: post to a port, print the outcome and the memory growth of this process in KiB."""

from __future__ import annotations

import random
import resource
import sys

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from cwmpagent.errors import TransportError
from cwmpagent.transport.http.acs_client import AcsClient
from cwmpagent.transport.tls.trust import TlsTrust


async def measured(port: int) -> None:
    client = AcsClient(reactor, TlsTrust(), random=random.Random(1), cnonce=lambda: "c", warn=print)
    exchange = client.open(f"http://127.0.0.1:{port}/", "u", "p")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        outcome = str(len((await exchange.post(b"x")).body))
    except TransportError as error:
        outcome = type(error).__name__
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    await exchange.close()
    print(outcome, grown)
    reactor.stop()


if __name__ == "__main__":
    Deferred.fromCoroutine(measured(int(sys.argv[1])))
    reactor.run()
