"""The decisions about probes with RESPONSE-ADDRESS: when the search for the lifetime begins again."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.stun.probing import ANEW_AFTER, LifetimeProbes


class ProbesTests(SynchronousTestCase):
    def test_losses_do_not_put_off_the_next_search(self) -> None:
        """A server without RESPONSE-ADDRESS, and a NAT that loses the binding again and again."""
        probes = LifetimeProbes(10.0, 60.0)
        self.assertEqual(probes.idle_to_test(0.0, 0.0), 0.0)
        probes.begin(0.0)
        probes.refused(420, 1.0)
        self.assertIsNone(probes.idle_to_test(2.0, 2.0))
        for hour in range(1, 24):
            probes.lost()
            self.assertIsNone(probes.idle_to_test(hour * 3600.0, hour * 3600.0))
        self.assertEqual(probes.idle_to_test(ANEW_AFTER + 3.0, ANEW_AFTER), 0.0, "a trial")

    def test_no_room_for_a_search(self) -> None:
        for shortest, longest in ((30.0, 30.0), (30.0, 10.0)):
            probes = LifetimeProbes(shortest, longest)
            for time in (0.0, 100.0, ANEW_AFTER + 200.0):
                self.assertFalse(probes.searching)
                self.assertIsNone(probes.idle_to_test(time, time))
                probes.lost()
