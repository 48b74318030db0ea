"""The configuration file: TOML read into frozen settings. ``etc/cwmpagent.toml`` documents each key."""

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

__all__ = [
    "AcsConfig",
    "Config",
    "ConnectionRequestConfig",
    "ControlConfig",
    "DeviceConfig",
    "HooksConfig",
    "LogConfig",
    "StateConfig",
    "XmppConfig",
    "from_settings",
    "load",
    "parse",
    "settings",
    "toml_table",
]
