"""Planning of SetParameterValues (TR-069 A.3.2.1); a refusal lists every parameter at fault."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cwmpagent.datamodel.address_parameters import address_refusal
from cwmpagent.datamodel.identifiers import alias_refusal, aliased_row
from cwmpagent.datamodel.inform_parameters import inform_parameter_refusal
from cwmpagent.datamodel.plan import Assignment, Plan, differences
from cwmpagent.datamodel.planning.enumeration_ref import enumeration_refusal
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.datamodel.schema import ParameterDefinition
from cwmpagent.datamodel.tree import Tree
from cwmpagent.datamodel.unique_keys import clashing
from cwmpagent.errors import CwmpFault, ParameterFault
from cwmpagent.records import Batch
from cwmpagent.values import LexicalError


def plan_values(tree: Tree, assignments: Sequence[Assignment], *, as_acs: bool = True) -> Plan:
    """Plan the assignment of values, all or none (SetParameterValues).

    With ``as_acs`` false, the device itself writes: read-only parameters may be written, everything else is checked.
    Names and references may contain aliases. Raises ``CwmpFault`` 9003 that lists every parameter at fault, as named in
    the request, with its own code: 9003 named twice, 9005 unknown, 9006 wrong type, 9007 value not permitted, not an
    existing row, not among the listed values, or not unique, 9008 read-only.
    """
    resolver = Resolver(tree)
    names = {name: _resolved(resolver, name) for name in dict.fromkeys(assignment.name for assignment in assignments)}
    times = Counter(names[assignment.name] for assignment in assignments)
    faults: dict[str, ParameterFault] = {}
    texts: dict[str, str] = {}
    definitions: dict[str, ParameterDefinition] = {}
    for assignment in assignments:
        name = names[assignment.name]
        try:
            if times[name] > 1:
                raise CwmpFault(9003, "is named more than once")
            definitions[name] = tree.definition(name)
            if definitions[name].counts or (as_acs and not tree.writable(name)):
                raise CwmpFault(9008, "is read-only")
            texts[name] = _checked(name, definitions[name], assignment, as_acs)
        except CwmpFault as fault:
            faults[assignment.name] = ParameterFault(assignment.name, fault.code, fault.text)
            continue
        if definitions[name].reference is not None and "[" in texts[name]:
            items = definitions[name].items(texts[name])
            texts[name] = ",".join(_resolved(resolver, item) for item in items)
    written = tree.overlay.values
    batch = Batch(
        values={
            name: text
            for name, text in texts.items()
            if written.get(name) != text or tree.value_of(name, definitions[name]).text != text
        }
    )
    after = tree.after(batch)
    refusals = {
        name: after.refusal(definitions[name], text)
        or inform_parameter_refusal(after, name, text)
        or address_refusal(after, name, text)
        or enumeration_refusal(after, name, definitions[name], text)
        for name, text in texts.items()
    }
    reasons = {**clashing(after, texts), **{name: reason for name, reason in refusals.items() if reason}}
    faults |= {given: ParameterFault(given, 9007, reasons[name]) for given, name in names.items() if name in reasons}
    if faults:
        raise CwmpFault(9003, "", tuple(faults[given] for given in names if given in faults))
    return Plan(
        batch=batch,
        changed=differences(tree, after, texts),
        assigned=frozenset(texts),
        written={name: given for given, name in names.items() if given != name},
    )


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
