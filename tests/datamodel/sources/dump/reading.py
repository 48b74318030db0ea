"""Small dumps as models, for the tests of their readers."""

from __future__ import annotations

import json
from typing import Any

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.sources.dump.csv_reader import read_csv
from cwmpagent.datamodel.sources.dump.fidelity import Fidelity
from cwmpagent.datamodel.sources.dump.json_reader import read_json
from cwmpagent.datamodel.sources.toml_reader import read_toml
from cwmpagent.datamodel.tree import Tree

SHORT = "Parameter,Object,Writable,Value,Value type"
LONG = (
    "Parameter,Object,Object timestamp,Writable,Writable timestamp,Value,Value type,Value timestamp,"
    "Notification,Notification timestamp,Access list,Access list timestamp"
)


def model_of(*rows: str, header: str = SHORT, before: str = "", fidelity: Fidelity = "strict") -> Model:
    """Model of a CSV dump, after a TOML model if ``before`` is given."""
    return model_of_bytes("\n".join((header, *rows)).encode(), before=before, fidelity=fidelity)


def model_of_bytes(data: bytes, *, before: str = "", after: str = "", fidelity: Fidelity = "strict") -> Model:
    """Model of a CSV dump, between two TOML models if they are given."""
    builder = ModelBuilder()
    if before:
        read_toml(before.encode(), "standard.toml", builder)
    read_csv(data, "box.csv", builder, fidelity=fidelity)
    if after:
        read_toml(after.encode(), "more.toml", builder)
    return builder.build("box")


def tree_of(*rows: str, header: str = SHORT, before: str = "", fidelity: Fidelity = "strict") -> Tree:
    """Tree of that model."""
    return Tree(model_of(*rows, header=header, before=before, fidelity=fidelity))


def json_model(document: Any, fidelity: Fidelity = "strict") -> Model:
    """Model of a JSON dump."""
    builder = ModelBuilder()
    text = document if isinstance(document, str) else json.dumps(document)
    read_json(text.encode(), "box.json", builder, fidelity=fidelity)
    return builder.build("box")


def odd(model: Model) -> list[str]:
    """Reports of a model, except those about parameters that are added for the agent."""
    return [report for report in model.reports if "is added, because" not in report]
