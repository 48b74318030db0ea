"""User name and password for a file server: never on the command line, which every user of the machine can see."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from cwmpagent.errors import ControlError

MOST = 4096
"""Characters that are read."""


def read_credentials(place: str) -> tuple[str, str]:
    """Return the user name and password from two lines of the file ``place``; ``-`` is standard input.

    On a terminal the password has no echo. Raises ControlError where the two lines are not there.
    """
    if place == "-" and sys.stdin.isatty():
        print("User name: ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().rstrip("\r\n"), getpass.getpass("Password: ")
    try:
        if place == "-":
            text = sys.stdin.read(MOST)
        else:
            with Path(place).open(encoding="utf-8") as file:
                text = file.read(MOST)
    except OSError as error:
        raise ControlError(f"{place} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise ControlError(f"{place} is not text in UTF-8") from None
    lines = text.splitlines()
    if len(lines) != 2 or not lines[0]:
        name = "standard input" if place == "-" else place
        raise ControlError(f"{name} must have two lines, the user name and the password")
    return lines[0], lines[1]
