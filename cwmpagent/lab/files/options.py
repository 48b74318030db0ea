"""The options of the file server on the command line of ``twistd cwmplab``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast, get_args

from cwmpagent.errors import ConfigError
from cwmpagent.lab.files.access import FilesAuth
from cwmpagent.lab.files.server import FileSettings

AUTHS = get_args(FilesAuth)
MEGABYTE = 1_000_000
_DEFAULTS = FileSettings(folder=Path())

PARAMETERS = (
    ("files", None, None, "A directory whose files are served for downloads. Default: no file server."),
    ("files-port", None, _DEFAULTS.plain, "The file server's endpoint for HTTP, or none."),
    ("files-tls-port", None, _DEFAULTS.tls, "The file server's endpoint for HTTPS, or none."),
    ("files-uploads", None, None, "The directory for uploads. Default: uploads in --files."),
    ("files-largest", None, "1000", "The largest upload, in megabytes."),
    ("files-most", None, "1000", "The most files in the directory for uploads."),
    (
        "files-auth",
        None,
        None,
        "Authentication for files: digest, basic, both or none. Default: both with --files-password-file.",
    ),
    ("files-user", None, "cpe", "The user name for files."),
    ("files-password-file", None, None, "A file whose first line is the password of --files-user."),
)
"""In the form of ``optParameters``."""


def file_settings(options: Mapping[str, Any], password: str, number: Callable[..., float]) -> FileSettings | None:
    """The settings that ``options`` give; None without ``--files``. Raises ConfigError.

    ``number``: reads the number of an option, with its least and most value.
    """
    auth = options["files-auth"] or ("both" if password else "none")
    if auth not in AUTHS:
        raise ConfigError("--files-auth", f"must be one of {', '.join(AUTHS)}")
    if auth != "none" and not password:
        raise ConfigError("--files-auth", f"{auth} needs --files-password-file")
    if not options["files"]:
        return None
    return FileSettings(
        folder=Path(options["files"]),
        uploads=Path(options["files-uploads"]) if options["files-uploads"] else None,
        largest=int(number("files-largest", 0.001, 1e6) * MEGABYTE),
        most=int(number("files-most", 1, 1e6)),
        plain="" if options["files-port"] == "none" else options["files-port"],
        tls="" if options["files-tls-port"] == "none" else options["files-tls-port"],
        auth=cast(FilesAuth, auth),
        username=options["files-user"],
        password=password,
    )
