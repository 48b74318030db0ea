"""Requests of the agent in whole sessions, with a test subsystem that reports transfers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import RpcAnswered
from cwmpagent.agent.session.own_requests import Answered, OwnRequest
from cwmpagent.errors import TransportError
from cwmpagent.protocol.agenda.events import BOOT, CONNECTION_REQUEST, M_DOWNLOAD, M_UPLOAD, TRANSFER_COMPLETE, Event
from cwmpagent.protocol.rpc import Fault, FaultStruct, Kicked, Reboot, Response, TransferComplete
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.values import UNKNOWN_TIME
from tests.agent.ports import Posted, Said, SimulatedAgent, finished, reply

NOTE = "transfers_of_a_test"


def report(key: str) -> TransferComplete:
    """The report of a transfer that succeeded."""
    return TransferComplete(key, FaultStruct(0, ""), UNKNOWN_TIME, UNKNOWN_TIME)


class Transfers:
    """A subsystem with records in a note: CommandKey -> EventCode."""

    def __init__(self, runtime: AgentRuntime, notes: Mapping[str, str]) -> None:
        self.runtime = runtime
        self.records: dict[str, str] = json.loads(notes.get(NOTE, "{}"))
        self.answers: list[Response | Fault] = []
        runtime.own_requests.add(self)

    def done(self, key: str, code: str = M_DOWNLOAD) -> None:
        """End a transfer: its record is saved before its event can be delivered."""
        self.records[key] = code
        finished(self.runtime.journal.save({NOTE: json.dumps(self.records)}))
        self.runtime.events.raise_event(Event(code, key))
        self.runtime.own_requests.offer()

    def requests(self) -> Sequence[OwnRequest]:
        return [OwnRequest(report(key), key, code) for key, code in self.records.items()]

    def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
        self.answers.append(answer)
        if isinstance(answer, Fault) and answer.code == 8002:
            return Answered(delivered=False)
        del self.records[own.command_key]
        return Answered(notes={NOTE: json.dumps(self.records)})


class OwnRequestTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.simulated = SimulatedAgent()
        self.transfers = self.begin()
        self.assertEqual(len(self.simulated.acs.sessions), 1)

    def begin(self, *, booted: bool = True) -> Transfers:
        """Start a runtime with the subsystem, which is registered before the first session."""
        notes = dict(self.simulated.store.load().notes)
        made: list[Transfers] = []
        start = AgentRuntime.start

        async def with_transfers(runtime: AgentRuntime) -> None:
            made.append(Transfers(runtime, notes))
            await start(runtime)

        self.patch(AgentRuntime, "start", with_transfers)
        self.simulated.begin(booted=booted)
        self.patch(AgentRuntime, "start", start)
        self.transfers = made[0]
        return made[0]

    def messages(self, session: int = -1) -> list[str]:
        """Names of the messages that the agent sent in a session; empty for an empty POST."""
        posts = self.simulated.acs.sessions[session]
        return [type(posted.message).__name__ if posted.message is not None else "" for posted in posts]

    def keys(self) -> list[str]:
        """CommandKeys of all reports, in the order of sending."""
        sent = [posted.message for session in self.simulated.acs.sessions for posted in session]
        return [message.command_key for message in sent if isinstance(message, TransferComplete)]

    def told(self) -> tuple[str, ...]:
        """EventCodes of the last Inform."""
        return self.simulated.acs.event_codes()[-1]

    def pending(self) -> list[str]:
        """EventCodes on the agenda."""
        return [event.code for event in self.simulated.runtime.agenda.pending]

    def test_sent_in_its_turn_and_delivered(self) -> None:
        self.transfers.done("k1")
        self.assertEqual(self.told(), (TRANSFER_COMPLETE, M_DOWNLOAD))
        self.assertEqual(self.messages(), ["Inform", "TransferComplete", ""])
        self.assertEqual(self.keys(), ["k1"])
        self.assertEqual(self.pending(), [])
        self.assertEqual(json.loads(self.simulated.store.load().notes[NOTE]), {})
        (answered,) = [fact for fact in self.simulated.facts if isinstance(fact, RpcAnswered)]
        self.assertEqual((answered.rpc, answered.by_acs, answered.fault), ("TransferComplete", True, 0))
        self.simulated.run(86400)
        self.assertEqual(len(self.simulated.acs.sessions), 2)

    def test_several_in_one_session_each_once(self) -> None:
        self.simulated.runtime.sessions._running = False  # both are ready before a session
        self.transfers.done("k1")
        self.transfers.done("k2", M_UPLOAD)
        self.simulated.runtime.sessions.start()
        self.assertEqual(self.told(), (TRANSFER_COMPLETE, M_DOWNLOAD, M_UPLOAD))
        self.assertEqual(self.messages(), ["Inform", "TransferComplete", "TransferComplete", ""])
        self.assertEqual((self.keys(), self.pending()), (["k1", "k2"], []))

    def test_the_single_event_stays_until_the_last_report(self) -> None:
        self.simulated.runtime.sessions._running = False
        self.transfers.done("k1")
        self.transfers.done("k2")
        self.simulated.acs.instead = lambda posted: self.drop_second(posted)
        self.simulated.runtime.sessions.start()
        self.assertEqual(self.pending(), [TRANSFER_COMPLETE, M_DOWNLOAD])
        self.simulated.acs.instead = lambda posted: None
        self.simulated.run(100)
        self.assertEqual(self.told(), (TRANSFER_COMPLETE, M_DOWNLOAD))
        self.assertEqual((self.keys(), self.pending()), (["k1", "k2", "k2"], []))

    def drop_second(self, posted: Posted) -> Said:
        """Break the connection when the second report is sent."""
        message = posted.message
        return (
            TransportError("broken") if isinstance(message, TransferComplete) and message.command_key == "k2" else None
        )

    def test_a_session_that_breaks_delivers_nothing(self) -> None:
        self.simulated.acs.instead = lambda posted: TransportError("broken") if posted.number == 2 else None
        self.transfers.done("k1")
        self.assertEqual(self.pending(), [TRANSFER_COMPLETE, M_DOWNLOAD])
        self.simulated.acs.instead = lambda posted: None
        self.simulated.run(100)
        self.assertEqual((self.keys(), self.pending()), (["k1", "k1"], []))

    def test_over_a_kill_and_a_boot(self) -> None:
        for booted in (False, True):
            with self.subTest(booted=booted):
                self.simulated.acs.instead = lambda posted: TransportError("down")
                self.transfers.done(f"k{booted}")
                self.simulated.kill()
                self.simulated.acs.instead = lambda posted: None
                self.begin(booted=booted)
                self.simulated.run(200)
                self.assertEqual(self.told(), (*([BOOT] if booted else []), TRANSFER_COMPLETE, M_DOWNLOAD))
                self.assertEqual(self.keys()[-1], f"k{booted}")
                self.assertEqual((self.pending(), self.transfers.records), ([], {}))

    def test_nothing_is_sent_before_the_delivery_is_saved(self) -> None:
        self.transfers.done("k1")
        kept: list[str] = []

        def at_the_empty_post(posted: Posted) -> Said:
            if not posted.body:
                kept.append(self.simulated.store.load().notes[NOTE])
            return None

        self.simulated.acs.instead = at_the_empty_post
        self.transfers.done("k2")
        self.assertEqual([json.loads(text) for text in kept], [{}])

    def test_a_fault_that_its_source_takes_for_none(self) -> None:
        def busy(posted: Posted) -> Said:
            return reply(Fault(8002, "busy"), posted) if isinstance(posted.message, TransferComplete) else None

        self.simulated.acs.instead = busy
        self.transfers.done("k1")
        self.assertEqual(self.messages(), ["Inform", "TransferComplete", ""])
        self.assertTrue(self.simulated.ended()[-1].success)
        self.assertEqual(self.simulated.ended()[-1].faults, {8002: 1})
        self.assertEqual(self.transfers.records, {"k1": M_DOWNLOAD})
        self.simulated.acs.instead = lambda posted: None
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(self.keys(), ["k1", "k1"])
        self.assertEqual((self.transfers.records, self.pending()), ({}, []))

    def test_a_request_that_is_ready_during_the_session(self) -> None:
        def hold(posted: Posted) -> Said:
            if not posted.body and len(self.simulated.acs.sessions) == 2 and not self.transfers.records:
                self.transfers.done("late")
            return None

        self.simulated.acs.instead = hold
        self.transfers.done("k1")
        self.simulated.run(10)
        self.assertEqual(self.keys(), ["k1", "late"])
        self.assertEqual(self.pending(), [])

    def test_one_whose_event_is_not_in_the_inform_waits_for_the_next_session(self) -> None:
        runtime = self.simulated.runtime
        save = runtime.journal.save_or_warn
        late = ["late"]

        async def ends(notes: Mapping[str, str | None] | None = None) -> None:
            if runtime.sessions.in_session and late:  # the events of the Inform are chosen, and are being saved
                self.transfers.done(late.pop())
            await save(notes)

        self.patch(runtime.journal, "save_or_warn", ends)
        self.transfers.done("k1")
        self.simulated.run(1)
        sessions = self.simulated.acs.sessions[-2:]
        reports = [
            [posted.message.command_key for posted in session if isinstance(posted.message, TransferComplete)]
            for session in sessions
        ]
        self.assertEqual(reports, [["k1"], ["late"]])
        events = [[each.command_key for each in inform.event] for inform in self.simulated.acs.informs()[-2:]]
        self.assertEqual(events, [["", "k1"], ["", "late"]])
        self.assertEqual(self.pending(), [])

    def test_none_in_a_heartbeat(self) -> None:
        policy = "HeartbeatPolicy."
        self.simulated = SimulatedAgent(**{policy + "Enable": "true", policy + "ReportingInterval": "30"})
        self.begin()
        self.transfers.records["quiet"] = M_DOWNLOAD
        self.simulated.run(40)
        self.assertEqual(self.told(), ("14 HEARTBEAT",))
        self.assertEqual((self.messages(), self.keys()), (["Inform", ""], []))

    def test_one_that_no_envelope_can_carry_ends_no_session(self) -> None:
        class Kicks:
            def requests(self) -> Sequence[OwnRequest]:
                return [OwnRequest(Kicked("\0", "", "", ""))]

            def answered(self, own: OwnRequest, answer: Response | Fault) -> Answered:
                raise AssertionError("it was never sent")

        self.simulated.runtime.own_requests.add(Kicks())
        self.transfers.done("k1")  # its answer is the occasion for another offer
        self.assertEqual(self.keys(), ["k1"])
        self.assertTrue(self.simulated.ended()[-1].success)
        (warned,) = self.simulated.odd()
        self.assertIn("Kicked cannot be sent", str(warned))

    def test_a_source_with_an_error_of_its_own(self) -> None:
        class Broken:
            def requests(self) -> Sequence[OwnRequest]:
                raise RuntimeError("impossible")

            def answered(self, own: OwnRequest, answer: Response | Fault) -> Any:
                raise RuntimeError("impossible")

        self.simulated.runtime.own_requests.add(Broken())
        self.transfers.done("k1")
        self.assertEqual((self.keys(), self.transfers.records), (["k1"], {}))
        self.assertIn("RuntimeError: impossible", str(self.simulated.odd()[0]))

    def test_requests_of_the_acs_come_after(self) -> None:
        self.simulated.acs.asking.append(Reboot("bye"))
        self.transfers.done("k1")
        self.assertEqual(self.messages(), ["Inform", "TransferComplete", "", "RebootResponse"])
        self.assertEqual(self.simulated.restarts.begun, ["bye"])
