"""``python -m tests.broken WHAT CONFIG``: the agent, run by twistd, with the error WHAT."""

from __future__ import annotations

import sys
from typing import Any

from twisted.scripts.twistd import run

from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.parameters.changes import Changes, Origin
from cwmpagent.agent.session.after_session import AfterSession
from cwmpagent.agent.session.dispatcher import AfterSessionWork


def _forgetful(set_values: Any) -> Any:
    """Answer SetParameterValues with success, and set nothing."""

    async def forgets(self: Changes, assignments: object, origin: Origin, key: str | None = None) -> bool:
        return origin is not Origin.ACS and await set_values(self, assignments, origin, key)

    return forgets


async def _same_number(self: Changes, path: str, origin: Origin, key: str | None = None) -> tuple[int, bool]:
    """Answer AddObject with a number, and create no object."""
    return 7, False


def _no_key(self: AfterSession, text: str) -> tuple[AfterSessionWork, ...]:
    """Forget a reboot: report only ``1 BOOT``, without ``M Reboot``."""
    return ()


def _deaf(self: ConnectionRequests, source: str) -> bool:
    """Answer a ConnectionRequest with 200, and open no session."""
    return True


def main() -> None:
    """Replace one function and run the agent."""
    what, config = sys.argv[1:]
    replaced: dict[str, tuple[Any, str, Any]] = {
        "set": (Changes, "set_values", _forgetful(Changes.set_values)),
        "add": (Changes, "add_object", _same_number),
        "reboot": (AfterSession, "restored", _no_key),
        "deaf": (ConnectionRequests, "requested", _deaf),
    }
    if what == "dead":
        sys.exit(3)
    target, name, function = replaced[what]
    if not hasattr(target, name):
        sys.exit(f"there is no {name} to break")
    setattr(target, name, function)
    sys.argv = ["twistd", "--nodaemon", "--pidfile=", "cwmpagent", "--config", config]
    run()


if __name__ == "__main__":
    main()
