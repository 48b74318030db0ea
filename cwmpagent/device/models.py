"""Finds and reads data models: built-in ones by name, others by path.

A model is one file, or a directory whose files are read in the order of their names. Built-in models are
directories of the package data ``builtin/``. A model is meant to be read once and shared by all its devices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.sources.toml import read_toml
from cwmpagent.errors import ModelError

KEY = "device.model"
_READERS: Mapping[str, Callable[[bytes, str, ModelBuilder], None]] = {".toml": read_toml}


def find_model(names: str | Sequence[str], directory: Path | None = None) -> Model:
    """The model of one or several built-in names and paths, the later ones adding to the earlier ones.

    Relative paths start at ``directory``, or else where the process runs. Raises ``ModelError``: with the
    configuration's key where there is nothing to read, else with file and element.
    """
    wanted = (names,) if isinstance(names, str) else tuple(names)
    if not wanted:
        raise ModelError(KEY, f"names no model; built in: {', '.join(builtin_names())}")
    builder = ModelBuilder()
    for name in wanted:
        for file in _files(name, directory or Path()):
            try:
                data = file.read_bytes()
            except OSError as error:
                raise ModelError(KEY, f"cannot read {file}: {error.strerror}") from None
            _READERS[Path(file.name).suffix](data, file.name, builder)
    return builder.build(wanted[0])


def builtin_names() -> tuple[str, ...]:
    """The names of the models that come with the package."""
    return tuple(sorted(place.name for place in _builtin().iterdir() if place.is_dir()))


def _builtin() -> Traversable:
    return resources.files("cwmpagent.device") / "builtin"


def _files(name: str, directory: Path) -> list[Traversable]:
    if name in builtin_names():
        place: Traversable = _builtin() / name
    elif "/" in name or "." in name:
        place = directory / name
    else:
        raise ModelError(KEY, f"{name!r} is neither a path nor built in; built in: {', '.join(builtin_names())}")
    if not place.is_dir():
        if Path(name).suffix not in _READERS:
            raise ModelError(KEY, f"{name} does not end in {' or '.join(_READERS)}, of which a model is read")
        return [place]
    files = [file for file in place.iterdir() if Path(file.name).suffix in _READERS]
    if not files:
        raise ModelError(KEY, f"the directory {name} holds no {' or '.join(_READERS)} file")
    return sorted(files, key=lambda file: file.name)
