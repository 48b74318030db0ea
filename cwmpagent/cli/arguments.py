"""What may be typed after `cwmpagent`."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from ipaddress import IPv4Address
from typing import NoReturn

from cwmpagent.cli.find_agent import DEFAULT

KINDS = ("none", "full-cone", "address-restricted", "port-restricted", "symmetric")
"""Of NAT."""
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
    lab = commands.add_parser("lab", help="what the test bench does by itself", description="The test bench.")
    report = lab.add_subparsers(dest="bench", metavar="COMMAND", required=True).add_parser(
        "nat-report",
        help="an agent through every kind of NAT",
        description="Runs an agent through every kind of NAT, all at the same time, and tells what came of it.",
    )
    report.add_argument("--lifetime", type=_seconds, default=6.0, metavar="S", help="seconds a binding lives (6)")
    report.add_argument("--seed", type=int, default=0, metavar="N", help="decides over loss and its like (0)")
    report.add_argument("--kind", action="append", choices=KINDS, help="one kind; may be repeated (all)")
    for name, text in (("loss", "is lost"), ("duplicate", "comes twice"), ("reorder", "is overtaken")):
        report.add_argument(
            f"--{name}", type=_share, default=0.0, metavar="P", help=f"the part of packets, 0 to 1, that {text} (0)"
        )
    report.add_argument(
        "--agent", choices=("ours", "external"), default="ours", help="external: whichever is pointed at the bench"
    )
    report.add_argument(
        "--host", type=_address, default="127.0.0.1", metavar="ADDRESS", help="where the bench listens for it"
    )
    report.add_argument("--port", type=_port, default=0, metavar="N", help="of the ACS (any that is free)")
    report.add_argument(
        "--requests", type=_count, default=8, metavar="N", help="how often the agent is asked to call (8)"
    )
    report.add_argument("--json", action="store_true", help="JSON, for programs")
    return whole


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 3600:
        raise ArgumentTypeError("must be from 1 to 3600 seconds")
    return value


def _address(text: str) -> str:
    try:
        if not IPv4Address(text).is_unspecified:
            return text
    except ValueError:
        pass
    raise ArgumentTypeError("must be an IPv4 address of this machine, one that the agent can send to")


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65535:
        raise ArgumentTypeError("must be from 0 to 65535")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise ArgumentTypeError("must be from 1 to 1000")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ArgumentTypeError("must be from 0 to 1")
    return value
