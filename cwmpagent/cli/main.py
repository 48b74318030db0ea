"""Entry point of the command `cwmpagent`: sends a request to the agent on this machine and prints its answer."""

from __future__ import annotations

import getpass
import json
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cwmpagent.cli import text_output
from cwmpagent.cli.arguments import parser
from cwmpagent.cli.client import LINE_TIMEOUT, RefusedError, ask
from cwmpagent.cli.columns import shown
from cwmpagent.cli.credentials import read_credentials
from cwmpagent.cli.find_agent import socket_path
from cwmpagent.cli.support_file import gathered, save
from cwmpagent.errors import ControlError

QUESTION = "All values that the ACS and users have set on this device will be deleted. Type yes to continue: "
Item = Mapping[str, Any]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit status.

    0: done. 1: the command failed, with one line for each error on standard error. 2: the command line is wrong.
    130: interrupted.
    """
    options = parser().parse_args(arguments)
    as_json = getattr(options, "json", False)
    try:
        if options.command == "lab":
            # Imported late: the test bench loads slowly, and the other commands do not need it.
            from cwmpagent.cli.lab import nat_report

            return nat_report(options)
        path = socket_path(getattr(options, "config", None), getattr(options, "socket", None))
        return Command(options, path, as_json=as_json).run()
    except RefusedError as error:
        return _failed(error.lines(), error.error if as_json else None)
    except ControlError as error:
        return _failed([str(error)], {"reason": str(error), "code": 0, "parameters": []} if as_json else None)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader has closed the pipe; flushing into it at exit would fail
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


class Command:
    """A parsed command line for the agent whose control socket is ``path``."""

    def __init__(self, options: Namespace, path: Path, *, as_json: bool) -> None:
        self._options = options
        self._path = path
        self._json = as_json

    def run(self) -> int:
        """Run the command; the exit status. Raises ControlError."""
        name = self._options.command.replace("-", "_")
        run: Callable[[], int] = getattr(self, name)
        return run()

    def status(self) -> int:
        """Print the state of the agent."""
        _, result = self._ask()
        return self._show(result, text_output.status(result))

    def events(self) -> int:
        """Print the pending events."""
        _, result = self._ask()
        return self._show(result, text_output.events(result))

    def get(self) -> int:
        """Print the values of parameters."""
        items, _ = self._ask(paths=self._options.paths)
        return self._show({"parameters": items}, text_output.parameters(items))

    def names(self) -> int:
        """Print the names of parameters and objects."""
        items, _ = self._ask(path=self._options.path, all=self._options.all)
        return self._show({"names": items}, text_output.names(items))

    def set(self) -> int:
        """Set the values of parameters."""
        values: dict[str, str] = {}
        for assignment in self._options.assignments:
            name, given, text = assignment.partition("=")
            if name in values:
                raise ControlError(f"{name} is given more than once")
            values[name] = text if given else _typed(name)
        items, _ = self._ask(values=values)
        return self._show({"parameters": items}, text_output.parameters(items))

    def reset(self) -> int:
        """Reset parameters to the values of the configuration file or the model."""
        items, _ = self._ask(paths=self._options.paths)
        lines = text_output.parameters(items) if items else ["Nothing to reset: no value was written there."]
        return self._show({"parameters": items}, lines)

    def add(self) -> int:
        """Add a row to a table."""
        _, result = self._ask(table=self._options.table)
        return self._show(result, [result["row"]])

    def delete(self) -> int:
        """Delete a row."""
        _, result = self._ask(row=self._options.row)
        return self._show(result, [f"{result['row']} was deleted."])

    def inform(self) -> int:
        """Open a session with the ACS."""
        if not self._options.wait:
            _, result = self._ask(wait=False)
            return self._show(result, [f"A session opens now; its Inform has the event {result['event']}."])
        items, _ = self._ask(wait=True, timeout=None)
        session = items[-1]
        self._show({"session": session}, [text_output.fact(session)])
        return 0 if session["success"] else 1

    def acs_methods(self) -> int:
        """Print the RPCs of the ACS, or the reason why there are none."""
        items, _ = self._ask(timeout=None)
        last = items[-1]
        if last["fact"] == "AcsMethods" and not last["fault"]:
            return self._show({"methods": last["methods"]}, last["methods"])
        self._show({"session" if last["fact"] == "SessionEnded" else "answer": last}, [text_output.fact(last)])
        return 1

    def request_download(self) -> int:
        """Ask the ACS for a Download."""
        arguments = dict(_assignments(self._options.arguments))
        _, result = self._ask(file_type=self._options.file_type, arguments=arguments)
        return self._show(result, [f"A session opens now; its Inform has the event {result['event']}."])

    def transfer(self) -> int:
        """Begin a transfer of the device's own, and wait for its end with ``--wait``."""
        options = self._options
        order = {name: getattr(options, name) for name in ("direction", "file_type", "url", "wait")}
        if options.direction == "download":
            order |= {"size": options.size, "target_name": options.target_name}
        if options.credentials is not None:
            order["username"], order["password"] = read_credentials(options.credentials)
        items, result = self._ask(timeout=None if options.wait else LINE_TIMEOUT, **order)
        if not options.wait:
            return self._show(result, [f"Transfer {result['number']} has begun; cwmpagent status shows its progress."])
        transfer = items[-1]
        self._show({"transfer": transfer}, [text_output.fact(transfer)])
        return 1 if transfer["fault"] else 0

    def sleeping(self) -> int:
        """Record that the device falls asleep."""
        _, result = self._ask()
        return self._show(result, ["The agent knows that the device falls asleep."])

    def woke(self) -> int:
        """Record that the device is awake."""
        _, result = self._ask()
        event = result["event"]
        return self._show(result, [f"A session opens now, with the event {event}." if event else "Nothing to report."])

    def trace(self) -> int:
        """Print the latest facts, or follow the facts as they are emitted."""
        follow, envelopes = self._options.follow, self._options.envelopes
        if not follow:
            items, _ = self._ask(follow=False, envelopes=envelopes)
            return self._show({"facts": items}, map(text_output.fact, items))
        request = {"command": "trace", "follow": True, "envelopes": envelopes}
        try:
            for item in ask(self._path, request, timeout=None):
                print(json.dumps(item) if self._json else text_output.fact(item), flush=True)
        except KeyboardInterrupt:  # Ctrl-C is the normal end of --follow
            return 0
        return 0

    def factory_reset(self) -> int:
        """Start a factory reset, after a confirmation on the terminal or with ``--yes``."""
        if not self._options.yes:
            if not sys.stdin.isatty():
                raise ControlError("a factory reset needs --yes where standard input is no terminal")
            if input(QUESTION).strip().lower() != "yes":
                raise ControlError("factory reset cancelled: nothing was changed")
        _, result = self._ask()
        return self._show(result, ["The factory reset has started."])

    def export(self) -> int:
        """Write the file for a support case."""
        items, _ = self._ask()
        path = save(gathered(items), self._options.output)
        return self._show({"file": str(path)}, [f"{path} is written; passwords and keys in it are masked."])

    def _ask(self, *, timeout: float | None = LINE_TIMEOUT, **arguments: Any) -> tuple[list[Item], Item]:
        return _whole(ask(self._path, {"command": self._options.command, **arguments}, timeout=timeout))

    def _show(self, result: Item, lines: Iterable[str]) -> int:
        for line in [json.dumps(result, indent=1)] if self._json else lines:
            print(line)
        sys.stdout.flush()
        return 0


def _whole(answer: Generator[Item, None, Item]) -> tuple[list[Item], Item]:
    items: list[Item] = []
    while True:
        try:
            items.append(next(answer))
        except StopIteration as end:
            return items, end.value


def _assignments(words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names and values of ``NAME=VALUE``; no name may be given twice."""
    seen: set[str] = set()
    for word in words:
        name, given, value = word.partition("=")
        if not given:
            raise ControlError(f"{word} has no value: write {word}=VALUE")
        if name in seen:
            raise ControlError(f"{name} is given more than once")
        seen.add(name)
        yield name, value


def _typed(name: str) -> str:
    """A value that is not on the command line: from the terminal without echo, or the next line of standard input."""
    if sys.stdin.isatty():
        return getpass.getpass(f"{name}: ")
    line = sys.stdin.readline()
    if not line:
        raise ControlError(f"{name} has no value: write {name}=VALUE, or give the value on standard input")
    return line.removesuffix("\n")


def _failed(lines: Sequence[str], error: Item | None) -> int:
    if error is not None:
        print(json.dumps({"error": error}, indent=1), flush=True)
    for line in lines:
        print(f"cwmpagent: {shown(line)}", file=sys.stderr)
    return 1
