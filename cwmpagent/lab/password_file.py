"""A file with a password, for an option of the command line."""

from __future__ import annotations

import os
from pathlib import Path

from cwmpagent.errors import ConfigError


def password_in(key: str, name: str | None) -> str:
    """Read the first line of the file ``name``, which only its owner may read. Raises ConfigError."""
    if not name:
        return ""
    path = Path(name)
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            line = file.readline(4097).decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigError(key, f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(key, f"{path} is not UTF-8") from None
    if mode & 0o077:
        raise ConfigError(key, f"{path} can be read by others; chmod 600 it")
    if not line or len(line) > 4096:
        raise ConfigError(key, f"the first line of {path} must hold a password")
    return line
