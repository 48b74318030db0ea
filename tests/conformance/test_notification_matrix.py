"""The matrix of notifications (docs/notifications.md): origin, attribute and time of a change, and the expected report.

Each cell is a new device with one value of the attribute on one parameter, and one change.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.device.provider import Name, Provider
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.rpc import AddObject, DeleteObject, Fault, SetParameterAttributesResponse
from cwmpagent.protocol.session import Reply
from tests.agent.bench import assign
from tests.agent.ports import Posted, finished
from tests.conformance.simulated import CODE, NTP, SimulatedDiskAgent, is_inform
from tests.conformance.test_notifications import ROUTES, UPTIME, attributes
from tests.protocol.test_lightweight_notification import told
from tests.skips import CHECKOUT

PAGE = CHECKOUT / "docs" / "notifications.md"
NTP2 = "Device.Time.NTPServer2"
INTERFACE = ROUTES + "1.Interface"
LEVELS = (0, 1, 2, 3, 4, 5, 6)


class Box(Provider):
    """The device itself: it has one time server, which it changes."""

    name = "box"
    paths = (NTP,)

    def __init__(self) -> None:
        self.text = "one.example"

    def read(self, names: Any) -> dict[Name, str]:
        return dict.fromkeys(names, self.text)

    def check(self, changes: Any) -> None:
        return None

    def apply(self, changes: Any) -> None:
        self.text = changes[NTP]


def poll(simulated: SimulatedDiskAgent, box: Box) -> None:
    box.text = "new.example"
    simulated.run(6)


def push(simulated: SimulatedDiskAgent, box: Box) -> None:
    box.text = "new.example"
    finished(simulated.runtime.look(NTP))


def by(origin: Origin, name: str = NTP) -> Callable[[SimulatedDiskAgent, Box], None]:
    def change(simulated: SimulatedDiskAgent, box: Box) -> None:
        finished(simulated.runtime.changes.set_values(assign("", **{name: "new.example"}).parameter_list, origin))

    return change


def side_effect(simulated: SimulatedDiskAgent, box: Box) -> None:
    finished(simulated.runtime.changes.delete_object("Device.IP.Interface.3.", Origin.ACS))


CHANGES: dict[str, tuple[str, Callable[[SimulatedDiskAgent, Box], None]]] = {
    "the ACS sets it": (NTP, by(Origin.ACS)),
    "a provider's value, found by polling": (NTP, poll),
    "a provider's value, pushed": (NTP, push),
    "a person at the device": (NTP, by(Origin.LOCAL)),
    "the agent's own program": (NTP2, by(Origin.DEVICE, NTP2)),
    "a side effect of what the ACS did": (INTERFACE, side_effect),
}
"""The rows of the table: origin -> the parameter that changes, and the function that changes it."""


def expected(origin: str, level: int) -> str:
    """The expected report: ``session``, ``next Inform``, ``datagram``, ``trigger``, joined by ``+``; or empty."""
    if origin == "the ACS sets it":
        return ""
    by_inform = {1: "next Inform", 2: "session", 4: "next Inform", 6: "next Inform"}.get(level, "")
    by_datagram = {3: "trigger", 4: "trigger", 5: "datagram", 6: "datagram"}.get(level, "")
    return " + ".join(filter(None, (by_inform, by_datagram)))


class MatrixTests(SynchronousTestCase):
    def life(self, name: str, level: int) -> tuple[SimulatedDiskAgent, Box]:
        box = Box()
        simulated = SimulatedDiskAgent(
            None,
            polling=5.0,
            LightweightNotificationProtocolsUsed="UDP",
            LightweightNotificationTriggerInterval="60",
        )
        simulated.providers.append(box)
        simulated.bootstrapped()
        if name == INTERFACE:
            simulated.ask(
                AddObject("Device.IP.Interface.", ""),
                AddObject(ROUTES, ""),
                assign("", **{INTERFACE: "Device.IP.Interface.3"}),
            )
        self.assertEqual(simulated.ask(attributes(name, level)), [SetParameterAttributesResponse()])
        return simulated, box

    def outcome(self, simulated: SimulatedDiskAgent, name: str, begun: int) -> str:
        """The reports of ``name`` since the session ``begun``: at once, and later."""
        simulated.run(0.1)
        found = []
        sessions = simulated.acs.informs()[begun:]
        if any(name in {each.name for each in inform.parameter_list} for inform in sessions):
            self.assertIn(("4 VALUE CHANGE",), simulated.acs.event_codes()[begun:])
            found.append("session")
        at_once = [each for _, _, each in simulated.datagrams]
        simulated.run(61)
        later = [each for _, _, each in simulated.datagrams[len(at_once) :]]
        simulated.call()
        if name in simulated.last_values():
            self.assertIn("4 VALUE CHANGE", simulated.acs.event_codes()[-1])
            found.append("next Inform")
        for datagrams, word in ((at_once, "datagram"), (later, "trigger")):
            if datagrams:
                self.assertEqual([each for datagram in datagrams for each, _, _ in told(datagram)], [name])
                found.append(word)
        simulated.run(300)
        simulated.call()
        self.assertNotIn(name, simulated.last_values(), "told twice")
        self.assertEqual(simulated.odd(), [])
        return " + ".join(found)

    def test_between_sessions(self) -> None:
        for origin, (name, change) in CHANGES.items():
            for level in LEVELS:
                with self.subTest(origin=origin, level=level):
                    simulated, box = self.life(name, level)
                    begun = len(simulated.acs.sessions)
                    change(simulated, box)
                    self.assertEqual(self.outcome(simulated, name, begun), expected(origin, level), (origin, level))

    def test_during_a_session(self) -> None:
        for origin, (name, change) in CHANGES.items():
            for level in LEVELS:
                with self.subTest(origin=origin, level=level):
                    simulated, box = self.life(name, level)
                    answer: Deferred[Reply] = Deferred()
                    held: list[Posted] = []

                    def hang(posted: Posted, held: list[Posted] = held, answer: Deferred[Reply] = answer) -> Any:
                        if is_inform(posted) and not held:
                            held.append(posted)
                            return answer
                        return None

                    simulated.acs.instead = hang
                    simulated.call()
                    begun = len(simulated.acs.sessions)
                    change(simulated, box)
                    self.assertEqual(len(simulated.acs.sessions), begun)
                    answer.callback(simulated.acs.good(held[0]))
                    self.assertEqual(self.outcome(simulated, name, begun), expected(origin, level), (origin, level))

    def test_denied_and_forced_ones(self) -> None:
        for name, refused in ((UPTIME, {2: 9009, 5: 9009, 6: 9009}), (CODE, dict.fromkeys((0, 1, 3, 4, 5, 6), 9009))):
            simulated = SimulatedDiskAgent(None)
            simulated.bootstrapped()
            for level in LEVELS:
                (answer,) = simulated.ask(attributes(name, level))
                code = answer.code if isinstance(answer, Fault) else 0
                self.assertEqual(code, refused.get(level, 0), (name, level))

    def test_a_forced_one_is_told_whatever_was_tried(self) -> None:
        for level in LEVELS:
            simulated = SimulatedDiskAgent(None, LightweightNotificationProtocolsUsed="UDP")
            simulated.bootstrapped()
            simulated.ask(attributes(CODE, level))
            simulated.change(CODE, "changed")
            simulated.run(1)
            self.assertEqual(simulated.acs.event_codes()[2:], [("4 VALUE CHANGE",)])
            self.assertEqual(simulated.datagrams, [])

    def test_a_refused_change_is_told_to_nobody(self) -> None:
        simulated, _ = self.life(NTP, 2)
        begun = len(simulated.acs.sessions)
        with self.assertRaises(CwmpFault):
            simulated.change(NTP, "x" * 1000)
        simulated.run(60)
        self.assertEqual(len(simulated.acs.sessions), begun)

    def test_deleted_with_its_row_it_is_told_to_nobody(self) -> None:
        simulated, _ = self.life(INTERFACE, 2)
        begun = len(simulated.acs.sessions)
        self.assertTrue(simulated.ask(DeleteObject(ROUTES + "1.", "")))
        self.assertEqual(len(simulated.acs.sessions), begun + 1)

    def test_the_page_says_the_same(self) -> None:
        table = re.findall(r"^\| ([^|]+) \|((?: [^|]* \|){7})$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        rows = {origin: [cell.strip() for cell in cells.split("|")[:-1]] for origin, cells in table}
        for origin in CHANGES:
            self.assertEqual(rows.get(origin), [expected(origin, level) or "-" for level in LEVELS], origin)
