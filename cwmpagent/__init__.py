"""cwmpagent: a TR-069 (CWMP) management agent on Twisted. ``cwmpagent.Agent`` is what other programs embed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cwmpagent.embedding.service import Agent as Agent

__all__ = ["Agent"]


def __getattr__(name: str) -> object:
    # Not imported at once: a module of the lowest floor must not bring the whole house with it.
    if name == "Agent":
        from cwmpagent.embedding.service import Agent

        return Agent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
