"""The export for a support case: the whole state without secrets, as sections of one JSON object."""

from __future__ import annotations

import platform
import ssl
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any

from cwmpagent.agent.device_identity import current_time
from cwmpagent.agent.parameters.masked_values import masked_value
from cwmpagent.agent.ports import Clock
from cwmpagent.config import Config
from cwmpagent.control.parameters_view import Shown, items
from cwmpagent.control.recent_facts import Item, RecentFacts
from cwmpagent.control.report import Running, events, metrics, reports, status
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device.machine import package_version
from cwmpagent.protocol.masking import MASK, without_userinfo
from cwmpagent.values import Value

FORMAT = 1
"""Version of the format of the export."""
_PACKAGES = ("cwmpagent", "Twisted", "treq", "pyOpenSSL", "cryptography", "defusedxml", "service-identity", "psutil")


def sections(
    agent: Running, recent: RecentFacts, started: float, clock: Clock, values: Sequence[Shown]
) -> Iterator[Item]:
    """Each section as ``{"section": ..., "content": ...}``; ``parameters`` is sent in parts, one for each parameter.

    ``values``: every parameter with its masked value.
    """
    tree = agent.runtime.tree
    every = reports(agent, recent, started)
    yield {"section": "format", "content": FORMAT}
    yield {"section": "made", "content": current_time(clock)}
    yield {"section": "versions", "content": _versions()}
    yield {"section": "configuration", "content": configuration(agent.config, tree)}
    yield {"section": "status", "content": status(every)}
    yield {"section": "events", "content": events(every)}
    for report in every:
        for name, content in report.export().items():
            yield {"section": name, "content": content}
    yield {"section": "metrics", "content": [asdict(metric) for metric in metrics(every)]}
    yield {"section": "facts", "content": recent.items()}
    for item in items(agent.runtime, values):
        yield {"section": "parameters", "part": {**item, **_more(tree, str(item["name"]))}}


def configuration(config: Config, tree: Tree) -> dict[str, Any]:
    """The configuration as read. Fields without ``repr`` and the arguments of hooks are masked."""
    content = _plain(config)
    assert isinstance(content, dict)
    content["parameters"] = {
        path: masked_value(tree, path, Value(tree.definition(path).kind, text)).text if tree.exists(path) else MASK
        for path, text in config.parameters.items()
    }
    hooks = content["hooks"]
    content["hooks"] = {
        name: [*words[:1], *[MASK] * len(words[1:])] if isinstance(words, list | tuple) else words
        for name, words in hooks.items()
    }
    return content


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: _plain(getattr(value, field.name)) if field.repr else MASK if getattr(value, field.name) else ""
            for field in fields(value)
        }
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, str | Path):
        return without_userinfo(str(value))
    return value


def _more(tree: Tree, name: str) -> dict[str, Any]:
    """Attributes of the parameter, and whether its value has been written."""
    attributes = tree.attributes(name)
    return {
        "notification": attributes.notification,
        "access_list": list(attributes.access_list),
        "written": name in tree.overlay.values,
    }


def _versions() -> dict[str, str]:
    versions = {"Python": sys.version.split()[0], "OpenSSL": ssl.OPENSSL_VERSION, "system": platform.platform()}
    return {**versions, **{package: package_version(package) for package in _PACKAGES}}
