"""A whole model as text and back, for keeping: JSON in which equal definitions stand once.

Nothing is checked when it is read but that it has the form that :func:`written` gives; whoever keeps such a text sees
to it that it is the one that was kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cwmpagent.datamodel.schema import Model, Notify, ObjectDefinition, ParameterDefinition, UniqueKey
from cwmpagent.records import Attributes
from cwmpagent.values import Bounds, Restriction, ValueType

FORMAT = 4
"""Counts up when the text changes its form, or a model its meaning."""


def written(model: Model) -> str:
    """``model`` as text."""
    restrictions: dict[Restriction | None, int] = {}
    parameters: dict[ParameterDefinition, int] = {}
    objects: list[Any] = []

    def number(parameter: ParameterDefinition) -> int:
        restrictions.setdefault(parameter.restriction, len(restrictions))
        return parameters.setdefault(parameter, len(parameters))

    for each in model.root.walk():
        keys = [[key.parameters, key.functional] for key in each.unique_keys]
        own = [each.path, each.creatable, each.deletable, keys, each.enable, each.number_of_entries, each.max_rows]
        objects.append([*own, [number(parameter) for parameter in each.parameters.values()], len(each.children)])
    content = {
        "name": model.name,
        "restrictions": [_restriction_to_json(each) for each in restrictions],
        "parameters": [_parameter_to_json(each, restrictions[each.restriction]) for each in parameters],
        "objects": objects,
        "rows": dict(model.rows),
        "values": dict(model.values),
        "forced_inform": model.forced_inform,
        "active": model.active,
        "absent": sorted(model.absent),
        "attributes": {path: [each.notification, each.access_list] for path, each in model.attributes.items()},
        "reports": model.reports,
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Model:
    """The model that ``text`` was made of. Raises ValueError where it was made of none."""
    try:
        content = json.loads(text)
        restrictions = [_restriction(each) for each in content["restrictions"]]
        parameters = [_parameter(each, restrictions) for each in content["parameters"]]
        return Model(
            name=content["name"],
            root=_object(iter(content["objects"]), parameters),
            rows={table: tuple(numbers) for table, numbers in content["rows"].items()},
            values=content["values"],
            forced_inform=tuple(content["forced_inform"]),
            active=tuple(content["active"]),
            absent=frozenset(content["absent"]),
            attributes={path: Attributes(level, tuple(who)) for path, (level, who) in content["attributes"].items()},
            reports=tuple(content["reports"]),
        )
    except (AttributeError, IndexError, KeyError, TypeError, StopIteration, RecursionError, ValueError) as error:
        raise ValueError(f"is no model: {type(error).__name__}: {error}") from error


def _restriction_to_json(each: Restriction | None) -> Any:
    if each is None:
        return None
    return [
        each.ranges,
        each.step,
        each.lengths,
        each.enumeration,
        each.patterns,
        each.list_of,
        each.item,
        each.list_lengths,
        each.list_sizes,
        each.unit,
    ]


def _restriction(data: Any) -> Restriction | None:
    if data is None:
        return None
    ranges, step, lengths, enumeration, patterns, list_of, item, list_lengths, list_sizes, unit = data
    return Restriction(
        ranges=_bounds(ranges),
        step=step,
        lengths=_bounds(lengths),
        enumeration=tuple(enumeration),
        patterns=tuple(patterns),
        list_of=list_of,
        item=None if item is None else ValueType(item),
        list_lengths=_bounds(list_lengths),
        list_sizes=_bounds(list_sizes),
        unit=unit,
    )


def _bounds(data: Any) -> Bounds:
    return tuple((low, high) for low, high in data)


def _parameter_to_json(each: ParameterDefinition, restriction: int) -> Any:
    flags = [each.writable, each.hidden, each.forced_inform, each.live]
    rest = [each.notify.value, each.reference, each.counts, each.reserved]
    return [each.name, each.kind, each.default, restriction, flags, *rest, each.listed_in, each.unlisted]


def _parameter(data: Any, restrictions: list[Restriction | None]) -> ParameterDefinition:
    name, kind, default, restriction, flags, notify, reference, counts, reserved, listed_in, unlisted = data
    writable, hidden, forced_inform, live = flags
    return ParameterDefinition(
        name=name,
        kind=ValueType(kind),
        writable=writable,
        default=default,
        restriction=restrictions[restriction],
        hidden=hidden,
        notify=Notify(notify),
        forced_inform=forced_inform,
        reference=None if reference is None else tuple(reference),
        counts=counts,
        live=live,
        reserved=tuple(reserved),
        listed_in=listed_in,
        unlisted=unlisted,
    )


def _object(objects: Iterable[Any], parameters: list[ParameterDefinition]) -> ObjectDefinition:
    """The next object and all below it; each stands before its children."""
    path, creatable, deletable, keys, enable, number_of_entries, max_rows, own, children = next(iter(objects))
    mine = [parameters[number] for number in own]
    inner = [_object(objects, parameters) for _ in range(children)]
    return ObjectDefinition(
        path=path,
        creatable=creatable,
        deletable=deletable,
        unique_keys=tuple(UniqueKey(tuple(names), functional) for names, functional in keys),
        enable=enable,
        number_of_entries=number_of_entries,
        max_rows=max_rows,
        parameters={parameter.name: parameter for parameter in mine},
        children={child.name: child for child in inner},
    )
