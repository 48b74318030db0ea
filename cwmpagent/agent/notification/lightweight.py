"""Lightweight notifications (values 3 to 6 of the Notification attribute, TR-069 Annex M): told by datagram.

They stand beside those that an Inform tells, with baselines of their own. What is active is sent at once, with all
that is passive and waits; what is passive alone at the trigger time. What was sent is no news any more, arrived or not.
Nothing is watched while the ACS has not chosen a protocol in LightweightNotificationProtocolsUsed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from random import Random

from cwmpagent.agent.device_identity import device_id
from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.journal import LIGHTWEIGHT, Journal
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.notification.value_change import NotificationKind, Notifications
from cwmpagent.agent.parameters.answer_names import AnswerNames
from cwmpagent.agent.parameters.changes import Change
from cwmpagent.agent.ports import DelayedCall, Notify, Timers
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.agenda import Now, Periodic, PeriodicTicks
from cwmpagent.protocol.lightweight_notification import Sender, messages
from cwmpagent.protocol.rpc import ParameterValueStruct
from cwmpagent.values import UNKNOWN_TIME, list_items, parse_time

BY_DATAGRAM = NotificationKind(LIGHTWEIGHT, frozenset({3, 4, 5, 6}), frozenset({5, 6}), frozenset({3, 4, 5, 6}))
UDP = "UDP"
PORT = 7547
"""Where the model has no UDPLightweightNotificationPort."""


class Lightweight:
    """Watches, and sends. ``now`` gives both clocks; ``notify`` is where datagrams go."""

    def __init__(
        self,
        *,
        tree: Tree,
        server: ManagementServer,
        notes: Mapping[str, str],
        now: Callable[[], Now],
        random: Random,
        timers: Timers,
        notify: Notify,
        journal: Journal,
        observer: Observer,
    ) -> None:
        self._tree = tree
        self._server = server
        self._now = now
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
            tree, notes, raised=self._raised, withdrawn=self._disarm, kind=BY_DATAGRAM, wanted=lambda: self._on
        )

    def start(self, unread: Collection[str] = ()) -> Mapping[str, str | None]:
        """Send from now on; the notes to save. ``unread`` is what could not be read."""
        self._running = True
        self._configure()
        return self.watch.start(unread)

    def stop(self) -> None:
        """Send nothing more; what is not sent is found again at the next start."""
        self._running = False
        self._disarm()

    def resume(self) -> None:
        """Go on after :meth:`stop`; what was not sent goes with the next trigger."""
        self._running = True
        self._rearm()

    def before(self, change: Change) -> Mapping[str, str | None]:
        """The baselines that belong into the transaction of ``change``."""
        return self.watch.before(change)

    def after(self, change: Change) -> None:
        """Take note of a change that is made; it may be one of how to notify."""
        was = self._on
        self._configure()
        if self._on is not was:  # what changed while nothing was watched is no news
            self._disarm()
            self._journal.save_soon(self.watch.start())
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
            # Not at once: what changes in one breath goes together.
            self._soon = self._timers.callLater(0, self._send)
        elif not active and (self._trigger is None or not self._trigger.active()):
            self._ticks.ticked(self._now())  # what came while nothing waited is over
            self._rearm()

    def _rearm(self) -> None:
        """Wait for the next trigger, or look at a clock, where anything waits for it."""
        if self._trigger is not None and self._trigger.active():
            self._trigger.cancel()
        now = self._now()
        at = self._ticks.next_look(now)
        if self._running and self.watch.news and at is not None:
            self._trigger = self._timers.callLater(max(0.0, at - now.monotonic), self._look)

    def _look(self) -> None:
        if self._ticks.ticked(self._now()):
            self._send()
        self._rearm()

    def _disarm(self) -> None:
        for each in (self._soon, self._trigger):
            if each is not None and each.active():
                each.cancel()

    def _send(self) -> None:
        """Tell all that is news, and forget it."""
        naming = AnswerNames(self._tree)
        told: list[tuple[str, str]] = []
        parameters: list[ParameterValueStruct] = []
        for name in self.watch.news:
            with suppress(CwmpFault):
                value = self._tree.shown(name)
                told.append((name, value.text))
                parameters.append(ParameterValueStruct(naming.name(name), value))
        host, port = self._destination()
        made = messages(
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
        if made.left_out:
            self._observer(Warned(f"too large for a lightweight notification: {', '.join(made.left_out)}"))
        if made.datagrams:
            self._notify(host, port, made.datagrams)
        notes = self.watch.told(told)
        if notes:
            self._journal.save_soon(notes)

    def _destination(self) -> tuple[str, int]:
        host = self._server.text("UDPLightweightNotificationHost")
        if not host:
            host = self._server.acs_host
        return host, self._server.number("UDPLightweightNotificationPort", PORT)
