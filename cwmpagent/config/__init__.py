"""The configuration file: TOML read into frozen settings. ``etc/cwmpagent.toml`` documents each key."""

from cwmpagent.config.changed_keys import changed_keys
from cwmpagent.config.reader import from_settings, load, parse
from cwmpagent.config.settings import (
    AcsConfig,
    Config,
    ConnectionRequestConfig,
    ControlConfig,
    DeviceConfig,
    HooksConfig,
    LogConfig,
    StateConfig,
    XmppConfig,
)
from cwmpagent.config.table_reader import MOST_ERRORS

__all__ = [
    "MOST_ERRORS",
    "AcsConfig",
    "Config",
    "ConnectionRequestConfig",
    "ControlConfig",
    "DeviceConfig",
    "HooksConfig",
    "LogConfig",
    "StateConfig",
    "XmppConfig",
    "changed_keys",
    "from_settings",
    "load",
    "parse",
    "settings",
    "tables",
    "toml_table",
]
