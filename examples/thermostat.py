"""A thermostat with its own web page, which an ACS can also read and set.

    twistd --nodaemon --pidfile= cwmplab                      # a test ACS, in another terminal
    twistd --nodaemon --pidfile= --python examples/thermostat.py

The page is at http://127.0.0.1:8080/. The ACS (http://127.0.0.1:8069/, its own page at http://127.0.0.1:8071/) sees two
parameters, Device.X_EXAMPLE_Temperature and Device.X_EXAMPLE_Setpoint. docs/embedding.md has example requests.
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


# --- The program without an ACS: a device, and a web server.


class Thermostat:
    """Changes the temperature of the room by 0.2 degrees a second until it is the setpoint."""

    def __init__(self, file):
        self.temperature = 18.0
        self._file = file  # saves the setpoint; the agent does not save values of parameter functions
        self.setpoint = int(file.read_text()) if file.exists() else 20
        self.setpoint_changed = self.temperature_changed = lambda: None

    def set(self, degrees):
        """Set and save the setpoint. Raises ValueError."""
        if degrees == 13:
            raise ValueError("13 degrees bring bad luck")
        self.setpoint = degrees
        self._file.write_text(str(degrees))

    def tick(self):
        """Advance the temperature by one second."""
        before = round(self.temperature)
        self.temperature += max(-0.2, min(0.2, self.setpoint - self.temperature))
        if round(self.temperature) != before:
            self.temperature_changed()


class Page(Resource):
    """The web page: the temperature, and a form for the setpoint."""

    isLeaf = True

    def __init__(self, thermostat):
        super().__init__()
        self._thermostat = thermostat

    def render_GET(self, request):
        """Return the page."""
        thermostat = self._thermostat
        return (
            f"<title>Thermostat</title><p>It is {round(thermostat.temperature)} degrees.</p>"
            f'<form method=post><input name=setpoint value="{thermostat.setpoint}"><button>Set</button></form>'
        ).encode()

    def render_POST(self, request):
        """Set the setpoint from the form."""
        try:
            degrees = int(request.args[b"setpoint"][0])
            if not LOWEST <= degrees <= HIGHEST:
                raise ValueError(f"the setpoint must be from {LOWEST} to {HIGHEST}")
            self._thermostat.set(degrees)
        except (KeyError, ValueError) as error:
            request.setResponseCode(400)
            return escape(str(error)).encode()
        self._thermostat.setpoint_changed()
        return redirectTo(b"/", request)


STATE.mkdir(parents=True, exist_ok=True)
thermostat = Thermostat(STATE / "setpoint")
application = Application("thermostat")
site = Site(Page(thermostat))
StreamServerEndpointService(endpoints.serverFromString(reactor, WEB), site).setServiceParent(application)
TimerService(1, thermostat.tick).setServiceParent(application)


# --- The agent, by which an ACS manages the device.

# The tables and keys are those of etc/cwmpagent.toml, which documents each; Agent("agent.toml") reads such a file.
agent = Agent(
    device={
        "manufacturer": "Example",
        "oui": "00D09E",  # of the manufacturer, from the IEEE; with the serial number it identifies the device
        "product_class": "Thermostat",
        "serial_number": "T0001",
        "provider": "simulated",  # the interfaces of this machine do not belong to the thermostat
        "boot": "process",  # each start of this program is a boot of the device (event "1 BOOT")
    },
    acs={"url": ACS},
    # Connection requests: the ACS requests a session. Without them it waits for the next periodic Inform.
    connection_request={"endpoint": REQUESTS, "username": "acs", "password": "example"},
    # Values that the ACS has set, and events that it has not yet received, saved over restarts. One directory an agent.
    state={"directory": STATE / "agent"},
)
agent.observe(FactLog())  # a line in the log for every session


# A parameter is a function that is called at each read. It may return a Deferred.
@agent.parameter("Device.X_EXAMPLE_Temperature", type="int", unit="degrees Celsius")
def temperature():
    """The temperature of the room."""
    return round(thermostat.temperature)


@agent.parameter("Device.X_EXAMPLE_Setpoint", type="int", range=(LOWEST, HIGHEST), unit="degrees Celsius")
def setpoint():
    """The temperature that is set."""
    return thermostat.setpoint


# With a setter the ACS may write it. Type and range are checked before the call. For any other error raise ValueError:
# the ACS receives its text in the fault of this parameter.
@setpoint.setter
def set_setpoint(degrees):
    """Set the setpoint that the ACS has sent."""
    thermostat.set(degrees)


# The program must report a change to the agent. Where the ACS has set Notification of the parameter to 2 (active), it
# receives the change at once, in a session with the event "4 VALUE CHANGE"; with 1 (passive), in the next session; with
# 0, never. Values that the ACS itself has set are not reported to it.
thermostat.temperature_changed = temperature.changed
thermostat.setpoint_changed = setpoint.changed

# The agent is a service: it starts with the application, and the process ends after its state is saved.
agent.setServiceParent(application)
