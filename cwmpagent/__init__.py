"""cwmpagent: a TR-069 (CWMP) management agent on Twisted. Programs embed ``cwmpagent.Agent``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cwmpagent.embedding.service import Agent as Agent

__all__ = ["Agent"]


def __getattr__(name: str) -> object:
    # Imported late: the import of a module of floor 0 must not import the whole package.
    if name == "Agent":
        from cwmpagent.embedding.service import Agent

        return Agent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
