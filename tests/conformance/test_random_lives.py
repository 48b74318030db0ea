"""Random changes and kills: in the end the ACS has the true values, and each event was reported once."""

from __future__ import annotations

import random
from collections import Counter
from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import TransportError
from cwmpagent.protocol.rpc import (
    Inform,
    ScheduleInform,
    ScheduleInformResponse,
    SetParameterAttributes,
    SetParameterAttributesStruct,
    SetParameterValues,
)
from tests.agent.bench import assign
from tests.agent.ports import Posted
from tests.conformance.simulated import CODE, NTP, SimulatedDiskAgent

PASSIVE = "Device.Time.NTPServer2"
WATCHED = (CODE, NTP, PASSIVE)
SEEDS = range(60)
STEPS = 40


class Belief:
    """An ACS that fails now and then, and the values that it was told."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.simulated = SimulatedDiskAgent(None, PeriodicInformEnable="true", PeriodicInformInterval="3600")
        self.simulated.acs.instead = self._instead
        self.believed: dict[str, str] = {}
        self.told: Counter[str] = Counter()
        self.promised: set[str] = set()
        self.asked_key = ""
        self.keys = count(1)
        self.fails_at = 0

    def _instead(self, posted: Posted) -> TransportError | None:
        if self.fails_at and posted.number >= self.fails_at:
            return TransportError("the connection was reset")
        message = posted.message
        if isinstance(message, Inform):
            self.believed |= {each.name: each.value.text for each in message.parameter_list if each.name in WATCHED}
            self.told.update(each.command_key for each in message.event if each.command_key)
        elif isinstance(message, ScheduleInformResponse):
            self.promised.add(self.asked_key)
        if message is None or not isinstance(message, Inform):
            for asked in list(self.simulated.acs.asking)[:1]:
                if isinstance(asked, SetParameterValues):
                    self.believed |= {each.name: each.value.text for each in asked.parameter_list}
                elif isinstance(asked, ScheduleInform):
                    self.asked_key = asked.command_key
        return None

    def begin(self) -> None:
        self.simulated.begin()
        watch = [SetParameterAttributesStruct(name, True, level, False, ()) for name, level in ((NTP, 2), (PASSIVE, 1))]
        self.simulated.ask(SetParameterAttributes(tuple(watch)))
        self.believed |= {name: self.simulated.value(name) for name in WATCHED}

    def step(self) -> None:
        """Perform one random step."""
        name, text = self.random.choice(WATCHED), self.random.choice("abc")
        match self.random.randrange(8):
            case 0 | 1:
                self.simulated.change(name, text)
            case 2:
                self.simulated.acs.asking.append(assign("", **{name: text}))
                self.simulated.call()
            case 3:
                key = f"k{next(self.keys)}"
                self.simulated.acs.asking.append(ScheduleInform(self.random.randrange(1, 2000), key))
                self.simulated.call()
            case 4:
                self.simulated.run(self.random.uniform(0, 3000))
            case 5:
                self.fails_at = self.random.choice((0, 0, 1, 2, 3))
            case 6:
                self.simulated.run(self.random.uniform(0, 20))
            case 7:
                self.simulated.kill()
                self.simulated.begin(booted=self.random.random() < 0.3)

    def end(self) -> None:
        """Make the ACS answer again, and let time pass."""
        self.fails_at = 0
        self.simulated.run(3 * 3600)
        self.simulated.call()


class RandomTests(SynchronousTestCase):
    def test_the_acs_knows_in_the_end(self) -> None:
        for seed in SEEDS:
            with self.subTest(seed=seed):
                belief = Belief(seed)
                belief.begin()
                for _ in range(STEPS):
                    belief.step()
                belief.end()
                simulated = belief.simulated
                self.assertEqual(belief.believed, {name: simulated.value(name) for name in WATCHED})
                self.assertEqual(simulated.runtime.agenda.pending, ())
                self.assertEqual(simulated.runtime.agenda.retry_count, 0)
                self.assertEqual({key: belief.told[key] for key in belief.promised}, dict.fromkeys(belief.promised, 1))
                self.assertEqual(simulated.odd(), [])
                self.assertEqual(simulated.acs.open_now, 0)
