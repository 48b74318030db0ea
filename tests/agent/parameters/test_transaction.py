"""Changes of the device: complete or not made at all, after failures, time-outs and losses of power."""

from __future__ import annotations

import random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.facts import RpcCrashed
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.rpc import (
    AddObject,
    AddObjectResponse,
    DeleteObject,
    DeleteObjectResponse,
    Fault,
    GetParameterValues,
    GetParameterValuesResponse,
    SetParameterValuesResponse,
)
from tests.agent.bench import assign
from tests.agent.box import CODE, KEY, NTP, PORTS, Fuse, FusedStore, Part
from tests.agent.ports import SimulatedAgent

SERVER = "Device.ManagementServer."
NEW = {NTP[0]: "one", PORTS + "1.Description": "web", NTP[1]: "two", CODE: "code", PORTS + "1.InternalClient": "me"}


class Gone(Exception):
    """The power was lost before the result."""


class Boxed:
    """An agent with a device of two parts, ``clock`` (NTP servers) and ``ports`` (port mappings)."""

    def __init__(self) -> None:
        self.fuse = Fuse()
        self.clock = Part("clock", NTP, self.fuse)
        self.ports = Part("ports", [PORTS], self.fuse)
        self.parts = (self.clock, self.ports)
        self.store = FusedStore(self.fuse)
        self.simulated = SimulatedAgent(store=self.store)
        self.simulated.providers = list(self.parts)
        self.simulated.begin()

    @property
    def changes(self) -> Any:
        return self.simulated.runtime.changes

    def start(self, coroutine: Any) -> Deferred[Any]:
        return Deferred.fromCoroutine(coroutine)

    def done(self, coroutine: Any) -> Any:
        """Return the result within a minute. Raises Gone if there is none."""
        outcome: list[Any] = []
        self.start(coroutine).addBoth(outcome.append)
        for _ in range(60):
            if outcome or self.fuse.blown:
                break
            self.simulated.timers.advance(1)
        if not outcome:
            raise Gone
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return outcome[0]

    def set(self, values: dict[str, str], key: str = "", origin: Origin = Origin.ACS) -> Any:
        return self.done(self.changes.set_values([ParameterAssignment(*each) for each in values.items()], origin, key))

    def add(self) -> int:
        return int(self.done(self.changes.add_object(PORTS, Origin.ACS, "added"))[0])

    def delete(self, number: int) -> Any:
        return self.done(self.changes.delete_object(f"{PORTS}{number}.", Origin.ACS, "deleted"))

    def restart(self) -> None:
        """Start again after a loss of power."""
        for call in self.simulated.timers.getDelayedCalls():
            call.cancel()
        self.fuse.set(None)
        for part in self.parts:
            part.trouble.clear()
        self.simulated.begin()

    def told(self) -> dict[str, str]:
        """Values and rows by the agent: those of the device, and others that tests change."""
        tree = self.simulated.runtime.tree
        names = [*NTP, *tree.parameters(PORTS), CODE, KEY]
        saved = self.store.load().values
        rows = {f"{PORTS}{number}.": "" for number in tree.instances(PORTS)}
        return {name: saved.get(name) or tree.value(name).text for name in names} | rows

    def device(self) -> dict[str, str]:
        """Values and rows in the device."""
        return {path: text for part in self.parts for path, text in part.state.items()}

    def differences(self) -> dict[str, tuple[str, str | None]]:
        """Differences between the device and the agent."""
        told, device = self.told(), self.device()
        wrong: dict[str, tuple[str, str | None]] = {
            path: (text, told.get(path)) for path, text in device.items() if told.get(path) != text
        }
        rows = {path for path in told if path.endswith(".")} ^ {path for path in device if path.endswith(".")}
        return wrong | {row: (device.get(row, "absent"), told.get(row)) for row in rows}

    def odd(self) -> list[Any]:
        return [fact for fact in self.simulated.facts if isinstance(fact, RpcCrashed)]


class TransactionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.box = Boxed()
        self.box.add()
        self.box.set({NTP[0]: "old", NTP[1]: "older", PORTS + "1.Description": "before"}, "start")
        self.before = self.box.told()
        self.assertEqual(self.box.differences(), {})

    def assert_untouched(self) -> None:
        self.assertEqual(self.box.told(), self.before)
        self.assertEqual(self.box.differences(), {})


class ChangeTests(TransactionCase):
    def test_all_of_it_is_there(self) -> None:
        self.assertIs(self.box.set(NEW, "k"), False)
        self.assertEqual({**self.before, **NEW, KEY: "k"}, self.box.told())
        self.assertEqual(self.box.differences(), {})
        self.assertEqual(self.box.store.load().notes.get("change_former"), None)

    def test_each_provider_gets_its_part_once(self) -> None:
        for part in self.box.parts:
            part.calls.clear()
        self.box.set(NEW, "k")
        self.assertEqual([method for method, _ in self.box.clock.calls], ["read", "check", "apply"])
        self.assertEqual(self.box.clock.calls[2][1], {NTP[0]: "one", NTP[1]: "two"})
        (name, *_) = self.box.ports.calls[2][1]
        self.assertEqual((name.template, name.keys), (PORTS + "{i}.Description", ("1",)))

    def test_what_the_device_itself_changed_asks_no_provider(self) -> None:
        self.box.clock.calls.clear()
        self.box.set({NTP[0]: "by itself"}, origin=Origin.DEVICE)
        self.assertEqual(self.box.clock.calls, [])

    def test_a_row_is_created_and_deleted_in_the_device(self) -> None:
        number = self.box.add()
        self.assertIn(f"{PORTS}{number}.", self.box.ports.state)
        self.box.delete(1)
        self.assertEqual([path for path in self.box.ports.state if path.startswith(PORTS + "1.")], [])
        self.assertEqual(self.box.differences(), {})

    def test_the_same_value_again_is_applied_again(self) -> None:
        self.box.clock.state[NTP[0]] = "somebody else's"
        self.box.set({NTP[0]: "old"})
        self.assertEqual(self.box.clock.state[NTP[0]], "old")

    def test_refusals_of_all_providers_come_together(self) -> None:
        self.box.clock.trouble["check"] = lambda: {NTP[1]: "no such host", "Device.Other": "not asked"}
        self.box.ports.trouble["check"] = lambda: {PORTS + "1.Description": CwmpFault(9001, "not now")}
        fault = self.assertRaises(CwmpFault, self.box.set, NEW, "k")
        self.assertEqual(fault.code, 9003)
        self.assertEqual(
            [tuple(each) for each in fault.parameters],
            [(NTP[1], 9007, "no such host"), (PORTS + "1.Description", 9001, "not now")],
        )
        self.assert_untouched()

    def test_a_refused_row(self) -> None:
        self.box.ports.trouble["check"] = lambda: {PORTS + "2.": "enough of them"}
        fault = self.assertRaises(CwmpFault, self.box.add)
        self.assertEqual((fault.code, fault.text), (9001, "enough of them"))
        self.assert_untouched()

    def test_the_disk_is_full(self) -> None:
        for saves in (0, 1):
            self.box.store.full_after = saves
            self.assertEqual(self.assertRaises(CwmpFault, self.box.set, NEW, "k").code, 9002)
            self.assert_untouched()
            self.box.store.full_after = self.box.store.disk.refusing = None
            self.box.restart()
            self.assert_untouched()


class LeftNoteTests(TransactionCase):
    """The note of an undone change stays on a full disk, but must not undo later changes."""

    def leave(self) -> None:
        """Make a change that fails and is undone while the disk is full."""
        self.box.ports.trouble["apply"] = lambda: 1 / 0
        self.box.store.full_after = 1
        self.assertRaises(CwmpFault, self.box.set, NEW, "k")
        self.box.store.full_after = self.box.store.disk.refusing = None
        self.box.ports.trouble.clear()
        self.assertIn("older", self.note())

    def note(self) -> str:
        return self.box.store.load().notes.get("change_former") or ""

    def test_it_goes_with_the_next_change_though_that_touches_no_provider(self) -> None:
        self.leave()
        self.box.set({CODE: "of nobody"})
        self.assertEqual(self.note(), "")

    def test_it_goes_with_the_next_change_of_a_provider(self) -> None:
        self.leave()
        self.box.set({NTP[1]: "newer"})
        self.assertEqual(self.note(), "")

    def test_it_goes_after_the_next_session(self) -> None:
        self.leave()
        self.box.simulated.runtime.connection_requests.http.requested("198.51.100.1")
        self.box.simulated.run(10)
        self.assertEqual(self.note(), "")

    def test_what_somebody_set_meanwhile_is_not_undone_at_the_next_start(self) -> None:
        self.leave()
        self.box.set({CODE: "of nobody"})
        self.box.clock.state[NTP[1]] = "somebody's"
        self.box.restart()
        self.assertEqual(self.box.clock.state[NTP[1]], "somebody's")

    def test_a_change_that_cannot_be_saved_leaves_it_to_the_next(self) -> None:
        self.leave()
        self.box.store.full_after = 0
        self.assertRaises(CwmpFault, self.box.set, {CODE: "of nobody"})
        self.box.store.full_after = self.box.store.disk.refusing = None
        self.box.set({CODE: "of nobody"})
        self.assertEqual(self.note(), "")

    def test_what_took_effect_does_not_do_so_again(self) -> None:
        self.box.clock.later = True
        self.box.store.full_after = 2
        self.box.set({NTP[1]: "later"}, origin=Origin.LOCAL)
        self.box.store.full_after = self.box.store.disk.refusing = None
        self.assertIn("later", self.box.store.load().notes["change_later"])
        self.box.set({CODE: "of nobody"})
        self.assertNotIn("change_later", self.box.store.load().notes)


class TroubleTests(TransactionCase):
    TROUBLES = (
        ("raises", lambda: 1 / 0),
        ("hangs", lambda: Deferred()),
        ("hangs and cannot be cancelled", lambda: Stubborn()),
        ("is wrong", lambda: 7),
        ("refuses", lambda: _refuse()),
    )

    def test_each_trouble_of_each_provider_at_each_point(self) -> None:
        for what, trouble in self.TROUBLES:
            for method in ("check", "apply"):
                for index in (0, 1):
                    with self.subTest(what=what, method=method, part=index):
                        self.setUp()
                        part = self.box.parts[index]
                        part.trouble[method] = trouble
                        fault = self.assertRaises(CwmpFault, self.box.set, NEW, "k")
                        self.assertIn(fault.code, (9002, 9004))
                        self.assertNotIn("division", fault.text)
                        if "cannot" in what:  # its effect is unknown until it ends
                            part.trouble.clear()
                            Stubborn.last.callback(None)
                            self.box.done(self.box.changes.reconcile())
                        self.assert_untouched()
                        part.trouble.clear()
                        self.box.set(NEW, "k")
                        self.assertEqual(self.box.differences(), {})

    def test_half_applied_is_undone(self) -> None:
        def half() -> Any:
            self.box.ports.state[PORTS + "1.Description"] = "web"
            raise OSError("no more")

        self.box.ports.trouble["apply"] = half
        self.assertRaises(CwmpFault, self.box.set, NEW, "k")
        self.assertEqual([method for method, _ in self.box.clock.calls[-2:]], ["apply", "undo"])
        self.assert_untouched()

    def test_undone_in_reverse(self) -> None:
        order: list[str] = []
        for part in self.box.parts:
            part.write = lambda changes, part=part: order.append(part.name)  # type: ignore[method-assign]  # a test
        self.box.ports.trouble["apply"] = lambda: 1 / 0
        self.assertRaises(CwmpFault, self.box.set, NEW, "k")
        self.assertEqual(order, ["clock", "ports", "clock"])

    def test_what_cannot_be_undone_is_undone_before_the_next_change(self) -> None:
        self.box.ports.trouble["apply"] = lambda: 1 / 0
        self.box.clock.trouble["undo"] = lambda: 1 / 0
        self.assertRaises(CwmpFault, self.box.set, NEW, "k")
        self.assertNotEqual(self.box.differences(), {})
        fault = self.assertRaises(CwmpFault, self.box.set, {NTP[2]: "three"})
        self.assertIn("could not be undone", fault.text)
        self.box.ports.trouble.clear()
        self.box.set({PORTS + "1.Description": "others go on"})
        self.box.clock.trouble.clear()
        self.box.set({NTP[2]: "three"})
        self.assertEqual(self.box.clock.state, {NTP[0]: "old", NTP[1]: "older", NTP[2]: "three"})
        self.assertEqual(self.box.differences(), {})

    def test_what_cannot_be_undone_is_undone_at_the_next_start(self) -> None:
        self.box.ports.trouble["apply"] = lambda: 1 / 0
        self.box.clock.trouble["undo"] = lambda: 1 / 0
        self.assertRaises(CwmpFault, self.box.set, NEW, "k")
        self.box.restart()
        self.assert_untouched()

    def test_a_deleted_row_comes_back_with_its_values(self) -> None:
        self.box.set({PORTS + "1.ExternalPort": "80", PORTS + "1.InternalClient": "host"}, "start")
        self.before = self.box.told()
        done = self.box.ports.write

        def late(changes: Any) -> None:
            done(changes)
            if None in changes.values():
                raise OSError("deleted, and then")

        self.box.ports.write = late  # type: ignore[method-assign]  # a test
        self.assertRaises(CwmpFault, self.box.delete, 1)
        self.assert_untouched()
        self.assertEqual(self.box.ports.state[PORTS + "1.ExternalPort"], "80")


class CrashTests(TransactionCase):
    """Losses of power at each step: before and after each commit, and during the work of each provider."""

    def at_every_step(self, change: Any) -> int:
        for step in range(200):
            self.setUp()
            self.box.fuse.set(step)
            try:
                change()
            except Gone:
                self.box.restart()
                after, differences = self.box.told(), self.box.differences()
                self.assertEqual(differences, {}, f"step {step}")
                self.assertIn(after, (self.before, self.wanted), f"step {step}")
                self.assertEqual(self.box.store.load().notes.get("change_former"), None)
                self.box.set({NTP[0]: "and on"}, "on")
                self.assertEqual(self.box.differences(), {})
            else:
                self.assertEqual(self.box.told(), self.wanted)
                return step
        raise AssertionError("it never ends")

    def test_values(self) -> None:
        self.wanted = {**self.before, **NEW, KEY: "k"}
        self.assertEqual(self.at_every_step(lambda: self.box.set(NEW, "k")), 14)

    def test_a_new_row(self) -> None:
        self.box.add()
        self.wanted = self.box.told()
        self.assertGreater(self.at_every_step(lambda: self.box.add()), 6)

    def test_a_deleted_row(self) -> None:
        self.box.delete(1)
        self.wanted = self.box.told()
        self.assertGreater(self.at_every_step(lambda: self.box.delete(1)), 6)

    def test_while_it_is_undone(self) -> None:
        self.wanted = self.before

        def fails() -> None:
            self.box.ports.trouble["apply"] = lambda: 1 / 0
            self.assertRaises(CwmpFault, self.box.set, NEW, "k") if self.box.fuse.blows_at is None else self._try()

        self.assertGreater(self.at_every_step(fails), 9)

    def _try(self) -> None:
        try:
            self.box.set(NEW, "k")
        except CwmpFault:
            self.box.ports.trouble.clear()


class TimeOutTests(TransactionCase):
    """Cancellation of the RPC at each point: the change is undone, or it is complete and the answer says so."""

    def test_cancelled_at_each_point(self) -> None:
        for method in ("check", "apply"):
            for index in (0, 1):
                with self.subTest(method=method, part=index):
                    self.setUp()
                    part = self.box.parts[index]
                    part.trouble[method] = lambda: Deferred()
                    work = self.box.start(
                        self.box.changes.set_values([ParameterAssignment(*x) for x in NEW.items()], Origin.ACS, "k")
                    )
                    self.assertNoResult(work)
                    work.cancel()
                    self.failureResultOf(work)
                    part.trouble.clear()
                    self.assert_untouched()

    def test_cancelled_while_it_is_undone(self) -> None:
        undoing: Deferred[None] = Deferred()
        self.box.clock.trouble["undo"] = lambda: undoing
        self.box.ports.trouble["apply"] = lambda: Deferred()
        work = self.box.start(
            self.box.changes.set_values([ParameterAssignment(*x) for x in NEW.items()], Origin.ACS, "k")
        )
        work.cancel()
        work.cancel()
        self.assertNoResult(work)
        self.box.clock.write({name: self.before[name] for name in NTP[:2]})  # type: ignore[misc]  # plain names do here
        undoing.callback(None)
        self.failureResultOf(work)
        self.box.ports.trouble.clear()
        self.assert_untouched()

    def test_the_whole_rpc_in_a_session(self) -> None:
        self.box.ports.trouble["apply"] = lambda: Deferred()
        self.box.simulated.acs.asking.extend([assign("k", **NEW), GetParameterValues((KEY, CODE))])
        self.box.simulated.runtime.connection_requests.http.requested("198.51.100.1")
        self.box.simulated.run(30)
        fault, read = self.box.simulated.acs.answers()
        assert isinstance(fault, Fault) and isinstance(read, GetParameterValuesResponse)
        self.assertEqual(fault.code, 9002)
        self.assertEqual([each.value.text for each in read.parameter_list], ["start", ""])
        self.assertTrue(self.box.simulated.ended()[-1].success)
        self.assert_untouched()


class LaterTests(TransactionCase):
    """Status 1: changes that take effect only after the session."""

    def session(self, *asked: Any) -> Any:
        self.box.simulated.acs.asking.extend(asked)
        self.box.simulated.runtime.connection_requests.http.requested("198.51.100.1")
        self.box.simulated.run(10)
        return self.box.simulated.acs.answers()

    def test_status_1_and_done_after_the_session(self) -> None:
        self.box.clock.later = True
        seen: list[bool] = []
        self.box.clock.trouble["finish"] = lambda: seen.append(self.box.simulated.acs.open_now == 0)
        done, read = self.session(assign("k", **NEW), GetParameterValues((NTP[0], NTP[2])))
        self.assertEqual(done, SetParameterValuesResponse(1))
        self.assertEqual([each.value.text for each in read.parameter_list], ["one", ""])
        self.assertEqual(seen, [True])
        self.assertEqual(self.box.clock.calls[-1], ("finish", {NTP[0]: "one", NTP[1]: "two"}))

    def test_rows_too(self) -> None:
        self.box.ports.later = True
        added, deleted = self.session(AddObject(PORTS, "k"), DeleteObject(PORTS + "1.", "l"))
        self.assertEqual((added, deleted), (AddObjectResponse(2, 1), DeleteObjectResponse(1)))
        self.assertEqual(self.box.differences(), {})

    def test_what_fails_is_tried_again_before_the_next_session(self) -> None:
        self.box.clock.later = True
        self.box.clock.trouble["finish"] = lambda: 1 / 0
        self.session(assign("k", **NEW))
        self.assertEqual(self.box.clock.state[NTP[0]], "old")
        (read,) = self.session(GetParameterValues((NTP[0],)))
        self.assertEqual([each.value.text for each in read.parameter_list], ["one"])
        self.box.clock.trouble.clear()
        self.session()
        self.assertEqual(self.box.differences(), {})

    def test_the_power_goes_in_between(self) -> None:
        self.box.clock.later = True
        self.box.clock.trouble["finish"] = lambda: Deferred()
        self.box.set(NEW, "k")
        self.assertNotEqual(self.box.differences(), {})
        self.box.restart()
        self.assertEqual(self.box.differences(), {})
        self.assertEqual(self.box.store.load().notes.get("change_later"), None)

    def test_outside_of_a_session_it_is_done_at_once(self) -> None:
        self.box.clock.later = True
        self.assertIs(self.box.set(NEW, "k", Origin.LOCAL), True)
        self.assertEqual(self.box.differences(), {})

    def test_a_second_change_before_it_is_done(self) -> None:
        self.box.clock.later = True
        self.box.clock.trouble["finish"] = lambda: 1 / 0
        self.box.set(NEW, "k")
        self.box.clock.trouble.clear()
        self.box.clock.later = False
        self.assertIs(self.box.set({NTP[0]: "at once"}), False)
        self.assertEqual(self.box.clock.state[NTP[0]], "at once")
        self.box.done(self.box.changes.finish())
        self.assertEqual(self.box.differences(), {})


class RandomTests(SynchronousTestCase):
    def test_device_and_agent_agree_whatever_happens(self) -> None:
        for seed in range(40):
            with self.subTest(seed=seed):
                self.one_life(random.Random(seed))

    def one_life(self, chance: random.Random) -> None:
        box = Boxed()
        for step in range(25):
            rows = [path for path in box.told() if path.endswith(".")]
            names = [*NTP, CODE, *(row + "Description" for row in rows)]
            values = dict.fromkeys(chance.sample(names, chance.randint(1, len(names))), f"{step}")
            for part in box.parts:
                part.later = chance.random() < 0.2
                part.trouble.clear()
                if chance.random() < 0.3:
                    part.trouble[chance.choice(("check", "apply", "undo", "finish"))] = chance.choice(
                        (lambda: 1 / 0, lambda: Deferred(), lambda: 7)
                    )
            before = box.told()
            box.fuse.set(chance.randrange(20) if chance.random() < 0.3 else None)
            match chance.randrange(4):
                case 0:
                    wanted = None
                    work = box.add
                case 1 if rows:
                    wanted = None
                    row = int(chance.choice(rows).split(".")[-2])

                    def work(row: int = row) -> Any:
                        return box.delete(row)

                case _:
                    wanted = {**before, **values, KEY: str(step)}

                    def work(values: Any = values, step: int = step) -> Any:
                        return box.set(values, str(step))

            try:
                work()
            except Gone:
                box.restart()
                if wanted is not None:
                    self.assertIn(box.told(), (before, wanted))
            except CwmpFault:
                self.assertEqual(box.told(), before)
            else:
                if wanted is not None:
                    self.assertEqual(box.told(), wanted)
                if box.fuse.blown:  # while the change took effect
                    box.restart()
            box.fuse.set(None)
            for part in box.parts:
                part.trouble.clear()
            box.done(box.changes.reconcile())
            box.done(box.changes.finish())
            self.assertEqual(box.differences(), {}, step)
        self.assertEqual(box.odd(), [])


class Stubborn(Deferred[None]):
    """A Deferred that ignores cancellation."""

    last: Stubborn

    def __init__(self) -> None:
        super().__init__()
        type(self).last = self

    def cancel(self) -> None:
        """Do nothing."""


def _refuse() -> None:
    raise CwmpFault(9004, "no memory")
