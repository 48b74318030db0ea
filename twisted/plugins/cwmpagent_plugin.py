"""Plugins for ``twistd``: the commands ``cwmpagent`` and ``cwmplab``."""

from twisted.application.service import ServiceMaker

cwmpagent = ServiceMaker(
    "cwmpagent",
    "cwmpagent.tap",
    "A TR-069 (CWMP) management agent.",
    "cwmpagent",
)

cwmplab = ServiceMaker(
    "cwmplab",
    "cwmpagent.lab.tap",
    "A test bench for CWMP agents: an ACS on loopback.",
    "cwmplab",
)
