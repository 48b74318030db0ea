"""Facts about transfers, and their part of the status and metrics, in whole sessions."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import TransferBegun, TransferEnded, TransferRepeated
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.rpc import CancelTransfer
from tests.agent.transfers.test_transfers import CONFIGURATION, FIRMWARE, TransferCase, download

TransferFacts = TransferBegun | TransferRepeated | TransferEnded


class ActivityTests(TransferCase):
    def facts(self) -> list[TransferFacts]:
        """The facts about transfers."""
        return [fact for fact in self.simulated.facts if isinstance(fact, TransferFacts)]

    def report(self) -> Any:
        """The report of the present runtime."""
        transfers = self.simulated.runtime.transfers
        assert transfers is not None
        return transfers.report

    def metrics(self) -> dict[str, float]:
        """The values of the metrics, by name and label."""
        return {"/".join([each.name, *dict(each.labels).values()]): each.value for each in self.report().metrics()}

    def test_facts_of_a_success_and_its_repetition(self) -> None:
        self.files.restarts = False
        self.files.failures = [TransferFailure(9017, "broken at http://u:hush@files.example/f")]
        self.ask(download(url="http://files.example/f?token=hush", kind=CONFIGURATION))
        self.simulated.run(100)
        first, broken, second, ended = self.facts()
        self.assertEqual(first, TransferBegun("Download", CONFIGURATION, "http://files.example/f", "k", 0))
        self.assertIsInstance(broken, TransferRepeated)
        self.assertEqual(second, TransferBegun("Download", CONFIGURATION, "http://files.example/f", "k", 1))
        assert isinstance(ended, TransferEnded)
        self.assertEqual((ended.fault, ended.reason, ended.octets), (0, "", 5))
        assert ended.seconds is not None and isinstance(broken, TransferRepeated)
        self.assertGreaterEqual(ended.seconds, broken.retry_in)
        self.assertNotIn("hush", str(self.facts()))

    def test_a_failure(self) -> None:
        self.files.failures = [TransferFailure(9012, "wrong password", permanent=True)]
        self.ask(download())
        self.simulated.run(5)
        ended = self.facts()[-1]
        assert isinstance(ended, TransferEnded)
        self.assertEqual((ended.fault, ended.reason), (9012, "wrong password"))
        self.assertEqual(self.report().status()["transfers"]["last"]["fault"], 9012)
        self.assertEqual(self.report().status()["transfers"]["last"]["number"], 1)
        self.assertIn("Last transfer", [label for label, _ in self.report().summary()])
        self.assertEqual(self.metrics()["cwmpagent_transfers_total/failure"], 1)

    def test_the_end_after_a_restart_has_a_duration(self) -> None:
        self.ask(download())
        self.simulated.run(5)
        self.restart(booted=True)
        ended = self.facts()[-1]
        assert isinstance(ended, TransferEnded)
        self.assertIsNotNone(ended.seconds)
        self.assertEqual(self.metrics()["cwmpagent_transfers_total/success"], 1)

    def test_the_status_of_what_runs(self) -> None:
        self.assertEqual(self.report().status(), {"transfers": {"queued": [], "last": None}})
        self.assertEqual(list(self.report().summary()), [])
        self.files.held = Deferred()
        self.ask(download(), download("later", delay=100))
        self.simulated.run(5)
        running, waiting = self.report().status()["transfers"]["queued"]
        self.assertEqual((running["state"], running["octets"], running["total"]), ("transferring", 5, 10))
        self.assertEqual((waiting["state"], waiting["octets"], waiting["command_key"]), ("queued", 0, "later"))
        texts = [text for _, text in self.report().summary()]
        self.assertEqual([label for label, _ in self.report().summary()], ["Transfer 1", "Transfer 2"])
        self.assertEqual([running["number"], waiting["number"]], [1, 2])
        self.assertEqual(texts[0], f"Download of {FIRMWARE}: transferring, 5 of 10 octets")
        self.assertNotIn("hush", str(self.report().status()))
        metrics = self.metrics()
        self.assertEqual((metrics["cwmpagent_transfers_running"], metrics["cwmpagent_transfers_queued"]), (1, 1))
        self.ask(CancelTransfer("k"))
        self.assertEqual(len(self.report().status()["transfers"]["queued"]), 1)

    def test_the_line_of_the_installer(self) -> None:
        self.files.installing = Deferred()
        install = self.files.install

        async def told(file: Any, progress: Any) -> bool:
            progress("50 %\x1b")
            return await install(file, progress)

        self.patch(self.files, "install", told)
        self.ask(download())
        self.simulated.run(5)
        (queued,) = self.report().status()["transfers"]["queued"]
        self.assertEqual((queued["state"], queued["installer"]), ("installing", "50 %\x1b"))
        ((_, text),) = self.report().summary()
        self.assertTrue(text.endswith(", 50 %\\x1b"), text)
