"""RequestDownload in whole sessions, over restarts and boots."""

from __future__ import annotations

from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.agent.transfers.request_download import (
    DOWNLOAD_REQUESTS,
    MOST_ARGUMENTS,
    MOST_REQUESTS,
    DownloadRequests,
)
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import MisuseError, TransportError
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, REQUEST_DOWNLOAD, Event
from cwmpagent.protocol.rpc import ArgStruct, Fault, RequestDownload
from tests.agent.ports import Posted, Said, finished, reply
from tests.agent.transfers.test_transfers import FIRMWARE, TransferCase


class RequestDownloadTests(TransferCase):
    def requests(self) -> DownloadRequests:
        """The source of the present runtime."""
        transfers = self.simulated.runtime.transfers
        assert transfers is not None
        return transfers.download_requests

    def sent(self) -> list[RequestDownload]:
        """All such requests that the agent has sent."""
        posts = [posted.message for session in self.simulated.acs.sessions for posted in session]
        return [message for message in posts if isinstance(message, RequestDownload)]

    def unreachable(self) -> None:
        """Let the ACS answer nothing."""
        self.simulated.acs.instead = lambda posted: TransportError("connection refused")

    def reachable(self) -> None:
        """Let the ACS answer again."""
        self.simulated.acs.instead = lambda posted: None

    def test_sent_once_with_its_event(self) -> None:
        finished(self.requests().ask(FIRMWARE, {"Version": "2"}))
        self.assertEqual(self.simulated.acs.event_codes()[-1], (REQUEST_DOWNLOAD,))
        self.assertEqual(self.sent(), [RequestDownload(FIRMWARE, (ArgStruct("Version", "2"),))])
        self.simulated.run(100_000)
        self.assertEqual(len(self.simulated.acs.sessions), 2)
        self.assertNotIn(DOWNLOAD_REQUESTS, self.simulated.store.load().notes)

    def test_the_same_twice(self) -> None:
        self.unreachable()
        finished(self.requests().ask(FIRMWARE, {}))
        finished(self.requests().ask(FIRMWARE, {}))
        self.reachable()
        self.simulated.run(1000)
        self.assertEqual(self.sent(), [RequestDownload(FIRMWARE, ())] * 2)
        self.assertEqual(self.simulated.runtime.agenda.pending, ())

    def test_a_fault_is_an_answer(self) -> None:
        def refuses(posted: Posted) -> Said:
            return reply(Fault(8000), posted) if isinstance(posted.message, RequestDownload) else None

        self.simulated.acs.instead = refuses
        finished(self.requests().ask(FIRMWARE, {}))
        self.simulated.run(100_000)
        self.assertEqual((len(self.sent()), self.simulated.runtime.agenda.pending), (1, ()))

    def test_outlives_a_restart_of_the_process(self) -> None:
        self.unreachable()
        finished(self.requests().ask(FIRMWARE, {"Version": "2"}))
        self.simulated.kill()
        self.reachable()
        self.simulated.begin(booted=False)
        self.simulated.run(1000)
        self.assertIn((REQUEST_DOWNLOAD,), self.simulated.acs.event_codes())
        self.assertEqual(self.sent(), [RequestDownload(FIRMWARE, (ArgStruct("Version", "2"),))])
        self.assertEqual(self.simulated.runtime.agenda.pending, ())

    def test_ends_at_a_boot(self) -> None:
        self.unreachable()
        finished(self.requests().ask(FIRMWARE, {}))
        self.simulated.kill()
        self.reachable()
        self.simulated.begin(booted=True)
        self.simulated.kill()
        self.simulated.begin(booted=False)
        self.simulated.run(1000)
        self.assertEqual((self.sent(), self.simulated.runtime.agenda.pending), ([], ()))

    def test_another_acs_is_not_asked(self) -> None:
        self.unreachable()
        finished(self.requests().ask(FIRMWARE, {}))
        runtime = self.simulated.runtime
        self.reachable()
        assignment = ParameterAssignment("Device.ManagementServer.URL", "http://other.example/")
        finished(runtime.changes.set_values([assignment], Origin.LOCAL))
        self.simulated.run(1000)
        self.assertIn(("0 BOOTSTRAP",), self.simulated.acs.event_codes())
        self.assertEqual((self.sent(), runtime.agenda.pending), ([], ()))
        self.assertNotIn(DOWNLOAD_REQUESTS, self.simulated.store.load().notes)

    def test_an_event_without_a_request_goes(self) -> None:
        self.unreachable()
        self.simulated.happen(Event(REQUEST_DOWNLOAD))
        finished(self.simulated.runtime.journal.save())
        self.simulated.kill()
        self.reachable()
        self.simulated.begin(booted=False)
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(self.simulated.acs.event_codes()[-1], (CONNECTION_REQUEST,))

    def test_a_damaged_note(self) -> None:
        for text in (
            "[]",
            '{"requests": [{"file_type": "", "arguments": {}}]}',
            '{"requests": [{"file_type": "f", "arguments": {"n": 1}}]}',
            '{"requests": [' + ",".join(['{"file_type": "f", "arguments": {}}'] * (MOST_REQUESTS + 1)) + "]}",
        ):
            with self.subTest(text=text):
                self.begin()
                finished(self.simulated.runtime.journal.save({DOWNLOAD_REQUESTS: text}))
                self.simulated.kill()
                self.simulated.begin(booted=False)
                (warned,) = self.simulated.odd()
                self.assertIn("requests for a download", str(warned))
                self.assertNotIn(DOWNLOAD_REQUESTS, self.simulated.store.load().notes)
                self.assertEqual(self.sent(), [])

    def test_what_no_request_can_have(self) -> None:
        for file_type, arguments in (
            ("", {}),
            ("x" * 65, {}),
            ("\0", {}),
            (FIRMWARE, {"": "v"}),
            (FIRMWARE, {"n" * 65: ""}),
            (FIRMWARE, {"n": "v" * 257}),
            (FIRMWARE, {"n": "\x1b"}),
            (FIRMWARE, {str(number): "" for number in range(MOST_ARGUMENTS + 1)}),
        ):
            self.assertRaises(MisuseError, self.requests().ask, file_type, arguments)

    def test_too_many(self) -> None:
        self.unreachable()
        for _ in range(MOST_REQUESTS):
            finished(self.requests().ask(FIRMWARE, {}))
        self.assertRaises(MisuseError, self.requests().ask, FIRMWARE, {})
