"""What an answered RPC still owes after its session, as text: a crash in between must not forget it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from cwmpagent.agent.session.dispatcher import AfterSession, FactoryResetAfter, RebootAfter


def written(after: Iterable[AfterSession]) -> str:
    """The text to save."""
    words: list[list[str]] = []
    for each in after:
        match each:
            case RebootAfter(command_key):
                words.append(["reboot", command_key])
            case FactoryResetAfter():
                words.append(["factory_reset"])
    return json.dumps(words)


def read(text: str) -> tuple[AfterSession, ...]:
    """What :func:`written` wrote; what cannot be understood is left out."""
    found: list[AfterSession] = []
    try:
        words = json.loads(text)
    except ValueError:
        return ()
    for word in words if isinstance(words, list) else ():
        match word:
            case ["reboot", str(command_key)]:
                found.append(RebootAfter(command_key))
            case ["factory_reset"]:
                found.append(FactoryResetAfter())
    return tuple(found)
