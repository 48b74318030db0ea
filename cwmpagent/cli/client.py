"""Client of the control socket: one request to a running agent, and the lines of its answer."""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from cwmpagent.control.socket_path import address, user_of
from cwmpagent.errors import ControlError

LINE_TIMEOUT = 60.0
"""Seconds that an agent may take for the next line of its answer."""

START = "start it with: twistd --nodaemon --pidfile= cwmpagent --config FILE"


class RefusedError(ControlError):
    """A request that the agent refused.

    ``error``: the ``reason``, the ``code``, and the ``name``, ``reason`` and ``code`` of each parameter at fault.
    """

    def __init__(self, error: Mapping[str, Any]) -> None:
        self.error = error
        super().__init__("; ".join(self.lines()))

    def lines(self) -> list[str]:
        """One line for each parameter at fault, or one line for the whole request."""
        parameters = self.error.get("parameters") or ()
        if parameters:
            return [f"{each['name']}: {each['reason']} (fault {each['code']})" for each in parameters]
        code = self.error.get("code")
        return [f"{self.error['reason']} (fault {code})" if code else str(self.error["reason"])]


def ask(
    path: Path, request: Mapping[str, Any], *, timeout: float | None = LINE_TIMEOUT
) -> Generator[Mapping[str, Any], None, Mapping[str, Any]]:
    """Send ``request``; yield the items of the answer as they arrive, and return its result.

    ``timeout``: seconds for each line of the answer; None waits without limit. Raises RefusedError, and ControlError
    where no agent answers.
    """
    with _connected(path) as connection:
        connection.settimeout(timeout)
        try:
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as lines:
                for line in lines:
                    answer = json.loads(line)
                    if "error" in answer:
                        raise RefusedError(answer["error"])
                    if "result" in answer:
                        result: Mapping[str, Any] = answer["result"]
                        return result
                    yield answer["item"]
        except TimeoutError:
            raise ControlError(f"the agent at {path} does not answer within {timeout:g} seconds") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ControlError(
                f"the answer from {path} is no agent's, or the agent has just stopped: {error}"
            ) from None
    raise ControlError(f"the agent at {path} ended the connection without an answer: it is stopping")


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(LINE_TIMEOUT)
    try:
        with address(path) as socket_address:
            connection.connect(socket_address)
        if os.geteuid() not in (0, user_of(connection)) and user_of(connection) != 0:
            raise ControlError(f"a process of another user listens at {path}: no request was sent to it")
    except OSError as error:
        connection.close()
        raise ControlError(_connect_failure(path, error)) from None
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_failure(path: Path, error: OSError) -> str:
    match error:
        case FileNotFoundError() | NotADirectoryError():
            return f"no agent is running: there is no socket {path}; {START}"
        case ConnectionRefusedError():
            return f"no agent is running: no process listens at {path}; {START}"
        case PermissionError():
            return f"{path} may be used only by {_owner(path)} and root: run this command as one of them"
        case TimeoutError() | BlockingIOError():
            return f"the agent at {path} is too busy to answer"
    return f"{path} cannot be used: {error.strerror or error}"


def _owner(path: Path) -> str:
    for place in (path, *path.parents):
        try:
            number = place.stat().st_uid
        except OSError:
            continue
        try:
            return f"the agent's user ({pwd.getpwuid(number).pw_name})"
        except KeyError:
            return f"the agent's user ({number})"
    return "the agent's user"
