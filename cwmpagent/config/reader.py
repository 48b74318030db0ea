"""Reader of the configuration file: TOML into frozen settings; every error is one line that names its key."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from twisted.internet.endpoints import serverFromString

from cwmpagent.config.settings import (
    AcsConfig,
    Config,
    ConnectionRequestConfig,
    ControlConfig,
    DeviceConfig,
    HooksConfig,
    LogConfig,
    SoftwareConfig,
    StateConfig,
    TransfersConfig,
    XmppConfig,
)
from cwmpagent.config.table_reader import TableReader
from cwmpagent.config.toml_table import TomlTable
from cwmpagent.errors import ConfigError, raise_first
from cwmpagent.logs.output import LEVELS
from cwmpagent.protocol.masking import is_secret_name
from cwmpagent.protocol.stun.binding import StunOptions
from cwmpagent.protocol.url_host import url_host, without_zone
from cwmpagent.typed_members import shown

__all__ = ["from_settings", "load", "parse"]


FORMATS = ("text", "json")
PROVIDERS = ("linux", "simulated")
BOOTS = ("system", "process")
ALGORITHMS = ("MD5", "SHA-256")
STUN_INTEGRITIES = ("rfc3489", "rfc5389")
STUN_USERNAMES = ("asked", "always")
_OTHERS = stat.S_IROTH | stat.S_IWOTH


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read the file at ``path``; relative paths in it start at its directory.

    Raises ConfigError: the first error, with all others as its ``more``.
    """
    try:
        with path.open("rb") as file:
            text = file.read().decode()
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), f"is not UTF-8 text (byte {error.start + 1})") from None
    content = _content(text, str(path))
    exposed = _exposed_passwords(content, path) if mode & _OTHERS else ()
    return _config(content, path.absolute().parent, environ, tuple(exposed))


def parse(text: str, base: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration in the TOML text ``text``. Raises ConfigError as :func:`load`.

    Relative paths start at ``base``. A relative ``password_file`` is first searched for in ``$CREDENTIALS_DIRECTORY``
    of ``environ``, the directory of systemd's ``LoadCredential``.
    """
    return _config(_content(text, "configuration"), base, environ)


def from_settings(settings: Mapping[str, object], base: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration from a mapping: table -> key -> value, as in the file; paths and tuples are accepted too.

    Raises ConfigError. ``base`` and ``environ`` as for :func:`parse`.
    """
    content: dict[str, object] = {}
    for name, table in settings.items():
        if not isinstance(table, Mapping) and name in (*_SECTIONS, "parameters"):
            raise ConfigError(name, f'must be a table of the configuration, as in {name}={{"key": value}}')
        content[name] = (
            {key: _as_in_toml(value) for key, value in table.items()} if isinstance(table, Mapping) else table
        )
    return _config(content, base.absolute(), environ)


def _as_in_toml(value: object) -> object:
    if isinstance(value, tuple | list):
        return [_as_in_toml(item) for item in value]
    return str(value) if isinstance(value, os.PathLike) else value


def _content(text: str, name: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(name, f"is not TOML: {error}") from None


def _exposed_passwords(content: Mapping[str, object], path: Path) -> Iterator[ConfigError]:
    """An error for each password in the file ``path``, which every user of the machine may read or write."""
    for name, table in content.items():
        for key, value in table.items() if isinstance(table, dict) else ():
            if value and (key == "password" or (name == "parameters" and is_secret_name(key))):
                full_name = f"{shown(name)}.{shown(key)}"
                yield ConfigError(full_name, f"{path} is accessible to every user of this machine: chmod 600 {path}")


def _config(
    content: Mapping[str, object], base: Path, environ: Mapping[str, str], exposed: Sequence[ConfigError] = ()
) -> Config:
    """The configuration in ``content``. Raises the first error, with all others; ``exposed`` are reported last.

    Hooks that cannot be executed are warnings, or, beside an error, among the others.
    """
    tables = TableReader(content, _SECTIONS, base)
    config = Config(
        device=tables.section("device", _device),
        acs=tables.section("acs", lambda table: _acs(table, environ), "password_file"),
        connection_request=tables.section(
            "connection_request", lambda table: _connection_request(table, environ), "password_file"
        ),
        xmpp=tables.section("xmpp", _xmpp),
        state=(state := tables.section("state", _state)),
        log=tables.section("log", _log),
        control=tables.section("control", lambda table: ControlConfig(socket=table.path("socket"))),
        hooks=(hooks := tables.section("hooks", _hooks)),
        transfers=tables.section("transfers", _transfers),
        software=(software := tables.section("software", _software)),
        parameters=MappingProxyType(tables.parameters()),
        warnings=tuple(map(str, _hook_problems(hooks))),
    )
    errors = [*tables.errors, *_software_problems(software, state), *exposed]
    if errors:
        raise_first([*errors, *_hook_problems(hooks)])
    return config


def _state(table: TomlTable) -> StateConfig:
    return StateConfig(directory=table.path("directory") or StateConfig().directory)


def _device(table: TomlTable) -> DeviceConfig:
    oui = table.text("oui", "")
    if "oui" in table and not re.fullmatch("[0-9A-F]{6}", oui):
        raise table.error("oui", 'must be six hexadecimal digits in capitals, as in "00D09E"')
    model = table.text_or_texts("model", ("device2",))
    if not model:
        raise table.error("model", "must not be empty: give one model, or a list of models")
    provider = table.choice("provider", "linux", PROVIDERS)
    return DeviceConfig(
        manufacturer=table.text("manufacturer", "", most=64, empty=False),
        oui=oui,
        product_class=table.text("product_class", "", most=64),
        serial_number=table.text("serial_number", "", most=64, empty=False),
        model=tuple(str(table.base / name) if "/" in name or "." in name else name for name in model),
        profiles=table.texts("profiles", ()),
        provider=provider,
        boot=table.choice("boot", "process" if provider == "simulated" else "system", BOOTS),
        set_hostname=table.flag("set_hostname", False),
        poll_interval=table.seconds("poll_interval", 5, most=86400),
    )


def _acs(table: TomlTable, environ: Mapping[str, str]) -> AcsConfig:
    certificate, key = table.path("client_certificate"), table.path("client_key")
    if certificate and not key:
        raise table.error("client_key", "is required with client_certificate")
    if key and not certificate:
        raise table.error("client_certificate", "is required with client_key")
    return AcsConfig(
        url=_acs_url(table, "url", table.text("url", empty=False)),
        url_file=table.path("url_file"),
        username=table.text("username", ""),
        password=_password(table, environ),
        ca_file=table.path("ca_file"),
        client_certificate=certificate,
        client_key=key,
        connect_timeout=table.seconds("connect_timeout", 15, most=600),
        answer_timeout=table.seconds("answer_timeout", 30, most=600),
        rpc_timeout=table.seconds("rpc_timeout", 20, most=600),
        lenient=table.flag("lenient", True),
    )


def _connection_request(table: TomlTable, environ: Mapping[str, str]) -> ConnectionRequestConfig:
    url = table.text("url", "")
    algorithms = table.texts("algorithms", ("MD5",))
    for name in algorithms:
        if name not in ALGORITHMS:
            raise table.error("algorithms", f"has {shown(name)}; allowed are {', '.join(ALGORITHMS)}")
    if not algorithms or len(set(algorithms)) < len(algorithms):
        raise table.error("algorithms", "must name at least one algorithm, and each only once")
    endpoint = tuple(_endpoint(table, text) for text in table.text_or_texts("endpoint", ("tcp:7547",)))
    return ConnectionRequestConfig(
        endpoint=endpoint,
        url=_own_url(table, "url", url) if url else "",
        username=table.text("username", ""),
        password=_password(table, environ),
        algorithms=algorithms,
        kick=table.flag("kick", False),
        udp_port=_udp_port(table, endpoint),
        udp_interface=_interface(table),
        stun=StunOptions(
            integrity=table.choice("stun_integrity", "rfc3489", STUN_INTEGRITIES),
            username=table.choice("stun_username", "asked", STUN_USERNAMES),
        ),
    )


def _udp_port(table: TomlTable, endpoints: tuple[str, ...]) -> int | None:
    """The UDP port; None where it is the number of an endpoint."""
    if "udp_port" not in table:
        return None
    port = table.whole("udp_port", 0, least=-1, most=65535)
    return None if any(re.match(rf"tcp6?:(port=)?0*{port}(:|$)", text) for text in endpoints) else port


def _interface(table: TomlTable) -> str:
    text = table.text("udp_interface", "")
    try:
        return str(ip_address(text)) if text else ""
    except ValueError:
        raise table.error("udp_interface", "must be an IP address of this machine, 0.0.0.0 or ::") from None


def _xmpp(table: TomlTable) -> XmppConfig:
    return XmppConfig(
        ca_file=table.path("ca_file"), allow_plain_without_tls=table.flag("allow_plain_without_tls", False)
    )


def _endpoint(table: TomlTable, text: str) -> str:
    try:
        endpoint = serverFromString(object(), text)  # type: ignore[no-untyped-call]  # Twisted has no types there
    except Exception as error:  # the parser of each kind of endpoint raises errors of its own
        cause = " ".join(str(error).split())
        raise table.error(
            "endpoint", f"{shown(text)} is not a Twisted server endpoint, as in tcp:7547 or tcp6:7547: {cause}"
        ) from None
    port = getattr(endpoint, "_port", 0)
    if isinstance(port, int) and not 0 <= port <= 65535:
        raise table.error("endpoint", f"{shown(text)} has a port outside 0 to 65535")
    return text


def _acs_url(table: TomlTable, key: str, text: str) -> str:
    """The URL of a server that this machine connects to."""
    try:
        url_host(_url_host(table, key, text))
    except ValueError as error:
        raise table.error(key, str(error)) from None
    return text


def _own_url(table: TomlTable, key: str, text: str) -> str:
    """A URL of this machine for others."""
    if without_zone(host := _url_host(table, key, text)) != host:
        raise table.error(key, "must not have an IPv6 zone: it has a meaning on this machine only, and the ACS uses it")
    return text


def _url_host(table: TomlTable, key: str, text: str) -> str:
    """The host of an http or https URL. The errors do not repeat the URL, as it may contain a password."""
    example = "as in https://acs.example.net:7547/"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise table.error(key, f"is not a URL ({error}), {example}") from None
    if parts.scheme not in ("http", "https"):
        raise table.error(key, f"must begin with http:// or https://, {example}")
    if parts.username is not None or parts.password is not None:
        raise table.error(key, "must not contain a user name or password: use the keys username and password")
    if not parts.hostname or port == 0:
        raise table.error(key, f"must have a host, and a port above 0 where it has one, {example}")
    if not text.isascii() or " " in text or "#" in text:
        raise table.error(key, "must be ASCII without spaces and #: percent-encode others, write hosts as xn--...")
    return parts.hostname


def _password(table: TomlTable, environ: Mapping[str, str]) -> str:
    """``password``, or the first line of ``password_file``."""
    name = table.text("password_file", "", most=4096)
    if not name:
        return table.text("password", "")
    if "password" in table:
        raise table.error("password_file", "and password are both given: remove one of them")
    path = table.base / name
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if credentials and (Path(credentials) / name).is_file():
        path = Path(credentials) / name
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(4097)
    except OSError as error:
        raise table.error("password_file", f"{path} cannot be read: {error.strerror}") from None
    if mode & _OTHERS:
        raise table.error("password_file", f"{path} is accessible to every user of this machine: chmod 600 {path}")
    try:
        password = content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise table.error("password_file", f"{path} is not UTF-8 text") from None
    if not password or len(password) > 256 or not password.isprintable():
        raise table.error("password_file", f"{path} must hold one line of 1 to 256 characters")
    return password


def _log(table: TomlTable) -> LogConfig:
    return LogConfig(
        level=table.choice("level", "info", LEVELS),
        format=table.choice("format", "text", FORMATS),
        envelopes=table.flag("envelopes", False),
    )


def _hooks(table: TomlTable) -> HooksConfig:
    return HooksConfig(
        reboot=table.texts("reboot", ()),
        factory_reset=table.texts("factory_reset", ()),
        install=table.texts("install", ()),
        installed=table.texts("installed", ()),
        install_timeout=table.seconds("install_timeout", 600, most=86400),
        images=table.texts("images", ()),
    )


def _software(table: TomlTable) -> SoftwareConfig:
    return SoftwareConfig(
        directory=table.path("directory"),
        user=table.text("user", "", most=64, printable=True),
        largest_file=table.whole("largest_file", SoftwareConfig().largest_file, least=1, most=2**40),
        largest_unit=table.whole("largest_unit", SoftwareConfig().largest_unit, least=1, most=2**40),
        most_members=table.whole("most_members", SoftwareConfig().most_members, least=1, most=2**30),
    )


def _transfers(table: TomlTable) -> TransfersConfig:
    return TransfersConfig(
        max_size=table.whole("max_size", 1 << 32, least=1, most=1 << 50),
        timeout=table.seconds("timeout", 3600, most=7 * 86400),
        verify_key=table.path("verify_key"),
        config_key=table.path("config_key"),
        log_files=tuple(table.base / name for name in table.texts("log_files", ())),
    )


def _hook_problems(hooks: HooksConfig) -> Iterator[ConfigError]:
    """An error for each program of ``hooks`` that cannot be executed."""
    for item in fields(hooks):
        value = getattr(hooks, item.name)
        program = (*value, "")[0] if isinstance(value, tuple) else ""
        if program and shutil.which(program) is None:
            is_path = "/" in program
            cause = "is not executable" if is_path and Path(program).exists() else "does not exist"
            searched = "" if is_path else f" in {os.environ.get('PATH', os.defpath)}"
            reason = f"the program {program} {cause}{searched}: the device cannot carry out this request"
            yield ConfigError(f"hooks.{item.name}", reason)


def _software_problems(software: SoftwareConfig, state: StateConfig) -> Iterator[ConfigError]:
    """An error for a directory that is in the one of the state, and for a user that does not exist."""
    directory, closed = software.directory, state.directory.resolve()
    if directory is not None and directory.resolve().is_relative_to(closed):
        reason = f"{directory} is in [state] directory, which is closed to the user of the programs: choose another one"
        yield ConfigError("software.directory", reason)
    try:
        if software.user:
            pwd.getpwnam(software.user)
    except KeyError:
        yield ConfigError("software.user", f"there is no user {shown(software.user)} on this machine")


_SECTIONS = MappingProxyType(
    {
        "device": DeviceConfig,
        "acs": AcsConfig,
        "connection_request": ConnectionRequestConfig,
        "xmpp": XmppConfig,
        "state": StateConfig,
        "log": LogConfig,
        "control": ControlConfig,
        "hooks": HooksConfig,
        "software": SoftwareConfig,
        "transfers": TransfersConfig,
    }
)
