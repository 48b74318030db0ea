"""Lightweight notifications (Notification 3 to 6, TR-069 Annex M): changed values sent by datagram.

They are independent of notifications by Inform and have separate baselines. An active change is sent at once, together
with pending passive ones; passive changes alone are sent at the trigger time. Values that were sent are not sent again,
even if they did not arrive. Nothing is watched while LightweightNotificationProtocolsUsed is empty.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from random import Random

from cwmpagent.agent.device_identity import device_id
from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.journal import LIGHTWEIGHT, Journal
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.notification.value_change import NotificationKind, Notifications
from cwmpagent.agent.parameters.answer_names import AnswerNames
from cwmpagent.agent.parameters.changes import Change
from cwmpagent.agent.ports import Clock, DelayedCall, Notify, Timers
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.gradual import Gradual
from cwmpagent.protocol.agenda import Now, Periodic, PeriodicTicks
from cwmpagent.protocol.lightweight_notification import Sender, messages
from cwmpagent.protocol.rpc import ParameterValueStruct
from cwmpagent.values import UNKNOWN_TIME, list_items, parse_time

BY_DATAGRAM = NotificationKind(LIGHTWEIGHT, frozenset({3, 4, 5, 6}), frozenset({5, 6}), frozenset({3, 4, 5, 6}))
UDP = "UDP"
PORT = 7547
"""UDP port for a model without UDPLightweightNotificationPort."""


class Lightweight:
    """Lightweight notifications of one agent; ``notify`` sends the datagrams."""

    def __init__(
        self,
        *,
        tree: Tree,
        server: ManagementServer,
        notes: Mapping[str, str],
        clock: Clock,
        random: Random,
        timers: Timers,
        notify: Notify,
        journal: Journal,
        observer: Observer,
    ) -> None:
        self._tree = tree
        self._server = server
        self._clock = clock
        self._random = random
        self._timers = timers
        self._notify = notify
        self._journal = journal
        self._observer = observer
        self._on = False
        self._running = False
        self._soon: DelayedCall | None = None
        self._trigger: DelayedCall | None = None
        self._ticks = PeriodicTicks()
        self.watch = Notifications(
            tree, notes, raised=self._raised, withdrawn=self._disarm, kind=BY_DATAGRAM, enabled=lambda: self._on
        )

    def start(self, unread: Collection[str] = ()) -> Mapping[str, str | None]:
        """Start to send. Returns the notes to save. ``unread``: parameters that could not be read."""
        self._running = True
        self._configure()
        return self.watch.start(unread)

    def stop(self) -> None:
        """Stop sending; the next start finds unsent changes again."""
        self._running = False
        self._disarm()

    def resume(self) -> None:
        """Send again after :meth:`stop`; unsent changes wait for the next trigger."""
        self._running = True
        self._rearm()

    def before(self, change: Change) -> Gradual[Mapping[str, str | None]]:
        """Notes with baselines to save in the transaction of ``change``."""
        return self.watch.before(change)

    def after(self, change: Change) -> None:
        """Apply ``change``, which has been made, to the settings and to pending changes."""
        was_on = self._on
        self._configure()
        if self._on is not was_on:  # changes made while nothing was watched are not sent
            self._disarm()
            self._journal.save_soon(self.watch.start())
        else:
            self.watch.after(change)

    def _configure(self) -> None:
        server = self._server
        used = list_items(server.text("LightweightNotificationProtocolsUsed"))
        self._on = UDP in used and server.flag("EnableCWMP", True)
        trigger = Periodic(
            self._on,
            server.number("LightweightNotificationTriggerInterval", 0),
            parse_time(server.text("LightweightNotificationTriggerTime", UNKNOWN_TIME)),
        )
        if trigger != self._ticks.periodic:
            self._ticks.configure(trigger, self._now(), self._random)
            self._rearm()

    def _raised(self, active: bool) -> None:
        if not self._running:
            return
        if active and (self._soon is None or not self._soon.active()):
            # With the next turn of the reactor: simultaneous changes are sent together.
            self._soon = self._timers.callLater(0, self._send)
        elif not active and (self._trigger is None or not self._trigger.active()):
            self._ticks.ticked(self._now())  # discard trigger times at which nothing was pending
            self._rearm()

    def _rearm(self) -> None:
        """Set the timer for the next trigger if a change is pending."""
        if self._trigger is not None and self._trigger.active():
            self._trigger.cancel()
        now = self._now()
        at = self._ticks.next_check(now)
        if self._running and self.watch.pending and at is not None:
            self._trigger = self._timers.callLater(max(0.0, at - now.monotonic), self._check)

    def _check(self) -> None:
        if self._ticks.ticked(self._now()):
            self._send()
        self._rearm()

    def _disarm(self) -> None:
        for timer in (self._soon, self._trigger):
            if timer is not None and timer.active():
                timer.cancel()

    def _send(self) -> None:
        """Send all pending changes."""
        naming = AnswerNames(self._tree)
        sent: list[tuple[str, str]] = []
        parameters: list[ParameterValueStruct] = []
        for name in self.watch.pending:
            with suppress(CwmpFault):
                value = self._tree.shown(name)
                sent.append((name, value.text))
                parameters.append(ParameterValueStruct(naming.name(name), value))
        host, port = self._destination()
        message = messages(
            Sender(
                device=device_id(self._tree),
                username=self._server.text("Username"),
                password=self._server.text("Password"),
            ),
            parameters,
            timestamp=self._now().wall,
            cnonce=lambda: f"{self._random.getrandbits(128):032x}",
            host=host,
            port=port,
        )
        if message.left_out:
            self._observer(Warned(f"too large for a lightweight notification: {', '.join(message.left_out)}"))
        if message.datagrams:
            self._notify(host, port, message.datagrams)
        notes = self.watch.reported(sent)
        if notes:
            self._journal.save_soon(notes)

    def _now(self) -> Now:
        return Now.read(self._clock)

    def _destination(self) -> tuple[str, int]:
        host = self._server.text("UDPLightweightNotificationHost")
        if not host:
            host = self._server.acs_host
        return host, self._server.number("UDPLightweightNotificationPort", PORT)
