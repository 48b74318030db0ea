"""Planning of SetParameterValues (TR-069 A.3.2.1); a refusal lists the parameters at fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from cwmpagent.datamodel.address_parameters import address_refusal
from cwmpagent.datamodel.identifiers import alias_refusal, aliased_row
from cwmpagent.datamodel.inform_parameters import inform_parameter_refusal
from cwmpagent.datamodel.plan import Assignment, Plan, differences_gradually
from cwmpagent.datamodel.planning.enumeration_ref import enumeration_refusal
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.datamodel.unique_keys import clashing_gradually
from cwmpagent.errors import MOST_FAULTS, CwmpFault, ParameterFault, listed_faults
from cwmpagent.gradual import Gradual, at_once
from cwmpagent.records import Batch
from cwmpagent.values import LexicalError


def plan_values(tree: Tree, assignments: Sequence[Assignment], *, as_acs: bool = True) -> Plan:
    """Plan the assignment of values, all or none (SetParameterValues).

    With ``as_acs`` false, the device itself writes: read-only parameters may be written, everything else is checked.
    Names and references may contain aliases. Raises ``CwmpFault`` 9003 that lists every parameter at fault, as named in
    the request, with its own code: 9003 named twice, 9005 unknown, 9006 wrong type, 9007 value not permitted, not an
    existing row, not among the listed values, or not unique, 9008 read-only.
    """
    return at_once(plan_values_gradually(tree, assignments, as_acs=as_acs))


def plan_values_gradually(tree: Tree, assignments: Sequence[Assignment], *, as_acs: bool = True) -> Gradual[Plan]:
    """The same as :func:`plan_values`, in small pieces. A fault lists at most :data:`MOST_FAULTS` parameters."""
    resolver = Resolver(tree)
    names: dict[str, str] = {}
    times: Counter[str] = Counter()
    for assignment in assignments:
        yield
        if assignment.name not in names:
            names[assignment.name] = _resolved(resolver, assignment.name)
        times[names[assignment.name]] += 1
    faults = _Faults()
    texts: dict[str, str] = {}
    definitions: dict[str, ParameterDefinition] = {}
    for assignment in assignments:
        yield
        name = names[assignment.name]
        try:
            if times[name] > 1:
                raise CwmpFault(9003, "is named more than once")
            definition = tree.definition(name)
            if definition.counts or (as_acs and not tree.writable(name)):
                raise CwmpFault(9008, "is read-only")
            texts[name] = _checked(name, definition, assignment, as_acs)
        except CwmpFault as fault:
            faults.add(assignment.name, fault.code, fault.text)
            continue
        definitions[name] = definition
        if definition.reference is not None and "[" in texts[name]:
            items = definition.items(texts[name])
            texts[name] = ",".join(_resolved(resolver, item) for item in items)
    written = tree.overlay.values
    values: dict[str, str | None] = {}
    for name, text in texts.items():
        yield
        if written.get(name) != text or tree.value_of(name, definitions[name]).text != text:
            values[name] = text
    batch = Batch(values=values)
    after = tree.after(batch)
    reasons = yield from clashing_gradually(after, texts)
    for name, text in texts.items():
        yield
        reason = (
            after.refusal(definitions[name], text)
            or inform_parameter_refusal(after, name, text)
            or address_refusal(after, name, text)
            or enumeration_refusal(after, name, definitions[name], text)
        )
        if reason:
            reasons[name] = reason
    for given, name in names.items() if reasons else ():
        if name in reasons:
            faults.add(given, 9007, reasons[name])
    if faults.found:
        raise faults.in_order(names)
    return Plan(
        batch=batch,
        changed=(yield from differences_gradually(tree, after, texts)),
        assigned=frozenset(texts),
        written={name: given for given, name in names.items() if given != name},
    )


class _Faults:
    """The parameters at fault by the name in the request; those beyond :data:`MOST_FAULTS` are only counted."""

    def __init__(self) -> None:
        self.found: dict[str, ParameterFault] = {}
        self._more: set[str] = set()

    def add(self, name: str, code: int, text: str) -> None:
        """Add a fault; it replaces an earlier one of the same parameter."""
        if name in self.found or len(self.found) < MOST_FAULTS:
            self.found[name] = ParameterFault(name, code, text)
        else:
            self._more.add(name)

    def in_order(self, names: Iterable[str]) -> CwmpFault:
        """The fault with all of them, in the order of ``names``."""
        faults, text = listed_faults([self.found[name] for name in names if name in self.found], len(self._more))
        return CwmpFault(9003, text, faults)


def _resolved(resolver: Resolver, path: str) -> str:
    """``path`` with instance numbers; unchanged if it contains an unknown alias."""
    try:
        return resolver.path(path)
    except CwmpFault:
        return path


def _checked(path: str, parameter: ParameterDefinition, assignment: Assignment, as_acs: bool) -> str:
    """Canonical text to store; raises ``CwmpFault`` with the code for this parameter."""
    alias = aliased_row(path, parameter) is not None
    if alias and not as_acs:
        raise CwmpFault(9008, "can only be changed by the ACS")
    value = assignment.value
    if isinstance(value, str):
        text = value
    elif assignment.typed and value.kind is not parameter.kind:
        raise CwmpFault(9006, f"is of type {parameter.kind.value}")
    else:
        text = value.text
    try:
        text = parameter.admitted(text)
    except LexicalError as error:
        raise CwmpFault(9007, str(error)) from None
    if alias and (refusal := alias_refusal(text)):
        raise CwmpFault(9007, refusal)
    if as_acs and not parameter.settable(text):
        raise CwmpFault(9007, f"the value must be one of {', '.join(parameter.words)}; only the device can set others")
    return text
