"""What may be typed after `cwmpagent`."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser
from typing import NoReturn

from cwmpagent.cli.place import DEFAULT

WRONG = 2
"""The exit status for a command line that cannot be understood."""


class Parser(ArgumentParser):
    """Says in one line what is wrong."""

    def error(self, message: str) -> NoReturn:
        """End with status 2."""
        self.exit(WRONG, f"{self.prog}: {message} ({self.prog} --help tells more)\n")


def parser() -> Parser:
    """The whole command line."""
    options = Parser(add_help=False)
    where = options.add_mutually_exclusive_group()
    where.add_argument("-c", "--config", metavar="FILE", default=SUPPRESS, help=f"the agent's file; default: {DEFAULT}")
    where.add_argument("-s", "--socket", metavar="PATH", default=SUPPRESS, help="the agent's control socket")
    options.add_argument("--json", action="store_true", default=SUPPRESS, help="JSON, for programs")

    whole = Parser(
        prog="cwmpagent", description="Talks to the TR-069 agent that runs on this machine.", parents=[options]
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str) -> Parser:
        made: Parser = commands.add_parser(name, help=text, description=text, parents=[options])
        return made

    command("status", "the device, its ACS, the last session and the next")
    get = command("get", "values; PATH is a parameter, or an object for all below it")
    get.add_argument("paths", metavar="PATH", nargs="+")
    change = command("set", "give parameters new values, all or none")
    change.add_argument(
        "assignments",
        metavar="PATH=VALUE",
        nargs="+",
        help="PATH alone reads the value from standard input, so that no list of processes shows it",
    )
    command("add", "add a row to a table").add_argument("table", metavar="TABLE")
    command("delete", "delete a row and all below it").add_argument("row", metavar="ROW")
    names = command("names", "names below an object")
    names.add_argument("path", metavar="PATH", nargs="?", default="")
    names.add_argument("-a", "--all", action="store_true", help="at every depth, not the next level only")
    inform = command("inform", "open a session with the ACS now")
    inform.add_argument("-w", "--wait", action="store_true", help="wait for its end; exit status 1 if it fails")
    command("events", "what the ACS is still to be told")
    trace = command("trace", "what has happened lately")
    trace.add_argument("-f", "--follow", action="store_true", help="what happens from now on, until Ctrl-C")
    trace.add_argument("-e", "--envelopes", action="store_true", help="with --follow: whole messages, secrets masked")
    reset = command("reset", "back to the values of the agent's file or model")
    reset.add_argument("paths", metavar="PATH", nargs="+")
    factory = command("factory-reset", "forget everything that was ever set, and begin anew")
    factory.add_argument("-y", "--yes", action="store_true", help="do not ask")
    export = command("export", "write a file for a support case, secrets masked")
    export.add_argument("-o", "--output", metavar="FILE", help="default: cwmpagent-SERIAL-TIME.json here")
    return whole
