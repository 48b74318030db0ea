"""Discovery of the ACS URL: a new URL leads to ``0 BOOTSTRAP``, an invalid one to one warning."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.rpc import SetParameterValuesResponse
from tests.agent.bench import assign
from tests.agent.ports import SERVER, SimulatedAgent, finished

URL = SERVER + "URL"


class DiscoveredTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.simulated = SimulatedAgent()
        self.said: str | ValueError | None = None
        self.simulated.discovered_url = self.discover

    def discover(self) -> str | None:
        said, self.said = self.said, None
        if isinstance(said, ValueError):
            raise said
        return said

    def where(self) -> list[str]:
        """URLs of all sessions."""
        return [first.url for first in self.simulated.acs.firsts()]

    def test_found_at_the_start(self) -> None:
        self.said = "http://found/"
        self.simulated.begin()
        self.simulated.run(10)
        self.assertEqual(self.where(), ["http://found/"])
        self.assertEqual(self.simulated.acs.event_codes(), [("0 BOOTSTRAP", "1 BOOT")])

        saved = self.simulated.store.load()
        self.assertEqual((saved.values[URL], saved.notes["discovered_url"]), ("http://found/", "http://found/"))

    def test_found_at_the_start_and_refused_by_the_model(self) -> None:
        self.said = "http://user:s3cret@acs/"
        self.simulated.begin()
        self.simulated.run(10)
        self.assertEqual(self.where(), ["http://acs.example/"])
        self.assertNotIn(URL, self.simulated.store.load().values)

    def test_found_later(self) -> None:
        self.simulated.begin()
        self.simulated.run(60)
        self.assertEqual(self.where(), ["http://acs.example/"])
        self.said = "http://found/"
        self.simulated.run(6)
        self.assertEqual(self.where(), ["http://acs.example/", "http://found/"])
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("0 BOOTSTRAP",))
        self.assertEqual(self.simulated.odd(), [])

    def test_found_after_a_reboot_that_did_not_come(self) -> None:
        self.simulated.begin()
        finished(self.simulated.runtime.stop())
        self.said = "http://found/"
        self.simulated.run(60)
        self.assertEqual(self.where(), ["http://acs.example/"])
        self.simulated.runtime.resume()
        self.simulated.run(6)
        self.assertEqual(self.where(), ["http://acs.example/", "http://found/"])

    def test_what_the_acs_sets_after_it_stays_over_restarts(self) -> None:
        self.said = "http://found/"
        self.simulated.begin()
        self.simulated.acs.asking.append(assign("", **{URL: "http://set/"}))
        self.simulated.runtime.connection_requests.http.requested("198.51.100.1")
        self.simulated.run(10)
        self.assertEqual(self.simulated.acs.sessions[1][2].message, SetParameterValuesResponse(1))
        self.said = "http://found/"
        self.simulated.begin(booted=False)
        self.simulated.run(10)
        self.assertEqual(self.simulated.runtime.tree.value(URL).text, "http://set/")
        self.said = "http://other/"
        self.simulated.run(10)
        self.assertEqual(self.where()[-1], "http://other/")

    def test_garbage_is_one_warning_and_ignored(self) -> None:
        self.simulated.begin()
        self.said = ValueError("/run/acs-url is ignored: it must hold a URL")
        self.simulated.run(60)
        self.assertEqual(len(self.simulated.odd()), 1)
        self.assertEqual(self.where(), ["http://acs.example/"])
        self.said = "http://user:s3cret@acs/"  # the data model refuses it, too
        self.simulated.run(60)
        self.assertEqual(len(self.simulated.odd()), 2)
        self.assertNotIn("s3cret", repr(self.simulated.odd()))
        self.assertEqual(self.where(), ["http://acs.example/"])

    def test_a_full_disk_only_delays_it(self) -> None:
        self.simulated.begin()
        self.simulated.store.refusing = "the disk is full"
        self.said = "http://found/"
        self.simulated.run(30)
        warned = len(self.simulated.odd())
        self.simulated.store.refusing = None
        self.simulated.run(6)
        self.assertEqual(self.where()[-1], "http://found/")
        self.assertLessEqual(warned, 2)

    def test_nobody_looks_after_the_end(self) -> None:
        self.simulated.begin()
        self.simulated.reboot()
        self.said = "http://found/"
        self.simulated.run(6)
        self.assertEqual(self.where()[-1], "http://found/")
        self.assertEqual(self.simulated.acs.event_codes()[-1], ("0 BOOTSTRAP",))
