"""A thermostat with a web page of its own, that an ACS can read and set as well.

    twistd --nodaemon --pidfile= cwmplab                      # an ACS to try it with, in another terminal
    twistd --nodaemon --pidfile= --python examples/thermostat.py

The page is at http://127.0.0.1:8080/. The ACS (http://127.0.0.1:8069/, its own page at http://127.0.0.1:8071/) sees two
parameters, Device.X_EXAMPLE_Temperature and Device.X_EXAMPLE_Setpoint. docs/embedding.md shows what to have it ask.
"""

import os
from html import escape
from pathlib import Path

from twisted.application.internet import StreamServerEndpointService, TimerService
from twisted.application.service import Application
from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource
from twisted.web.server import Site
from twisted.web.util import redirectTo

from cwmpagent import Agent
from cwmpagent.logs import FactLog

STATE = Path(os.environ.get("EXAMPLE_STATE", "thermostat-state"))
WEB = os.environ.get("EXAMPLE_WEB", "tcp:8080:interface=127.0.0.1")
REQUESTS = os.environ.get("EXAMPLE_REQUESTS", "tcp:7547:interface=127.0.0.1")
ACS = os.environ.get("EXAMPLE_ACS", "http://127.0.0.1:8069/")
LOWEST, HIGHEST = 5, 30


# --- The program as it was before: a device, and a web server that shows it. It knows nothing of any ACS.


class Thermostat:
    """Makes the room warmer or colder, a fifth of a degree a second, until it is as warm as it was told."""

    def __init__(self, file):
        self.temperature = 18.0
        self._file = file  # a setpoint must outlive the process; nobody else keeps it for us
        self.setpoint = int(file.read_text()) if file.exists() else 20
        self.tell_setpoint = self.tell_temperature = lambda: None

    def set(self, degrees):
        """Whoever wants it, on the page or elsewhere."""
        if degrees == 13:
            raise ValueError("13 degrees bring bad luck")
        self.setpoint = degrees
        self._file.write_text(str(degrees))

    def tick(self):
        """A second has passed."""
        before = round(self.temperature)
        self.temperature += max(-0.2, min(0.2, self.setpoint - self.temperature))
        if round(self.temperature) != before:
            self.tell_temperature()


class Page(Resource):
    """Shows the thermostat, and takes a new setpoint from a form."""

    isLeaf = True

    def __init__(self, thermostat):
        super().__init__()
        self._thermostat = thermostat

    def render_GET(self, request):
        """The page."""
        thermostat = self._thermostat
        return (
            f"<title>Thermostat</title><p>It is {round(thermostat.temperature)} degrees.</p>"
            f'<form method=post><input name=setpoint value="{thermostat.setpoint}"><button>Set</button></form>'
        ).encode()

    def render_POST(self, request):
        """The form."""
        try:
            degrees = int(request.args[b"setpoint"][0])
            if not LOWEST <= degrees <= HIGHEST:
                raise ValueError(f"between {LOWEST} and {HIGHEST}, please")
            self._thermostat.set(degrees)
        except (KeyError, ValueError) as error:
            request.setResponseCode(400)
            return escape(str(error)).encode()
        self._thermostat.tell_setpoint()
        return redirectTo(b"/", request)


STATE.mkdir(parents=True, exist_ok=True)
thermostat = Thermostat(STATE / "setpoint")
application = Application("thermostat")
site = Site(Page(thermostat))
StreamServerEndpointService(endpoints.serverFromString(reactor, WEB), site).setServiceParent(application)
TimerService(1, thermostat.tick).setServiceParent(application)


# --- What makes it a device that an ACS manages.

# The tables and keys are those of etc/cwmpagent.toml, where each is explained; Agent("agent.toml") reads such a file.
agent = Agent(
    device={
        "manufacturer": "Example",
        "oui": "00D09E",  # yours, from the IEEE: with the serial number it is the device's name for every ACS
        "product_class": "Thermostat",
        "serial_number": "T0001",
        "provider": "simulated",  # this machine's own interfaces are not the thermostat's
        "boot": "process",  # a start of this program counts as a boot of the device (the event "1 BOOT")
    },
    acs={"url": ACS},
    # Here the ACS asks for a session when it has something to do; otherwise it waits for the next periodic one.
    connection_request={"endpoint": REQUESTS, "username": "acs", "password": "example"},
    # What the ACS has set and not yet been told, kept over restarts and crashes. One directory for each agent.
    state={"directory": STATE / "agent"},
)
agent.observe(FactLog())  # a line in the log for every session


# A parameter is a function that is called whenever somebody wants to know. It may return a Deferred as well.
@agent.parameter("Device.X_EXAMPLE_Temperature", type="int", unit="degrees Celsius")
def temperature():
    """How warm it is."""
    return round(thermostat.temperature)


@agent.parameter("Device.X_EXAMPLE_Setpoint", type="int", range=(LOWEST, HIGHEST), unit="degrees Celsius")
def setpoint():
    """How warm it should be."""
    return thermostat.setpoint


# With a setter the ACS may write it. Type and range have been checked, so the number can be used as it is; what else is
# wrong with it is said by a ValueError, whose text the ACS gets as the fault of this parameter.
@setpoint.setter
def set_setpoint(degrees):
    """The ACS wants another temperature."""
    thermostat.set(degrees)


# Nobody asks at the moment that something changes here, so the agent has to be told. If the ACS has set the parameter's
# notification to 2 (active) it hears of it at once, in a session with the event "4 VALUE CHANGE"; with 1 (passive), in
# the next session; with 0 never. What it has set itself is no news to it.
thermostat.tell_temperature = temperature.changed
thermostat.tell_setpoint = setpoint.changed

# Like any service: it starts with the application, and the end of the process waits until its state is saved.
agent.setServiceParent(application)
