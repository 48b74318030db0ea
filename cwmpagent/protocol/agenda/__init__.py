"""The agenda: undelivered events, and the times of sessions (TR-069 3.2.1, 3.7.1.5)."""

from cwmpagent.protocol.agenda.agenda import Agenda, Snapshot
from cwmpagent.protocol.agenda.clock import Chance, Clocks, Now
from cwmpagent.protocol.agenda.periodic import Periodic, PeriodicTicks
from cwmpagent.protocol.agenda.retry import RetryPolicy
from cwmpagent.protocol.agenda.schedule_inform import ScheduledInform

__all__ = [
    "Agenda",
    "Chance",
    "Clocks",
    "Now",
    "Periodic",
    "PeriodicTicks",
    "RetryPolicy",
    "ScheduledInform",
    "Snapshot",
    "events",
    "reboot_times",
    "saved_json",
    "standby",
]
