"""The NAT binding: discovery, BINDING-CHANGE, keep-alives, loss; with servers that refuse, fail or support less."""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.stun.binding import Send, StunOptions, Unreachable
from cwmpagent.protocol.stun.lifetime import LONGEST, LifetimeSearch
from cwmpagent.protocol.stun.message import Address, MessageType, StunMessage, decode, encode
from cwmpagent.protocol.stun.transaction import PROBE_PATIENCE, REPEATED_AT
from tests.protocol.nat_world import CLIENT, LOCAL, OUTSIDE, NatWorld


class DiscoveryTests(SynchronousTestCase):
    def test_behind_a_nat(self) -> None:
        """The first answer has the mapped address; BINDING-CHANGE follows at once (Annex G.2.1.2)."""
        world = NatWorld()
        binding = world.begin(shortest=30, longest=30)
        world.run(1)
        self.assertEqual(world.found, [Address(OUTSIDE, 40_001)])
        self.assertTrue(binding.behind_nat)
        first, second = (message for _, message in world.primary())
        self.assertTrue(first.connection_request_binding and second.connection_request_binding)
        self.assertEqual((first.binding_change, second.binding_change), (False, True))
        self.assertEqual((first.username, second.username), (None, None))
        self.assertNotEqual(first.transaction, second.transaction)

    def test_without_a_nat(self) -> None:
        world = NatWorld(None)
        binding = world.begin(shortest=30, longest=60)
        world.run(200)
        self.assertEqual((world.found, binding.behind_nat), ([LOCAL], False))
        times = [round(at - 1000) for at, _ in world.primary()]
        self.assertEqual(times, [0, 0, 60, 120, 180], "kept alive as seldom as is allowed, nothing to be searched")
        self.assertFalse(any(message.response_address for _, message in world.primary()))

    def test_without_a_nat_and_without_a_limit(self) -> None:
        world = NatWorld(None)
        world.begin(shortest=30, longest=None)
        world.run(650)
        self.assertEqual([round(at - 1000) for at, _ in world.primary()], [0, 0, 300, 600])

    def test_the_name_goes_where_a_change_is_told(self) -> None:
        for always, expected in (("asked", [None, "cpe"]), ("always", ["cpe", "cpe"])):
            world = NatWorld()
            world.begin(**CLIENT, shortest=30, longest=30, options=StunOptions(username=always))
            world.run(1)
            self.assertEqual([message.username for _, message in world.primary()], expected)
            self.assertFalse(any(message.signed for _, message in world.primary()))

    def test_repetitions(self) -> None:
        world = NatWorld()
        world.up = False
        world.begin(shortest=30, longest=30)
        world.run(9.6)
        sent = [round(at - 1000, 3) for at, action in world.actions if isinstance(action, Send)]
        self.assertEqual(sent, list(REPEATED_AT))
        [(at, failure)] = [each for each in world.actions if isinstance(each[1], Unreachable)]
        self.assertAlmostEqual(at, 1009.5)
        self.assertEqual(failure, Unreachable("it does not answer"))
        self.assertEqual(len({action.data for _, action in world.actions if isinstance(action, Send)}), 1)


class ChallengeTests(SynchronousTestCase):
    def test_401_is_answered_with_a_signature(self) -> None:
        world = NatWorld()
        world.challenges = lambda message: message.binding_change
        world.begin(**CLIENT, shortest=30, longest=30)
        world.run(100)
        seen = [(message.binding_change, message.signed, message.username) for _, message in world.primary()]
        self.assertEqual(seen[:3], [(False, False, None), (True, False, "cpe"), (True, True, "cpe")])
        self.assertEqual(seen[3:], [(False, False, None)] * 3, "later requests are signed only when asked again")
        self.assertEqual(world.failures(), [])

    def test_a_server_that_asks_every_time(self) -> None:
        world = NatWorld(20.0)
        world.challenges = lambda message: True
        binding = world.begin(**CLIENT, shortest=5, longest=60)
        world.run(1000)
        self.assertEqual(world.failures(), [])
        self.assertFalse(binding.searching)
        self.assertTrue(15 <= binding.period <= 20, binding.period)

    def test_without_a_name_nothing_is_signed(self) -> None:
        world = NatWorld()
        world.challenges = lambda message: True
        world.begin(password="stun secret", shortest=30, longest=30)
        world.run(60)
        self.assertTrue(world.primary())
        self.assertFalse(any(message.signed or message.username for _, message in world.primary()))
        self.assertEqual(set(world.failures()), {"it requires credentials, but STUNUsername is empty"})

    def test_the_wrong_password(self) -> None:
        world = NatWorld()
        world.challenges = lambda message: True
        world.begin(username="cpe", password="wrong", shortest=1, longest=1)
        world.run(60)
        self.assertEqual(set(world.failures()), {"it rejects STUNUsername and STUNPassword (error 431)"})
        self.assertEqual(len(world.failures()), 4, "after 0, 5, 15 and 35 seconds")
        self.assertEqual(world.found, [])

    def test_an_answer_with_the_wrong_signature_is_none(self) -> None:
        world = NatWorld()
        world.challenges = lambda message: True
        world.signs_with = "somebody else's"
        world.begin(**CLIENT, shortest=30, longest=30)
        world.run(20)
        self.assertEqual((world.found, world.failures()), ([], ["it does not answer"]))

    def test_other_errors(self) -> None:
        for code in (300, 400, 420, 500, 600):
            world = NatWorld()
            world.error_for = partial(lambda code, message: code, code)
            world.begin(shortest=30, longest=30)
            world.run(1)
            self.assertEqual(world.failures(), [f"it answers with error {code}"])

    def test_a_refused_change_costs_no_keep_alive(self) -> None:
        """The server requires credentials for BINDING-CHANGE only, and they are missing or wrong."""
        for given_ones in ({}, {"username": "cpe", "password": "wrong"}):
            world = NatWorld(60.0)
            world.challenges = lambda message: message.binding_change
            world.begin(**given_ones, shortest=20, longest=20)
            world.run(600)
            self.assertTrue(world.binding.failing and not world.binding.unanswered)
            self.assertEqual(len(world.found), 1)
            world.rebind()
            world.run(21)
            self.assertEqual(len(world.found), 2, "another mapping is seen all the same")
            world.run(6600)
            self.assertTrue(world.reaches())
            self.assertEqual(len(world.found), 2)
            told = [message for _, message in world.primary() if message.binding_change]
            self.assertTrue(3 < len(told) < 120, len(told))
            world.challenges = lambda message: False
            world.run(330)
            self.assertFalse(world.binding.failing)


class KeepAliveTests(SynchronousTestCase):
    def test_one_period_that_the_acs_fixed(self) -> None:
        world = NatWorld(45.0)
        world.begin(shortest=30, longest=30)
        world.run(200)
        times = [round(at - 1000) for at, _ in world.primary()]
        self.assertEqual(times, [0, 0, 30, 60, 90, 120, 150, 180])
        self.assertEqual([secondary for *_, secondary in world.requests if secondary], [])
        self.assertEqual(len(world.found), 1)

    def test_a_new_mapping_is_told_at_once(self) -> None:
        world = NatWorld(100.0)
        world.begin(**CLIENT, shortest=30, longest=30)
        world.run(40)
        world.rebind()
        before = len(world.requests)
        world.run(21)
        self.assertEqual(world.found, [Address(OUTSIDE, 40_001), Address(OUTSIDE, 40_002)])
        told = [(message.binding_change, message.username) for _, message, _ in world.requests[before:]]
        self.assertEqual(told, [(False, None), (True, "cpe")])

    def test_a_period_that_is_too_long_for_the_nat(self) -> None:
        """The ACS sets a fixed period: the binding changes every time, and each change is reported."""
        world = NatWorld(10.0)
        world.begin(shortest=30, longest=30)
        world.run(100)
        self.assertEqual(len(world.found), 4)

    def test_a_nat_that_gives_another_address_every_time(self) -> None:
        world = NatWorld(0.0)
        world.begin(shortest=30, longest=30)
        world.delay = 0.0
        world.run(3600)
        self.assertLess(len(world.requests), 300)

    def test_the_server_goes_away_and_comes_back(self) -> None:
        world = NatWorld(1000.0)
        binding = world.begin(shortest=30, longest=30)
        world.run(40)
        world.up = False
        world.run(3600)
        self.assertGreater(len(world.failures()), 10)
        self.assertLess(len(world.failures()), 60, "less and less often")
        self.assertEqual(binding.mapping, Address(OUTSIDE, 40_001), "the last that is known")
        world.up = True
        world.run(320)
        seen = len(world.requests)
        world.run(60)
        self.assertEqual(len(world.requests) - seen, 2, "as before")

    def test_the_mapping_changed_while_the_server_was_away(self) -> None:
        world = NatWorld(1000.0)
        world.begin(shortest=30, longest=30)
        world.run(40)
        world.up = False
        world.run(100)
        world.rebind()
        world.up, before = True, len(world.requests)
        world.run(320)
        self.assertEqual(len(world.found), 2)
        self.assertEqual([message.binding_change for _, message, _ in world.requests[before:]][:2], [False, True])


class SearchTests(SynchronousTestCase):
    def test_the_lifetime_is_found(self) -> None:
        world = NatWorld(90.0)
        binding = world.begin(shortest=20, longest=300)
        world.run(2000)
        self.assertFalse(binding.searching)
        self.assertTrue(70 <= binding.period < 90, binding.period)
        probes = [message for _, message, secondary in world.requests if secondary]
        self.assertTrue(probes)
        for message in probes:
            self.assertIsNotNone(message.response_address)
            self.assertFalse(message.connection_request_binding or message.binding_change)

    def test_afterwards_it_is_never_lost(self) -> None:
        world = NatWorld(90.0)
        world.begin(shortest=20, longest=300)
        world.run(2000)
        found = len(world.found)
        for _ in range(2000):
            world.run(7)
            self.assertTrue(world.reaches())
        self.assertEqual(len(world.found), found)

    def test_a_nat_that_keeps_it_longer_than_the_acs_wants(self) -> None:
        world = NatWorld(10_000.0)
        binding = world.begin(shortest=20, longest=300)
        world.run(2000)
        self.assertEqual((binding.period, binding.searching, len(world.found)), (300 - PROBE_PATIENCE, False, 1))

    def test_without_a_limit_it_is_not_searched_for_ever(self) -> None:
        world = NatWorld(10**6)
        binding = world.begin(shortest=20, longest=None)
        world.run(20_000)
        self.assertEqual((binding.period, binding.searching), (LONGEST, False))

    def test_a_nat_that_gives_the_same_port_again(self) -> None:
        """Only the probe shows that the binding was lost."""
        world = NatWorld(90.0)
        world.keeps_port = True
        binding = world.begin(shortest=20, longest=300)
        world.run(2000)
        self.assertTrue(70 <= binding.period < 90, binding.period)
        self.assertEqual(len(world.found), 1)

    def test_a_lifetime_below_the_least_that_the_acs_allows(self) -> None:
        world = NatWorld(10.0)
        binding = world.begin(shortest=20, longest=300)
        world.run(2000)
        self.assertEqual((binding.period, binding.searching), (20, False))

    def test_the_nat_becomes_less_patient(self) -> None:
        world = NatWorld(90.0)
        binding = world.begin(shortest=5, longest=300)
        world.run(2000)
        world.lifetime = 20.0
        world.run(2000)
        self.assertTrue(14 <= binding.period < 20, binding.period)

    def test_a_server_that_answers_to_where_it_was_asked_from(self) -> None:
        world = NatWorld(90.0)
        world.honours_response_address = False
        binding = world.begin(shortest=20, longest=300)
        world.run(2000)
        self.assertEqual((binding.period, binding.searching), (20, False))
        self.assertEqual(sum(secondary for *_, secondary in world.requests), 1, "tried once")
        self.assertEqual(len(world.found), 1)

    def test_a_server_that_refuses_response_address(self) -> None:
        world = NatWorld(90.0)
        world.error_for = lambda message: 420 if message.response_address else None
        binding = world.begin(shortest=20, longest=300)
        world.run(2000)
        self.assertEqual((binding.period, binding.searching, world.failures()), (20, False, []))

    def test_a_server_that_goes_away_during_the_search_says_nothing_of_the_nat(self) -> None:
        world = NatWorld(200.0)
        binding = world.begin(shortest=20, longest=100)
        world.run(30)
        world.up = False
        world.run(60)
        world.up = True
        world.run(2000)
        self.assertEqual((round(binding.period, 3), binding.searching), (100 - PROBE_PATIENCE, False))

    @settings(max_examples=60, deadline=None)
    @given(st.floats(6.0, 280.0), st.integers(0, 2**32), st.sampled_from((0.0, 0.1, 0.3)))
    def test_any_lifetime_under_loss(self, lifetime: float, seed: int, loss: float) -> None:
        random = Random(seed)
        world = NatWorld(lifetime, lost=lambda: random.random() < loss)
        binding = world.begin(shortest=5, longest=300)
        world.run(20_000)
        self.assertLess(binding.period, lifetime)
        if not loss:
            self.assertGreater(binding.period, lifetime * 0.7)
            self.assertFalse(binding.searching)

    def test_the_search_by_itself(self) -> None:
        search = LifetimeSearch(30, 30)
        self.assertEqual((search.candidate, search.period), (None, 30))
        search = LifetimeSearch(30, 10)
        self.assertEqual((search.candidate, search.period), (None, 30))
        search = LifetimeSearch(10, 100)
        self.assertEqual((search.candidate, search.period), (20, 10))
        search.survived(20)
        self.assertEqual((search.candidate, search.period), (40, 20))
        search.died(40)
        self.assertEqual((search.candidate, search.period), (30, 18))
        search.survived(45)
        self.assertEqual(search.candidate, 90, "it has got longer")


class SilenceTests(SynchronousTestCase):
    """The primary socket is never silent for longer than the maximum, and requests arrive meanwhile."""

    def assert_silent_at_most(self, world: NatWorld, seconds: float, slack: float = 0.0) -> None:
        self.assertLessEqual(max(world.silences()), seconds + slack + 1e-6)

    def test_a_server_that_drops_probes(self) -> None:
        """Nothing answers RESPONSE-ADDRESS: three probes of the fresh binding, and no silence beyond the minimum."""
        for shortest, longest, lifetime in ((1, 3, 2.0), (2, 7, 3.0), (20, 300, 25.0), (20, None, 25.0)):
            world = NatWorld(lifetime)
            world.drops_response_address = True
            binding = world.begin(shortest=shortest, longest=longest)
            world.run(0.5)
            self.assertEqual(world.unreachable(1000), [])
            self.assert_silent_at_most(world, shortest)
            self.assertEqual((binding.period, binding.searching), (shortest, False))
            probes = {message.transaction for _, message, secondary in world.requests if secondary}
            self.assertEqual(len(probes), 3)
            self.assertEqual((len(world.found), world.failures()), (1, []))

    def test_the_first_probe_is_sent_before_any_silence(self) -> None:
        for attribute in ("honours_response_address", "drops_response_address"):
            world = NatWorld(90.0)
            setattr(world, attribute, attribute.startswith("drops"))
            world.begin(shortest=20, longest=300)
            world.run(1)
            self.assertEqual([secondary for *_, secondary in world.requests][:3], [False, False, True])

    def test_a_probe_ends_as_soon_as_a_keep_alive_is_due(self) -> None:
        """The server honours RESPONSE-ADDRESS once, and then drops it in the middle of the search."""
        world = NatWorld(10_000.0)
        binding = world.begin(shortest=2, longest=10)
        world.run(5)
        world.drops_response_address = True
        self.assertEqual(world.unreachable(200), [])
        self.assert_silent_at_most(world, 10)
        self.assertEqual((binding.period, binding.searching), (2, False))

    def test_a_trial_sends_no_keep_alive_below_the_minimum(self) -> None:
        """STUNMinimumKeepAlivePeriod: for requests from the port, except those with BINDING-CHANGE."""
        for drops in (False, True):
            world = NatWorld(90.0)
            world.drops_response_address = drops
            world.begin(shortest=20, longest=22)
            world.run(1000)
            gaps = [later - earlier for (earlier, _), (later, _) in pairwise(world.primary()[1:])]
            self.assertGreaterEqual(min(gaps), 20 - 1e-6)

    def test_one_lost_trial_is_not_the_last(self) -> None:
        world = NatWorld(10_000.0)
        world.drops_response_address = True
        binding = world.begin(shortest=5, longest=40)
        world.run(8)
        world.drops_response_address = False
        world.run(400)
        self.assertEqual((round(binding.period, 3), binding.searching), (40 - PROBE_PATIENCE, False))

    def test_a_server_that_learns_it_is_tried_again_after_a_day(self) -> None:
        world = NatWorld(10_000.0)
        world.drops_response_address = True
        binding = world.begin(shortest=20, longest=300)
        world.run(1000)
        self.assertFalse(binding.searching)
        world.drops_response_address = False
        world.run(90_000)
        self.assertEqual((round(binding.period, 3), binding.searching), (300 - PROBE_PATIENCE, False))

    def test_a_server_that_is_away(self) -> None:
        """Outbound datagrams keep the binding: it is there when the server comes back, however long that takes."""
        for shortest, longest in ((1, 1), (1, 3), (20, 20), (20, 40)):
            world = NatWorld(longest + 5.0)
            world.begin(shortest=shortest, longest=longest)
            world.run(300)
            world.up = False
            self.assertEqual(world.unreachable(3000, 1.0), [])
            self.assert_silent_at_most(world, longest)
            self.assertLess(len(world.failures()), 20, "reported less and less often")
            world.up = True
            self.assertEqual(world.unreachable(300), [])
            self.assertFalse(world.binding.failing)
            self.assertEqual(len(world.found), 1)

    def test_a_server_that_was_never_there(self) -> None:
        world = NatWorld(30.0)
        world.up = False
        world.begin(shortest=1, longest=1)
        world.run(1000)
        self.assert_silent_at_most(world, 1)

    @settings(max_examples=60, deadline=None)
    @given(
        st.integers(0, 40),
        st.integers(0, 120),
        st.one_of(st.none(), st.floats(0.5, 200.0)),
        st.floats(0.001, 0.4),
        st.sampled_from(("honour", "sender", "drop", 420, 500)),
        st.sampled_from((0.0, 0.05, 0.3)),
        st.booleans(),
        st.integers(0, 2**32),
    )
    def test_any_run(
        self,
        shortest: int,
        more: int,
        lifetime: float | None,
        delay: float,
        treatment: str | int,
        loss: float,
        outages: bool,
        seed: int,
    ) -> None:
        """No gap above the maximum. Requests arrive in all of them that the binding itself survives."""
        random = Random(seed)
        longest = max(1, shortest) + more
        world = NatWorld(lifetime, delay=delay, lost=lambda: random.random() < loss)
        world.honours_response_address = treatment == "honour"
        world.drops_response_address = treatment == "drop"
        if isinstance(treatment, int):
            world.error_for = lambda message: treatment if message.response_address else None
        binding = world.begin(shortest=shortest, longest=longest)
        for _ in range(20):
            world.run(random.uniform(1, 200))
            world.up = not outages or random.random() < 0.7
            if random.random() < 0.1:
                world.rebind()
        self.assert_silent_at_most(world, longest, 2 * delay)
        self.assertLessEqual(binding.period, longest)
        honoured = treatment == "honour"
        if lifetime is not None and lifetime >= (longest if honoured else max(1, shortest)) + 2 * delay:
            world.up = True
            world.run(2 * longest + 30)
            world.lost = lambda: False
            world.run(2 * longest + 30)
            if not outages:
                self.assertEqual(world.unreachable(400, 0.5), [])


class LongRunTests(SynchronousTestCase):
    """The period does not shrink over months of operation."""

    def test_outages_of_the_server_shorten_nothing(self) -> None:
        world = NatWorld(120.0)
        binding = world.begin(shortest=20, longest=600)
        world.run(4000)
        period = binding.period
        self.assertTrue(90 < period < 120, period)
        for _ in range(8):
            world.up = False
            world.run(3600)
            world.up = True
            world.run(3600)
            self.assertEqual(binding.period, period)

    def test_one_that_slept_judges_nothing(self) -> None:
        world = NatWorld(120.0)
        binding = world.begin(shortest=20, longest=60)
        world.run(30)
        world.now += 3600
        world.run(4000)
        self.assertEqual((round(binding.period, 3), binding.searching), (60 - PROBE_PATIENCE, False))
        world.now += 3600
        world.run(1000)
        self.assertEqual((round(binding.period, 3), binding.searching), (60 - PROBE_PATIENCE, False))

    def test_no_candidate_beyond_the_longest(self) -> None:
        search = LifetimeSearch(20, 60)
        search.died(3600)
        assert search.candidate is not None
        self.assertLessEqual(search.candidate, 60)

    def test_it_is_looked_anew_after_a_day(self) -> None:
        world = NatWorld(30.0)
        binding = world.begin(shortest=20, longest=300)
        world.run(4000)
        self.assertLess(binding.period, 30)
        world.lifetime = 10_000.0
        world.run(90_000)
        self.assertEqual((round(binding.period, 3), binding.searching), (300 - PROBE_PATIENCE, False))

    def test_a_passing_error_does_not_end_the_search(self) -> None:
        world = NatWorld(90.0)
        left = [1]

        def error(message: StunMessage) -> int | None:
            if message.response_address is None or not left[0]:
                return None
            left[0] -= 1
            return 500

        world.error_for = error
        binding = world.begin(shortest=20, longest=300)
        world.run(4000)
        self.assertTrue(70 <= binding.period < 90, binding.period)
        for code, tries in ((500, 3), (420, 1)):
            world = NatWorld(90.0)
            world.error_for = partial(lambda code, message: code if message.response_address else None, code)
            binding = world.begin(shortest=20, longest=300)
            world.run(4000)
            self.assertEqual((binding.period, binding.searching), (20, False))
            self.assertEqual(sum(secondary for *_, secondary in world.requests), tries)

    def test_a_large_minimum_is_kept_when_the_server_is_away(self) -> None:
        world = NatWorld(10_000.0)
        binding = world.begin(shortest=3600, longest=3600)
        world.run(10)
        world.up = False
        world.run(7300)
        self.assertGreaterEqual(binding.wakes_at - world.now, 0)
        sent = [at for at, action in world.actions if isinstance(action, Send)]
        gaps = [later - earlier for earlier, later in pairwise(sent) if later - earlier > 10]
        self.assertTrue(all(gap >= 3500 for gap in gaps), gaps)


class HostileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.world = NatWorld()
        self.binding = self.world.begin(shortest=30, longest=300)
        self.request = decode(self.world.actions[0][1].data)  # type: ignore[union-attr]  # the first is a Send
        self.mapped = Address("198.51.100.1", 1)

    def answer(self, **fields: object) -> bytes:
        assert self.request is not None
        made = {"kind": MessageType.RESPONSE, "transaction": self.request.transaction, "mapped": self.mapped, **fields}
        return encode(StunMessage(**made))  # type: ignore[arg-type]  # any fields

    def test_what_is_no_answer_is_ignored(self) -> None:
        for data in (
            b"",
            b"\0" * 20,
            b"GET / HTTP/1.1\r\n\r\n",
            self.answer(transaction=bytes(16)),
            self.answer(kind=MessageType.REQUEST),
            self.answer(mapped=None),
            self.answer()[:-1],
        ):
            self.assertEqual(self.binding.received(data, 1000.0), [])
        self.assertEqual(self.binding.received(self.answer(), 1000.0, secondary=True), [])
        self.assertIsNone(self.binding.mapping)
        self.binding.received(self.answer(), 1000.0)
        self.assertEqual(self.binding.mapping, self.mapped)
        self.assertEqual(self.binding.received(self.answer(), 1000.0), [], "a copy of the answer")

    def test_a_stranger_cannot_move_the_binding(self) -> None:
        random = Random(7)
        self.world.run(5)
        for _ in range(2000):
            data = bytearray(self.answer(mapped=Address("198.51.100.66", 6)))
            data[random.randrange(4, 20)] ^= random.randrange(1, 256)
            self.assertEqual(self.binding.received(bytes(data), self.world.now), [])
        self.assertEqual(self.binding.mapping, Address(OUTSIDE, 40_001))

    @given(st.binary(max_size=100), st.booleans())
    def test_any_bytes(self, data: bytes, secondary: bool) -> None:
        self.assertEqual(self.binding.received(data, self.world.now, secondary=secondary), [])
