"""Copy of a model with an additional parameter; it shares all other definitions with the original."""

from __future__ import annotations

from dataclasses import replace

from cwmpagent.datamodel.schema import Model, ObjectDefinition, ParameterDefinition


def with_parameter(model: Model, above: str, parameter: ParameterDefinition) -> Model:
    """``model`` with ``parameter`` in its object ``above`` (``Device.Time.``), in place of one of the same name."""
    names = above.split(".")[1:-1]
    return replace(model, root=_with_parameter(model.root, names, parameter))


def _with_parameter(definition: ObjectDefinition, names: list[str], parameter: ParameterDefinition) -> ObjectDefinition:
    if not names:
        return replace(definition, parameters={**definition.parameters, parameter.name: parameter})
    child = _with_parameter(definition.children[names[0]], names[1:], parameter)
    return replace(definition, children={**definition.children, names[0]: child})
