"""Checks of the arguments that a program gives to its agent: misuse is refused at once, with a sentence."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping

from cwmpagent.config.tables import Tables
from cwmpagent.config.toml_table import suggestion
from cwmpagent.errors import ConfigError, MisuseError

PROVIDER_METHODS = ("read", "instances", "check", "apply", "undo", "finish")


def check_function(function: object, purpose: str, example: str, *, plain: bool = False) -> None:
    """Raise MisuseError unless ``function`` can be called; ``plain``: a coroutine function is refused, too.

    ``purpose``: the subject of the sentence; ``example``: a right use.
    """
    if not callable(function):
        raise MisuseError(f"{purpose} must be a function, not {_named(function)}: {example}")
    if plain and (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)):
        raise MisuseError(f"{purpose} must be a plain function, not a coroutine function: nothing awaits its result")


def check_text(text: object, purpose: str, example: str) -> None:
    """Raise MisuseError unless ``text`` is a str."""
    if not isinstance(text, str):
        raise MisuseError(f"{purpose} must be a str, not {_named(text)}: {example}")


def check_type(value: object, wanted: type | tuple[type, ...], purpose: str, remedy: str) -> None:
    """Raise MisuseError unless ``value`` is None or of the type ``wanted``."""
    if value is not None and not isinstance(value, wanted):
        raise MisuseError(f"{purpose} must be {remedy}, not {_named(value)}")


def check_keywords(settings: Mapping[str, object], others: Collection[str]) -> None:
    """Raise ConfigError for a keyword that is no table of the configuration. ``others``: the other keywords."""
    known = Tables.__annotations__
    for name in settings:
        if name not in known:
            raise ConfigError(name, f"unknown keyword argument; {suggestion(name, (*known, *others))}")


def check_provider(provider: object) -> None:
    """Raise MisuseError for an object that cannot be a provider."""
    for name in ("paths", "tables"):
        paths = getattr(provider, name, None)
        if paths is None or isinstance(paths, str):
            raise MisuseError(f"{name} of the provider {provider!r} must be a list of paths")
    if isinstance(getattr(provider, "writable", None), str):
        raise MisuseError(f"writable of the provider {provider!r} must be a list of paths, or None")
    missing = [name for name in PROVIDER_METHODS if not callable(getattr(provider, name, None))]
    if missing:
        raise MisuseError(
            f"the provider {provider!r} has no method {', '.join(missing)}: derive it from "
            "cwmpagent.device.provider.Provider"
        )


def _named(value: object) -> str:
    """``value`` by its type, and itself where it is short and no text, which may be a secret."""
    kind = type(value).__name__
    return f"{value!r} (a value of type {kind})" if isinstance(value, int | float | None) else f"a value of type {kind}"
