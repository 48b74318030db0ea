"""The key with which configuration files are encrypted (``[transfers] config_key``): Fernet of ``cryptography``."""

from __future__ import annotations

import stat
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from cwmpagent.errors import ConfigError, TransferFailure


class ConfigurationKey:
    """Encrypts and authenticates configuration files. ``key``: 32 octets as URL-safe base64; else ValueError."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)

    def sealed(self, data: bytes) -> bytes:
        """``data`` encrypted."""
        return self._fernet.encrypt(data)

    def opened(self, data: bytes) -> bytes:
        """``data`` decrypted. Raises TransferFailure 9018 where it was not encrypted with this key, or was changed."""
        try:
            return self._fernet.decrypt(data)
        except InvalidToken:
            reason = "the configuration file is not encrypted with the key of this device"
            raise TransferFailure(9018, reason, permanent=True) from None


def load_key(path: Path) -> ConfigurationKey:
    """The key in the file ``path``, which other users must not be able to read. Raises ConfigError."""
    name = "transfers.config_key"
    try:
        mode = path.stat().st_mode
        with path.open("rb") as file:
            data = file.read(1000)
    except OSError as error:
        raise ConfigError(name, f"{path} cannot be read: {error.strerror}") from None
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(name, f"{path} is accessible to every user of this machine: chmod 600 {path}")
    try:
        return ConfigurationKey(data.strip())
    except ValueError:
        raise ConfigError(name, f"{path} must hold 32 octets as URL-safe base64") from None
