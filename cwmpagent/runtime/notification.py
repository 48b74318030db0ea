"""Assembly of the notification subsystem: by Inform, by datagram, and the polling for both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cwmpagent.agent.events import Events
from cwmpagent.agent.journal import Journal
from cwmpagent.agent.notification.lightweight import Lightweight
from cwmpagent.agent.notification.polling import Polling
from cwmpagent.agent.notification.value_change import Notifications
from cwmpagent.agent.parameters.changes import Change
from cwmpagent.gradual import Gradual
from cwmpagent.protocol.agenda.events import VALUE_CHANGE, Event
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.parameters import Device, Parameters


@dataclass(frozen=True, slots=True)
class Notification:
    """The parts of the subsystem, except :class:`Polling`, which needs the parameters."""

    by_inform: Notifications
    by_datagram: Lightweight

    @property
    def watches(self) -> tuple[Notifications, Notifications]:
        """The comparison of values for each kind of notification."""
        return self.by_inform, self.by_datagram.watch

    def before(self, change: Change) -> Gradual[Mapping[str, str | None]]:
        """The baselines to save in the transaction of ``change``."""
        by_inform = yield from self.by_inform.before(change)
        by_datagram = yield from self.by_datagram.before(change)
        return {**by_inform, **by_datagram}

    def after(self, change: Change) -> None:
        """Compare the values after ``change``."""
        self.by_inform.after(change)
        self.by_datagram.after(change)


def build_notification(
    device: Device, environment: Environment, events: Events, journal: Journal, held: Callable[[str], bool]
) -> Notification:
    """Assemble the subsystem. ``held``: whether a change of this parameter opens no session at present."""

    def raised(active: bool) -> None:
        events.raise_event(Event(VALUE_CHANGE), opens_session=active)

    def withdrawn() -> None:
        events.withdraw(VALUE_CHANGE)

    by_inform = Notifications(
        device.tree,
        device.saved.notes,
        raised=raised,
        withdrawn=withdrawn,
        supplied=device.known.__contains__,
        held=held,
    )
    by_datagram = Lightweight(
        tree=device.tree,
        server=device.server,
        notes=device.saved.notes,
        clock=environment.clock,
        random=environment.random,
        timers=environment.timers,
        notify=environment.notification.notify,
        journal=journal,
        observer=environment.observer,
    )
    return Notification(by_inform, by_datagram)


def build_polling(
    device: Device, environment: Environment, notification: Notification, parameters: Parameters
) -> Polling:
    """Polling for both kinds of notification."""
    return Polling(
        tree=device.tree,
        watches=notification.watches,
        providers=parameters.providers,
        values=parameters.values,
        keys=parameters.keys,
        refresher=parameters.refresher,
        timers=environment.timers,
        interval=environment.notification.poll_interval,
        observer=environment.observer,
    )
