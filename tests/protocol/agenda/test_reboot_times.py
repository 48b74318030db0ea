"""ScheduleReboot and DelayReboot without an agent: what waits over sessions, restarts, boots and steps of the clock."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.agenda import Now
from cwmpagent.protocol.agenda.reboot_times import RebootTimes

WALL = 1_800_000_000.0


def now(seconds: float, ahead: float | None = WALL) -> Now:
    """The instant ``seconds`` after the boot; ``ahead``: the wall clock at the boot, None: not trusted."""
    return Now(seconds, None if ahead is None else ahead + seconds)


class RebootTimesTests(SynchronousTestCase):
    """Each test sets times, lets the clocks go on, and asks whether the device must reboot."""

    def test_a_delay_begins_with_the_end_of_the_session(self) -> None:
        times = RebootTimes().delayed(10)
        self.assertIsNone(times.wake_in(now(100)))
        times = times.session_over(now(100))
        self.assertEqual(times.wake_in(now(103)), 7)
        self.assertEqual(times.session_over(now(105)), times)  # a later session changes nothing
        self.assertFalse(times.is_due(now(109)))
        self.assertTrue(times.is_due(now(110)))

    def test_a_delay_does_not_follow_the_wall_clock(self) -> None:
        times = RebootTimes().delayed(10).session_over(now(0))
        for ahead in (None, 0.0, WALL + 1e9):
            self.assertFalse(times.is_due(now(9, ahead)))
            self.assertTrue(times.is_due(now(10, ahead)))

    def test_no_delay_and_a_negative_one(self) -> None:
        self.assertTrue(RebootTimes().delayed(0).session_over(now(5)).is_due(now(5)))
        self.assertEqual(RebootTimes().delayed(10).session_over(now(0)).delayed(-1), RebootTimes())

    def test_a_past_date_is_none(self) -> None:
        for at in (WALL, WALL - 1, None):
            self.assertEqual(RebootTimes().scheduled(at, now(0)), RebootTimes())

    def test_a_date_follows_the_wall_clock(self) -> None:
        times = RebootTimes().scheduled(WALL + 1000, now(0))
        self.assertEqual(times.wake_in(now(0)), 60)
        self.assertEqual(times.wake_in(now(990)), 10)
        self.assertFalse(times.is_due(now(999)))
        self.assertTrue(times.is_due(now(10, WALL + 990)))
        self.assertFalse(times.is_due(now(1500, WALL - 3600)))
        self.assertFalse(times.is_due(now(1500, None)))

    def test_a_date_waits_for_a_trusted_clock(self) -> None:
        times = RebootTimes().scheduled(WALL + 100, now(0, None))
        self.assertFalse(times.checked(now(500, None)).is_due(now(500, None)))
        self.assertTrue(times.checked(now(50)).is_due(now(100)))
        self.assertEqual(times.checked(now(100)), RebootTimes())

    def test_a_boot_ends_the_delay_and_what_has_passed(self) -> None:
        times = RebootTimes().delayed(10).session_over(now(0)).scheduled(WALL + 100, now(0))
        self.assertEqual(times.booted(), RebootTimes(at=WALL + 100))
        self.assertEqual(times.booted().checked(now(200)), RebootTimes())
        self.assertTrue(times.booted().checked(now(50)).is_due(now(100)))

    def test_a_reboot_that_has_begun_is_not_repeated(self) -> None:
        self.assertEqual(RebootTimes(at=WALL + 100, confirmed=True, begun=True).booted(), RebootTimes())

    def test_saved_and_restored_at_every_step(self) -> None:
        steps = [
            RebootTimes().delayed(10),
            RebootTimes().delayed(10).session_over(now(0)),
            RebootTimes().scheduled(WALL + 100, now(0)),
            RebootTimes().scheduled(WALL + 100, now(0, None)),
            RebootTimes(at=WALL, begun=True),
        ]
        for times in steps:
            self.assertEqual(RebootTimes.restored(times.record() or "", now(5)), times)
        self.assertIsNone(RebootTimes().record())

    def test_a_restored_delay_is_bounded(self) -> None:
        saved = RebootTimes(delay=10, due=1e9).record() or ""
        self.assertEqual(RebootTimes.restored(saved, now(5)).due, 15)

    def test_damaged_records(self) -> None:
        for text in ("", "[]", "{}", '{"delay":"x","due":null,"at":null,"confirmed":false,"begun":false}', "[" * 9999):
            with self.assertRaises(ValueError, msg=text[:20]):
                RebootTimes.restored(text, now(0))
