"""Serialization of a whole model as JSON, in which equal definitions are stored once.

:func:`read` checks only that a text has the form that :func:`written` gives. The caller ensures the integrity of a
stored text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from cwmpagent.datamodel.schema import Model, Notify, ObjectDefinition, ParameterDefinition, UniqueKey
from cwmpagent.records import Attributes
from cwmpagent.values import Bounds, Restriction, ValueType

FORMAT = 5
"""Version of the format; increased when the format or the meaning of a model changes."""


def written(model: Model) -> str:
    """``model`` as JSON text."""
    restrictions: dict[Restriction | None, int] = {}
    parameters: dict[ParameterDefinition, int] = {}
    objects: list[Any] = []

    def number(parameter: ParameterDefinition) -> int:
        restrictions.setdefault(parameter.restriction, len(restrictions))
        return parameters.setdefault(parameter, len(parameters))

    for item in model.root.walk():
        keys = [[key.parameters, key.functional] for key in item.unique_keys]
        own = [item.path, item.creatable, item.deletable, keys, item.enable, item.number_of_entries, item.max_rows]
        objects.append([*own, [number(parameter) for parameter in item.parameters.values()], len(item.children)])
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
        "words": dict(model.words),
        "access": dict(model.access),
        "reports": model.reports,
        "deviations": dict(model.deviations),
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def read(text: str) -> Model:
    """Model from a text of :func:`written`; raises ``ValueError`` if the text is not in this format."""
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
            attributes={
                path: Attributes(level, tuple(names)) for path, (level, names) in content["attributes"].items()
            },
            words=content["words"],
            access=content["access"],
            reports=tuple(content["reports"]),
            deviations=content["deviations"],
        )
    except (AttributeError, IndexError, KeyError, TypeError, StopIteration, RecursionError, ValueError) as error:
        raise ValueError(f"is not a model: {type(error).__name__}: {error}") from error


def _restriction_to_json(restriction: Restriction | None) -> Any:
    if restriction is None:
        return None
    return [
        restriction.ranges,
        restriction.step,
        restriction.lengths,
        restriction.enumeration,
        restriction.patterns,
        restriction.list_of,
        restriction.item,
        restriction.list_lengths,
        restriction.list_sizes,
        restriction.unit,
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


def _parameter_to_json(parameter: ParameterDefinition, restriction: int) -> Any:
    flags = [parameter.writable, parameter.hidden, parameter.forced_inform, parameter.live]
    rest = [parameter.notify.value, parameter.reference, parameter.counts, parameter.reserved]
    listing = [parameter.listed_in, parameter.unlisted]
    return [parameter.name, parameter.kind, parameter.default, restriction, flags, *rest, *listing]


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
    """The next object with all objects below it; an object precedes its children."""
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
