"""The command line of `cwmpagent`: commands, options, and their checks."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from ipaddress import IPv4Address
from typing import NoReturn

from cwmpagent.cli.find_agent import DEFAULT

KINDS = ("none", "full-cone", "address-restricted", "port-restricted", "symmetric")
"""Kinds of NAT."""
USAGE_ERROR = 2
"""The exit status for a wrong command line."""


class Parser(ArgumentParser):
    """A parser that reports an error in one line."""

    def error(self, message: str) -> NoReturn:
        """Print ``message`` and exit with status 2."""
        self.exit(USAGE_ERROR, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """The parser of the whole command line."""
    options = Parser(add_help=False)
    agent = options.add_mutually_exclusive_group()
    agent.add_argument(
        "-c", "--config", metavar="FILE", default=SUPPRESS, help=f"the agent's configuration file; default: {DEFAULT}"
    )
    agent.add_argument("-s", "--socket", metavar="PATH", default=SUPPRESS, help="the agent's control socket")
    options.add_argument("--json", action="store_true", default=SUPPRESS, help="print JSON, for programs")

    whole = Parser(
        prog="cwmpagent", description="Controls the TR-069 agent that runs on this machine.", parents=[options]
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def command(name: str, text: str) -> Parser:
        made: Parser = commands.add_parser(name, help=text, description=text, parents=[options])
        return made

    command("status", "show the device, its ACS, the last session and the next one")
    get = command("get", "show values; PATH is a parameter, or an object for all parameters below it")
    get.add_argument("paths", metavar="PATH", nargs="+")
    change = command("set", "set the values of parameters, all or none")
    change.add_argument(
        "assignments",
        metavar="PATH=VALUE",
        nargs="+",
        help="PATH alone reads the value from standard input, so that it does not appear in the list of processes",
    )
    command("add", "add a row to a table").add_argument("table", metavar="TABLE")
    command("delete", "delete a row and all below it").add_argument("row", metavar="ROW")
    names = command("names", "show the names below an object")
    names.add_argument("path", metavar="PATH", nargs="?", default="")
    names.add_argument("-a", "--all", action="store_true", help="names at every depth, not only the next level")
    inform = command("inform", "open a session with the ACS now")
    inform.add_argument("-w", "--wait", action="store_true", help="wait for its end; exit status 1 if it fails")
    command("acs-methods", "show the RPCs of the ACS; it is asked in a session that opens now")
    request = command("request-download", "ask the ACS for a file; it answers with a Download, if at all")
    request.add_argument("file_type", metavar="FILE_TYPE", help='as in a Download: "1 Firmware Upgrade Image"')
    request.add_argument(
        "arguments", metavar="NAME=VALUE", nargs="*", help="what the ACS is told about the wanted file"
    )
    _add_transfer(command("transfer", "fetch or send a file without being asked by the ACS"), options)
    command("sleeping", "tell the agent that the device is about to fall asleep")
    command("woke", "tell the agent that the device is awake again")
    command("events", "show the events that are pending for the ACS")
    trace = command("trace", "show the latest log entries of the agent")
    trace.add_argument("-f", "--follow", action="store_true", help="show new entries as they arrive, until Ctrl-C")
    trace.add_argument(
        "-e", "--envelopes", action="store_true", help="with --follow: whole SOAP messages, secrets masked"
    )
    reset = command("reset", "reset parameters to the values of the configuration file or the model")
    reset.add_argument("paths", metavar="PATH", nargs="+")
    factory = command("factory-reset", "delete all values that were set, and start as a new device")
    factory.add_argument("-y", "--yes", action="store_true", help="do not ask for confirmation")
    export = command("export", "write a file for a support case, secrets masked")
    export.add_argument(
        "-o", "--output", metavar="FILE", help="default: cwmpagent-SERIAL-TIME.json in the current directory"
    )
    lab = commands.add_parser("lab", help="commands of the test bench", description="The test bench.")
    report = lab.add_subparsers(dest="bench", metavar="COMMAND", required=True).add_parser(
        "nat-report",
        help="test an agent behind every kind of NAT",
        description="Runs an agent behind every kind of NAT, all at the same time, and prints a table of the results.",
    )
    report.add_argument(
        "--lifetime", type=_seconds, default=6.0, metavar="S", help="seconds that a NAT binding lasts (6)"
    )
    report.add_argument(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the random choices (0)",
    )
    report.add_argument("--kind", action="append", choices=KINDS, help="one kind of NAT; may be repeated (all kinds)")
    for name, text in (("loss", "are lost"), ("duplicate", "arrive twice"), ("reorder", "arrive late")):
        report.add_argument(
            f"--{name}", type=_share, default=0.0, metavar="P", help=f"the share of packets, 0 to 1, that {text} (0)"
        )
    report.add_argument(
        "--agent", choices=("ours", "external"), default="ours", help="external: the agent that connects to the bench"
    )
    report.add_argument(
        "--host",
        type=_address,
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the listening address (127.0.0.1)",
    )
    report.add_argument("--port", type=_port, default=0, metavar="N", help="the port of the ACS (any free port)")
    report.add_argument("--requests", type=_count, default=8, metavar="N", help="number of connection requests (8)")
    report.add_argument("--json", action="store_true", help="print JSON, for programs")
    return whole


def _add_transfer(transfer: Parser, options: Parser) -> None:
    """The commands `transfer download` and `transfer upload`."""
    directions = transfer.add_subparsers(dest="direction", metavar="DIRECTION", required=True)
    for name, text, example in (
        ("download", "fetch a file and apply it", "1 Firmware Upgrade Image"),
        ("upload", "write a file of the device and send it", "2 Vendor Log File"),
    ):
        way = directions.add_parser(name, help=text, description=text, parents=[options])
        way.add_argument("file_type", metavar="FILE_TYPE", help=f'as in the RPC: "{example}"')
        way.add_argument("url", metavar="URL", help="http or https, without user name and password")
        way.add_argument(
            "--credentials",
            metavar="FILE",
            help="two lines, the user name and the password; - reads them from standard input",
        )
        if name == "download":
            way.add_argument("--size", type=_octets, default=0, metavar="N", help="octets that the file must have")
            way.add_argument("--target-name", default="", metavar="NAME", help="passed to the installer of the file")
        way.add_argument("-w", "--wait", action="store_true", help="wait for its end; exit status 1 if it fails")


def _octets(text: str) -> int:
    value = int(text)
    if not 0 < value < 2**32:
        raise ArgumentTypeError("must be from 1 to 4294967295")
    return value


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
    raise ArgumentTypeError("must be an IPv4 address of this machine that the agent can send to")


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
