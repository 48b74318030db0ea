"""Typed values of one table of a TOML file; every error is a ConfigError that names the key."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from pathlib import Path

from cwmpagent.errors import ConfigError


def suggestion(word: str, known: Collection[str]) -> str:
    """The end of a sentence: the known word most like ``word``, or the list of all ``known`` words."""
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known here: {', '.join(sorted(known))}"


def shown(key: str) -> str:
    """``key`` as in TOML: bare where possible, else quoted; always one line of at most 200 characters."""
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else '"' + key.encode("unicode_escape").decode().replace('"', '\\"')[:200] + '"'


class TomlTable:
    """One table of the file.

    ``name``: its name. ``known``: its possible keys; another key is a ConfigError. ``base``: the directory at which
    relative paths in it start.
    """

    def __init__(self, name: str, content: Mapping[str, object], known: Collection[str], base: Path) -> None:
        self.name = name
        self.base = base
        self._content = content
        for key in content:
            if key not in known:
                raise ConfigError(f"{name}.{shown(key)}", f"unknown key; {suggestion(key, known)}")

    def __contains__(self, key: str) -> bool:
        return key in self._content

    def error(self, key: str, reason: str) -> ConfigError:
        """An error of ``key``, to be raised."""
        return ConfigError(f"{self.name}.{key}", reason)

    def text(self, key: str, default: str | None = None, *, most: int = 256, empty: bool = True) -> str:
        """A string of at most ``most`` characters on one line; required where ``default`` is None."""
        if key not in self._content:
            if default is None:
                raise self.error(key, "is required and has no default")
            return default
        value = self._content[key]
        if not isinstance(value, str):
            raise self.error(key, f'must be a string in quotes, as in {key} = "..."')
        if not empty and not value:
            raise self.error(key, "must not be empty")
        if len(value) > most:
            raise self.error(key, f"has {len(value)} characters, at most {most} are allowed")
        if not value.isprintable():
            raise self.error(key, "has a control character or another unprintable character")
        return value

    def choice(self, key: str, default: str, allowed: Collection[str]) -> str:
        """A string that is one of ``allowed``."""
        value = self.text(key, default)
        if value not in allowed:
            raise self.error(key, f"must be one of {', '.join(allowed)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """A boolean."""
        value = self._content.get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "must be true or false, without quotes")
        return value

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``."""
        value = self._content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.error(key, "must be a whole number, without quotes")
        if not least <= value <= most:
            raise self.error(key, f"must be from {least} to {most}")
        return value

    def seconds(self, key: str, default: float, *, most: float) -> float:
        """A duration in seconds, more than 0 and at most ``most``."""
        value = self._content.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.error(key, "must be a number of seconds, without quotes")
        if not 0 < value <= most:
            raise self.error(key, f"must be more than 0 and at most {most:g} seconds")
        return float(value)

    def path(self, key: str) -> Path | None:
        """The path of a file or directory; None where the key is absent or empty."""
        value = self.text(key, "", most=4096)
        return self.base / value if value else None

    def words(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A list of non-empty strings."""
        value = self._content.get(key, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
            raise self.error(key, 'must be a list of strings, as in ["first", "second"]')
        if "" in value:
            raise self.error(key, "has an empty string in its list")
        return tuple(value)

    def word_or_words(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """A string or a list of strings; an empty string is an empty list."""
        if isinstance(self._content.get(key), str):
            value = self.text(key, most=4096)
            return (value,) if value else ()
        if key in self._content and not isinstance(self._content[key], list):
            raise self.error(key, 'must be a string, or a list of strings as in ["first", "second"]')
        return self.words(key, default)
