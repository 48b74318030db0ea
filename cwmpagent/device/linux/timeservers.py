"""Device.Time.NTPServer1 to 5: the servers in the configuration files of the time service of this machine."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cwmpagent.device.linux.files import content
from cwmpagent.device.provider import Name, Provider, Refusal
from cwmpagent.errors import CwmpFault

NAMES = tuple(f"NTPServer{number}" for number in range(1, 6))
LONGEST = 64
"""Maximum length of a server in the data model, in characters; a longer one is left out."""
_SYSTEMD = tuple(Path(place) for place in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))
_LOCAL_CLOCK = "127.127."  # address of a local reference clock in ntp.conf


class TimeServers(Provider):
    """Provider of the servers of chrony, else of ntpd, else of systemd-timesyncd.

    systemd-timesyncd is last, because its file often exists although another service is used. ``etc`` replaces
    ``/etc``; ``systemd``: the directories with ``systemd/timesyncd.conf``, the one with the highest precedence first.
    The parameters in ``given``, which have a configured value, are not read.
    """

    name = "linux time servers"
    writable = ()

    def __init__(
        self,
        root: str,
        given: Collection[str] = (),
        *,
        etc: Path = Path("/etc"),
        systemd: Sequence[Path] = _SYSTEMD,
    ) -> None:
        self.paths = tuple(path for path in (f"{root}Time.{name}" for name in NAMES) if path not in given)
        self._etc = etc
        self._systemd = systemd

    def read(self, names: Sequence[Name]) -> dict[str, str]:
        """Read the files once; a parameter without a server is empty."""
        configured = _chrony(self._etc) or _ntp(self._etc) or _timesyncd(self._systemd)
        servers = [server for server in dict.fromkeys(configured) if len(server) <= LONGEST]
        texts = dict(zip(NAMES, servers, strict=False))
        return {name: texts.get(name.last, "") for name in names}

    def check(self, changes: Mapping[Name, str | None]) -> Mapping[str, Refusal]:
        """Refuse every change, because the time service would not use a stored server."""
        reason = "the time servers are configured in the files of this machine; an ACS cannot change them"
        return {name: CwmpFault(9001, reason) for name in changes}


def _chrony(etc: Path) -> list[str]:
    places = [(etc, "chrony.conf"), (etc / "chrony", "chrony.conf"), (etc / "chrony.d", "*.conf")]
    places += [(etc / "chrony/conf.d", "*.conf"), (etc / "chrony/sources.d", "*.sources")]
    return [server for place, pattern in places for file in sorted(place.glob(pattern)) for server in _directives(file)]


def _ntp(etc: Path) -> list[str]:
    return list(_directives(etc / "ntp.conf")) or list(_directives(etc / "ntpsec/ntp.conf"))


def _directives(file: Path) -> Iterator[str]:
    """First argument of each ``server`` and ``pool`` line; chrony ignores the case of these words."""
    for line in content(file).splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and words[0].lower() in ("server", "pool"):
            server = next((word for word in words[1:] if not word.startswith("-")), "")  # -4, -6
            if server and not server.startswith(_LOCAL_CLOCK):
                yield server


def _timesyncd(places: Sequence[Path]) -> list[str]:
    """Servers as in timesyncd.conf(5): of the main file with the highest precedence, then of all drop-ins by name;
    FallbackNTP if NTP is empty."""
    mains = (place / "systemd/timesyncd.conf" for place in places)
    files = [file for file in mains if file.is_file()][:1]
    drop_ins: dict[str, Path] = {}
    for place in places:
        for file in place.glob("systemd/timesyncd.conf.d/*.conf"):
            drop_ins.setdefault(file.name, file)
    files += [drop_ins[name] for name in sorted(drop_ins)]
    lists = _lists(line.strip() for file in files for line in content(file).splitlines())
    return lists["NTP"] or lists["FallbackNTP"]


def _lists(lines: Iterable[str]) -> dict[str, list[str]]:
    """Values of NTP and FallbackNTP; an assignment extends its list, an empty assignment clears it."""
    lists: dict[str, list[str]] = {"NTP": [], "FallbackNTP": []}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and key.strip() in lists:
            lists[key.strip()] = [*lists[key.strip()], *value.split()] if value.strip() else []
    return lists
