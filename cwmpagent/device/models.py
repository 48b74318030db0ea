"""Lookup and reading of data models: built-in ones by name, others by path.

A model has one or several sources; a later source adds to the earlier ones. A source is a file, or a directory whose
files are read in the order of their names; built-in sources are directories of the package data ``builtin/``. A model
is read once and shared by all its devices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from cwmpagent.datamodel.builder import ModelBuilder
from cwmpagent.datamodel.schema import Model
from cwmpagent.datamodel.sources.bbf.model import read_bbf
from cwmpagent.datamodel.sources.bbf.profiles import KEY as PROFILES_KEY
from cwmpagent.datamodel.sources.dump.csv_reader import read_csv
from cwmpagent.datamodel.sources.dump.fidelity import FIDELITIES, Fidelity
from cwmpagent.datamodel.sources.dump.json_reader import read_json
from cwmpagent.datamodel.sources.toml_reader import read_toml
from cwmpagent.device.model_cache import WORTH_KEEPING, ModelCache, key_of
from cwmpagent.errors import MisuseError, ModelError

KEY = "device.model"
_Reader = Callable[[bytes, str, ModelBuilder], None]
_BBF = ".xml"
SUFFIXES = (".toml", ".csv", ".json", _BBF)
"""Suffixes of the names of model files."""
LARGEST = 64 * 2**20
"""Maximum size of a model file in octets."""
_PART = 2**20


def find_model(
    names: str | Sequence[str],
    directory: Path | None = None,
    *,
    profiles: Sequence[str] = (),
    fidelity: Fidelity = "strict",
    cache: ModelCache | None = None,
) -> Model:
    """Read the model of one or several built-in names and paths.

    A relative path is relative to ``directory``, by default the current directory. ``profiles`` select the objects and
    parameters of a Broadband Forum model; ``fidelity``: how closely a dump is followed
    (:mod:`cwmpagent.datamodel.sources.dump.fidelity`). A large model is read from ``cache`` if it is there, otherwise
    it is kept there for saving. Raises ``ModelError``: with the configuration key if a source cannot be read, else with
    file and element; ``MisuseError`` for an unknown ``fidelity``.
    """
    if fidelity not in FIDELITIES:
        raise MisuseError(f"fidelity must be one of {', '.join(FIDELITIES)}, not {fidelity!r}")
    sources = (names,) if isinstance(names, str) else tuple(names)
    if not sources:
        raise ModelError(KEY, f"names no model; built in: {', '.join(builtin_names())}")
    try:
        files = [(file.name, _content(file)) for name in sources for file in _files(name, directory or Path())]
    except OSError as error:  # a directory, or the package itself
        raise ModelError(KEY, f"cannot be read: {error.filename or sources[0]}: {error.strerror}") from None
    if profiles and not any(name.endswith(_BBF) for name, _ in files):
        raise ModelError(PROFILES_KEY, f"needs a Broadband Forum model ({_BBF}), but {KEY} names none")
    if cache is None or sum(len(data) for _, data in files) < WORTH_KEEPING:
        return _read(files, sources[0], profiles, fidelity)
    key = key_of([("", sources[0].encode()), *files], profiles, fidelity)
    model = cache.find(key)
    if model is None:
        model = _read(files, sources[0], profiles, fidelity)
        cache.keep(key, model)
    return model


def _read(files: Sequence[tuple[str, bytes]], name: str, profiles: Sequence[str], fidelity: Fidelity) -> Model:
    readers: dict[str, _Reader] = {
        ".toml": read_toml,
        ".csv": partial(read_csv, fidelity=fidelity),
        ".json": partial(read_json, fidelity=fidelity),
        _BBF: partial(read_bbf, profiles=profiles),
    }
    builder = ModelBuilder()
    for file, data in files:
        readers[Path(file).suffix](data, file, builder)
    return builder.build(name)


def builtin_names() -> tuple[str, ...]:
    """Names of the models in the package."""
    return tuple(sorted(place.name for place in _builtin().iterdir() if place.is_dir()))


def _builtin() -> Traversable:
    return resources.files("cwmpagent.device") / "builtin"


def _content(file: Traversable) -> bytes:
    data = bytearray()
    try:
        with file.open("rb") as opened:
            while len(data) <= LARGEST and (part := opened.read(_PART)):
                data += part
    except OSError as error:
        raise ModelError(KEY, f"cannot read {file}: {error.strerror}") from None
    if len(data) > LARGEST:
        raise ModelError(file.name, f"has more than {LARGEST // 2**20} MiB")
    return bytes(data)


def _files(name: str, directory: Path) -> list[Traversable]:
    if name in builtin_names():
        place: Traversable = _builtin() / name
    elif "/" in name or "." in name:
        place = directory / name
    else:
        raise ModelError(KEY, f"{name!r} is neither a path nor built in; built in: {', '.join(builtin_names())}")
    if not place.is_dir():
        if Path(name).suffix not in SUFFIXES:
            raise ModelError(KEY, f"{name} must be a directory or a file that ends in {' or '.join(SUFFIXES)}")
        return [place]
    files = [file for file in place.iterdir() if Path(file.name).suffix in SUFFIXES]
    if not files:
        raise ModelError(KEY, f"the directory {name} contains no {' or '.join(SUFFIXES)} file")
    return sorted(files, key=lambda file: file.name)
