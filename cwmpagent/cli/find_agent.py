"""Which agent is meant: its socket, from the command line or from the agent's own configuration."""

from __future__ import annotations

import tomllib
from pathlib import Path

from cwmpagent.config.settings import StateConfig
from cwmpagent.config.toml_table import TomlTable
from cwmpagent.control.socket_path import NAME
from cwmpagent.errors import ConfigError, ControlError

DEFAULT = Path("/etc/cwmpagent/agent.toml")


def socket_path(config: str | None, socket: str | None, default: Path = DEFAULT) -> Path:
    """``socket``, or what the configuration ``config`` says; ``default`` is read where neither is given.

    Of the file only two keys count: the passwords that it names need not be readable here. Raises ControlError.
    """
    if socket is not None:
        return Path(socket)
    if config is None and not default.exists():
        raise ControlError(f"which agent is it? Say --config FILE or --socket PATH ({default} is not there)")
    return _configured(Path(config) if config is not None else default)


def _configured(file: Path) -> Path:
    try:
        content = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise ControlError(
            f"{file} cannot be read: {error.strerror}; run this as root or as the agent's user, or say --socket PATH"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ControlError(f"{file} is not TOML: {error}") from None
    try:
        socket = _path(content, "control", "socket", file)
        directory = _path(content, "state", "directory", file)
    except ConfigError as error:
        raise ControlError(f"{file}: {error}") from None
    return socket or (directory or StateConfig().directory) / NAME


def _path(content: dict[str, object], name: str, key: str, file: Path) -> Path | None:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(name, f"must be a table: [{name}] on a line of its own, its keys below")
    return TomlTable(name, table, list(table), file.absolute().parent).path(key)
