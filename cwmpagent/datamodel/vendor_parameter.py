"""A model with one parameter more: a copy that shares everything else with the model it was made of."""

from __future__ import annotations

from dataclasses import replace

from cwmpagent.datamodel.schema import Model, ObjectDefinition, ParameterDefinition


def with_parameter(model: Model, above: str, parameter: ParameterDefinition) -> Model:
    """``model`` with ``parameter`` in its object ``above`` (``Device.Time.``), in the place of one of that name."""
    names = above.split(".")[1:-1]
    return replace(model, root=_grown(model.root, names, parameter))


def _grown(here: ObjectDefinition, names: list[str], parameter: ParameterDefinition) -> ObjectDefinition:
    if not names:
        return replace(here, parameters={**here.parameters, parameter.name: parameter})
    child = _grown(here.children[names[0]], names[1:], parameter)
    return replace(here, children={**here.children, names[0]: child})
