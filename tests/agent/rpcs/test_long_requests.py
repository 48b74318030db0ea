"""RPCs with very many or overlapping paths: each parameter once, bounded answers, and a reactor that is not held up."""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.long_work import SLICE
from cwmpagent.agent.parameters.answer_size import LONGEST_ANSWER, AnswerSize
from cwmpagent.agent.rpcs import attributes, parameters
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import MOST_FAULTS, CwmpFault, ParameterFault
from cwmpagent.protocol.agenda.events import CONNECTION_REQUEST, Event
from cwmpagent.protocol.rpc import (
    AcsRequest,
    Fault,
    GenericRequest,
    GetParameterAttributes,
    GetParameterNames,
    GetParameterValues,
    SetParameterAttributes,
    SetParameterAttributesResponse,
    SetParameterAttributesStruct,
    SetParameterValuesResponse,
)
from cwmpagent.records import Batch
from cwmpagent.store.memory import MemoryStore
from tests.agent.bench import assign
from tests.agent.ports import SimulatedAgent

TABLE = "Device.NAT.PortMapping."
CODE = "Device.DeviceInfo.ProvisioningCode"


class WorkingClock:
    """A clock that work moves: each look at the monotonic time takes ``cost`` seconds."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self.cost = 0.0
        self.worked = 0.0

    def monotonic(self) -> float:
        self.worked += self.cost
        return float(self._clock.monotonic()) + self.worked

    def __getattr__(self, name: str) -> Any:
        return getattr(self._clock, name)


def notify(name: str, level: int) -> SetParameterAttributesStruct:
    return SetParameterAttributesStruct(name, True, level, False, ())


class LongCase(SynchronousTestCase):
    """An agent with a table of ``rows`` rows."""

    rows = 40

    def setUp(self) -> None:
        store = MemoryStore()
        numbers = range(1, self.rows + 1)
        store.save(Batch(rows={f"{TABLE}{number}.": True for number in numbers}, counters={TABLE: self.rows}))
        self.simulated = SimulatedAgent(store=store, AutoCreateInstances="true")
        self.clock = WorkingClock(self.simulated.clock)
        self.simulated.clock = self.clock  # type: ignore[assignment]  # it has every method
        self.simulated.begin()
        self.tree = self.simulated.runtime.tree
        self.addCleanup(lambda: self.assertEqual(self.simulated.odd(), []))

    def begin(self, *requests: AcsRequest | GenericRequest) -> None:
        """Let the ACS send ``requests``, and work until the first pause."""
        self.simulated.acs.asking.extend(requests)
        self.simulated.happen(Event(CONNECTION_REQUEST))

    def ask(self, *requests: AcsRequest | GenericRequest) -> list[Any]:
        self.begin(*requests)
        self.simulated.run(0.1)
        return self.simulated.acs.answers()

    def visits(self, *methods: str) -> list[str]:
        """The paths for which any of ``methods`` of a tree is called from now on."""
        paths: list[str] = []

        def counted(method: Any, tree: Tree, path: str, *arguments: Any) -> Any:
            paths.append(path)
            return method(tree, path, *arguments)

        for name in methods:
            method = getattr(Tree, name)
            self.patch(Tree, name, lambda *arguments, method=method: counted(method, *arguments))
        return paths


class OnceTests(LongCase):
    def test_values_of_repeated_and_overlapping_paths(self) -> None:
        (alone,) = self.ask(GetParameterValues(("Device.",)))
        visits = self.visits("shown_of")
        paths = ("Device.NAT.", "Device.", "", "Device.DeviceInfo.", f"{TABLE}*.", f"{TABLE}1.Enable", CODE)
        (answer,) = self.ask(GetParameterValues(paths * 300))
        names = [parameter.name for parameter in answer.parameter_list]
        informed = self.simulated.acs.informs()[-1].parameter_list
        self.assertEqual(len(visits), len(informed) + len(names))
        self.assertEqual(sorted(names), sorted(parameter.name for parameter in alone.parameter_list))
        below = [name for name in names if name.startswith("Device.NAT.")]
        self.assertEqual(names[: len(below)], below, "the order is that of the request")

    def test_attributes_of_repeated_paths(self) -> None:
        visits = self.visits("attributes_of")
        (answer,) = self.ask(GetParameterAttributes(("Device.", TABLE) * 500))
        self.assertEqual(len(visits), len(answer.parameter_list))
        self.assertEqual(len(set(visits)), len(visits))

    def test_setting_attributes_of_repeated_paths(self) -> None:
        visits = self.visits("attributes_of")
        changes = [notify(path, number % 2) for number in range(500) for path in (TABLE, "Device.NAT.", f"{TABLE}7.")]
        (answer,) = self.ask(SetParameterAttributes((*changes, notify(f"{TABLE}7.Enable", 2))))
        self.assertEqual(answer, SetParameterAttributesResponse())
        self.assertEqual(len(visits), len(self.tree.parameters("Device.NAT.")))
        levels = {path: self.tree.attributes(path).notification for path in self.tree.parameters(TABLE)}
        self.assertEqual(levels.pop(f"{TABLE}7.Enable"), 2)
        self.assertEqual(set(levels.values()), {1})

    def test_an_access_list_is_not_longer_for_repetitions(self) -> None:
        change = SetParameterAttributesStruct(CODE, False, 0, True, ("Subscriber",) * 50)
        self.ask(SetParameterAttributes((change,)))
        self.assertEqual(self.tree.attributes(CODE).access_list, ("Subscriber",))

    def test_new_aliases_for_a_full_table(self) -> None:
        limit = self.tree.find(TABLE).definition.max_rows
        self.assertIsNotNone(limit)
        rows = {f"{TABLE}{number}.": True for number in range(1, (limit or 0) + 1)}
        self.tree.apply(Batch(rows=rows, counters={TABLE: limit}))
        visits = self.visits("value_of")
        (answer,) = self.ask(assign("", **{f"{TABLE}[new{number}].Description": "x" for number in range(300)}))
        self.assertEqual({fault.code for fault in answer.parameters}, {9001})
        self.assertEqual(len(answer.parameters), 300)
        self.assertLess(len(visits), 5 * len(rows))

    def test_many_rows_by_new_aliases(self) -> None:
        visits = self.visits("value_of")
        (answer,) = self.ask(assign("", **{f"{TABLE}[new{number}].Description": "x" for number in range(200)}))
        self.assertEqual(answer, SetParameterValuesResponse(0))
        self.assertEqual(len(self.tree.instances(TABLE)), self.rows + 200)
        self.assertLess(len(visits), 20 * (self.rows + 200))


class BoundTests(LongCase):
    def test_a_fault_lists_a_bounded_number_of_parameters(self) -> None:
        (fault,) = self.ask(assign("", **{f"Device.No{number}": "x" for number in range(MOST_FAULTS + 200)}))
        self.assertEqual((fault.code, len(fault.parameters)), (9003, MOST_FAULTS))
        self.assertEqual(fault.parameters[0].name, "Device.No0")
        self.assertEqual(fault.text, f"Invalid arguments: {MOST_FAULTS} parameters are listed, 200 more are refused")

    def test_a_fault_with_few_parameters_lists_all(self) -> None:
        (fault,) = self.ask(assign("", **{f"Device.No{number}": "x" for number in range(MOST_FAULTS)}))
        self.assertEqual((len(fault.parameters), fault.text), (MOST_FAULTS, "Invalid arguments"))

    def test_the_fault_of_a_program_is_bounded(self) -> None:
        def refuse(request: GenericRequest) -> None:
            raise CwmpFault(9003, "", tuple(ParameterFault(f"N{number}", 9007, "no") for number in range(1500)))

        self.simulated.runtime.dispatcher.register("X_EXAMPLE_Refuse", refuse)
        (fault,) = self.ask(GenericRequest("X_EXAMPLE_Refuse", ()))
        self.assertEqual((len(fault.parameters), "500 more" in fault.text), (MOST_FAULTS, True))

    def test_an_answer_is_bounded(self) -> None:
        requests = (
            GetParameterValues(("Device.",)),
            GetParameterAttributes(("Device.",)),
            GetParameterNames("Device.", False),
        )
        for answer in self.ask(*requests):
            self.assertNotIsInstance(answer, Fault)
        for module in (parameters, attributes):
            self.patch(module, "AnswerSize", partial(AnswerSize, 3000))
        for fault in self.ask(*requests):
            self.assertEqual(fault.code, 9004)
            self.assertEqual(fault.text, "the answer would be longer than 3000 octets: request fewer parameters")

    def test_the_bound_is_wide(self) -> None:
        size = AnswerSize()
        size.add(LONGEST_ANSWER)
        self.assertEqual(self.assertRaises(CwmpFault, size.add, 1).code, 9004)


class TurnTests(LongCase):
    """Other events of the reactor during a long RPC."""

    def requests(self) -> list[AcsRequest]:
        return [
            GetParameterValues(("Device.", TABLE) * 500),
            GetParameterNames("Device.", False),
            GetParameterAttributes(("Device.", TABLE) * 500),
            SetParameterAttributes(tuple(notify(TABLE, number % 2) for number in range(500))),
            assign("", **{f"Device.No{number}": "x" for number in range(1000)}),
            assign("", **{f"{TABLE}{number}.Description": "x" for number in range(1, self.rows + 1)}),
        ]

    def test_they_are_not_held_up(self) -> None:
        for request in self.requests():
            lasted: list[float] = []
            before = self.clock.worked

            def beat(lasted: list[float] = lasted) -> None:
                nonlocal before
                lasted.append(self.clock.worked - before)
                before = self.clock.worked

            ticking = LoopingCall(beat)
            ticking.clock = self.simulated.timers
            ticking.start(1e-7)
            self.clock.cost = 0.0005
            self.begin(request)
            while not self.simulated.acs.answers():
                self.simulated.timers.advance(1e-7)
            self.clock.cost = 0.0
            ticking.stop()
            self.simulated.run(1)
            self.assertGreater(len(lasted), 5, request.NAME)
            self.assertLess(max(lasted), 5 * SLICE, request.NAME)

    def test_the_timeout_ends_it(self) -> None:
        changes = [notify(TABLE, number % 2) for number in range(500)]
        self.clock.cost = 0.02
        self.begin(SetParameterAttributes(tuple(changes)))
        for _ in range(60):
            self.assertEqual(self.simulated.acs.answers(), [])
            self.simulated.timers.advance(0.9)
            if self.simulated.acs.answers():
                break
        self.clock.cost = 0.0
        (fault,) = self.simulated.acs.answers()
        self.assertEqual((fault.code, fault.text), (9002, "the request took too long"))
        self.assertEqual({self.tree.attributes(path).notification for path in self.tree.parameters(TABLE)}, {0})
        self.simulated.run(1)
        (answer,) = self.ask(assign("", **{CODE: "next"}))
        self.assertEqual(answer, SetParameterValuesResponse(0))

    def test_an_answer_is_one_picture(self) -> None:
        first, last = CODE, f"{TABLE}{self.rows}.Description"
        self.clock.cost = 0.02
        self.begin(GetParameterValues(("Device.DeviceInfo.", TABLE)))
        turns = 0
        while not self.simulated.acs.answers():
            turns += 1
            self.tree.apply(Batch(values={first: str(turns), last: str(turns)}, rows={f"{TABLE}1.": bool(turns % 2)}))
            self.simulated.timers.advance(1e-7)
        self.clock.cost = 0.0
        (answer,) = self.simulated.acs.answers()
        self.assertGreater(turns, self.rows)
        values = {parameter.name: parameter.value.text for parameter in answer.parameter_list}
        self.assertEqual(values[first], values[last])
        self.assertEqual(f"{TABLE}1.Enable" in values, bool(int(values[first]) % 2))


class RootTests(LongCase):
    """The empty name stands for the root object."""

    def test_attributes(self) -> None:
        empty, root = self.ask(GetParameterAttributes(("",)), GetParameterAttributes(("Device.",)))
        self.assertEqual(empty, root)
        self.assertEqual(len(root.parameter_list), len(self.tree.parameters("")))

    def test_names(self) -> None:
        empty, root, first = self.ask(
            GetParameterNames("", False), GetParameterNames("Device.", False), GetParameterNames("", True)
        )
        self.assertEqual(empty, root)
        self.assertEqual([(entry.name, entry.writable) for entry in first.parameter_list], [("Device.", False)])

    def test_values_and_set_attributes(self) -> None:
        empty, root = self.ask(GetParameterValues(("",)), GetParameterValues(("Device.",)))
        self.assertEqual([each.name for each in empty.parameter_list], [each.name for each in root.parameter_list])
        (answer,) = self.ask(SetParameterAttributes((notify("", 1),)))
        self.assertEqual(answer, SetParameterAttributesResponse())
        self.assertEqual(self.tree.attributes(f"{TABLE}1.Enable").notification, 1)
