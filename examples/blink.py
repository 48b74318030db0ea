"""A vendor-specific RPC: a lamp blinks, and the ACS receives the response when it has finished.

    twistd --nodaemon --pidfile= cwmplab                      # a test ACS, in another terminal
    python examples/blink.py

On the web page of the ACS (http://127.0.0.1:8071/) or with curl (docs/embedding.md) queue the task
{"rpc": "X_EXAMPLE_Blink", "arguments": {"Times": "3"}}.
"""

import os
import sys
import time

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.logger import globalLogBeginner, textFileLogObserver

from cwmpagent import Agent
from cwmpagent.errors import CwmpFault
from cwmpagent.logs import FactLog

# Twisted's timers use the wall clock and go wrong when it is set. A process may give its reactor the monotonic clock
# before the first timer. The agent works with either clock; this protects the other timers of the program.
reactor.seconds = time.monotonic


class Lamp:
    """A simple device driver; its methods return a Deferred that fires when they have finished."""

    def flash(self):
        """Switch the lamp on and off."""
        print("*", flush=True)
        return deferLater(reactor, 0.2, lambda: None)


lamp = Lamp()
# The tables and keys are those of etc/cwmpagent.toml, which documents each.
agent = Agent(
    device={
        "manufacturer": "Example",
        "oui": "00D09E",
        "product_class": "Lamp",
        "serial_number": "L0001",
        "provider": "simulated",
        "boot": "process",
    },
    acs={
        "url": os.environ.get("EXAMPLE_ACS", "http://127.0.0.1:8069/"),
        "rpc_timeout": 10,  # seconds; a longer RPC is cancelled, and the ACS receives fault 9002
    },
    connection_request={
        "endpoint": os.environ.get("EXAMPLE_REQUESTS", "tcp:7547:interface=127.0.0.1"),
        "username": "acs",
        "password": "example",
    },
    state={"directory": os.environ.get("EXAMPLE_STATE", "blink-state")},
)


# The name is X_, the vendor, and the name of the RPC. GetRPCMethods lists it. The arguments are strings.
@agent.rpc("X_EXAMPLE_Blink")
async def blink(arguments):
    """Blink, and return the number of blinks. The function may also return a Deferred."""
    times = arguments.get("Times", "1")
    if not times.isdecimal() or not 1 <= int(times) <= 20:
        raise CwmpFault(9003, "Times is a number from 1 to 20")  # 9003: invalid arguments
    # The session waits here; the rest of the program goes on. At a time-out, or when the agent stops, the await raises
    # CancelledError. Use try/finally where the lamp must be switched off then.
    for _ in range(int(times)):
        await lamp.flash()
    return {"Blinked": int(times)}


# An observer is called with every fact: sessions, RPCs, connection requests, changes.
@agent.observe
def print_fact(fact):
    """Print the class of the fact, a dataclass of cwmpagent/agent/facts.py."""
    print(type(fact).__name__, flush=True)


def main():
    """Run until SIGTERM or Ctrl-C."""
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    agent.observe(FactLog())
    agent.startService()
    # The Deferred of stopService fires when the state is saved; the reactor waits for it.
    reactor.addSystemEventTrigger("before", "shutdown", agent.stopService)
    reactor.run()


if __name__ == "__main__":
    main()
