"""An RPC of a vendor's own: the ACS has a lamp blink, and is answered when it has done so.

    twistd --nodaemon --pidfile= cwmplab                      # an ACS to try it with, in another terminal
    python examples/blink.py

In the ACS's page (http://127.0.0.1:8071/) or by curl (docs/embedding.md) queue the task
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

# Twisted's timers run on the wall clock, and go wrong when somebody sets it. A process may put its reactor on the clock
# that nobody sets, before the first timer; the agent works with either, the rest of the program is the better for it.
reactor.seconds = time.monotonic


class Lamp:
    """What a driver might look like: it takes its time, and says by a Deferred when it is done."""

    def flash(self):
        """On and off again."""
        print("*", flush=True)
        return deferLater(reactor, 0.2, lambda: None)


lamp = Lamp()
# The tables and keys are those of etc/cwmpagent.toml, where each is explained.
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
        "rpc_timeout": 10,  # seconds: what is not done by then is cancelled, and the ACS gets fault 9002
    },
    connection_request={
        "endpoint": os.environ.get("EXAMPLE_REQUESTS", "tcp:7547:interface=127.0.0.1"),
        "username": "acs",
        "password": "example",
    },
    state={"directory": os.environ.get("EXAMPLE_STATE", "blink-state")},
)


# The name says whose RPC it is. The ACS finds it with GetRPCMethods, and sends the arguments as texts.
@agent.rpc("X_EXAMPLE_Blink")
async def blink(arguments):
    """Blink, and answer how often. A function that returns a Deferred would do as well."""
    times = arguments.get("Times", "1")
    if not times.isdecimal() or not 1 <= int(times) <= 20:
        raise CwmpFault(9003, "Times is a number from 1 to 20")  # 9003: invalid arguments
    # The session waits here, with nothing of it in the way of the rest of the program. At a time-out, or when the agent
    # is stopped, the await raises CancelledError: the place for try/finally, if the lamp has to be left switched off.
    for _ in range(int(times)):
        await lamp.flash()
    return {"Blinked": int(times)}


# A program that does not look into the log itself can be told everything that happens.
@agent.observe
def tell(fact):
    """Each fact is a dataclass: see cwmpagent/agent/facts.py."""
    print(type(fact).__name__, flush=True)


def main():
    """Run until SIGTERM or Ctrl-C."""
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stdout)], redirectStandardIO=False)
    agent.observe(FactLog())
    agent.startService()
    # stopService fires when the state is saved: the reactor waits for it.
    reactor.addSystemEventTrigger("before", "shutdown", agent.stopService)
    reactor.run()


if __name__ == "__main__":
    main()
