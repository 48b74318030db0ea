"""Path of the control socket, from the command line or from the configuration of the agent."""

from __future__ import annotations

import tomllib
from pathlib import Path

from cwmpagent.config.settings import StateConfig
from cwmpagent.config.toml_table import TomlTable, table_in
from cwmpagent.control.socket_path import NAME
from cwmpagent.errors import ConfigError, ControlError

DEFAULT = Path("/etc/cwmpagent/agent.toml")


def socket_path(config: str | None, socket: str | None, default: Path = DEFAULT) -> Path:
    """``socket``, or the path that the configuration file ``config`` gives; ``default`` is read where neither is given.

    Only two keys of the file are read, so its password files need not be readable. Raises ControlError.
    """
    if socket is not None:
        return Path(socket)
    if config is None and not default.exists():
        raise ControlError(f"no agent is named: give --config FILE or --socket PATH ({default} does not exist)")
    return _configured(Path(config) if config is not None else default)


def _configured(file: Path) -> Path:
    try:
        content = tomllib.loads(file.read_bytes().decode())
    except OSError as error:
        raise ControlError(
            f"{file} cannot be read: {error.strerror}; run this as root or as the agent's user, or give --socket PATH"
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
    table = table_in(content, name)
    return TomlTable(name, table, list(table), file.absolute().parent).path(key)
