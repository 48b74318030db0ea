"""Device.Time.NTPServer1 to 5: the servers that the files of this machine's time service name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cwmpagent.device.linux.files import content
from cwmpagent.device.provider import Name, Provider, Refusal
from cwmpagent.errors import CwmpFault

NAMES = tuple(f"NTPServer{number}" for number in range(1, 6))
LONGEST = 64
"""Characters of a server that the data model takes; a longer one is left out."""
_SYSTEMD = tuple(Path(place) for place in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))
_LOCAL_CLOCK = "127.127."  # how ntp.conf addresses a clock of the machine's own


class TimeServers(Provider):
    """Those of chrony, else of ntpd, else of systemd-timesyncd, whose file is often there where another one serves.

    ``etc`` stands for that directory, ``systemd`` for those that hold ``systemd/timesyncd.conf``, the strongest first.
    What the configuration has ``given`` is not read.
    """

    name = "linux time servers"

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
        """The files once; empty where they name fewer servers."""
        found = _chrony(self._etc) or _ntp(self._etc) or _timesyncd(self._systemd)
        servers = dict(zip(NAMES, (each for each in dict.fromkeys(found) if len(each) <= LONGEST), strict=False))
        return {name: servers.get(name.last, "") for name in names}

    def check(self, changes: Mapping[Name, str | None]) -> Mapping[str, Refusal]:
        """None may be set: it would be stored, and no time service would know."""
        return {name: CwmpFault(9001, "the time servers are those of the machine's own files") for name in changes}


def _chrony(etc: Path) -> list[str]:
    places = [(etc, "chrony.conf"), (etc / "chrony", "chrony.conf"), (etc / "chrony.d", "*.conf")]
    places += [(etc / "chrony/conf.d", "*.conf"), (etc / "chrony/sources.d", "*.sources")]
    return [server for place, pattern in places for file in sorted(place.glob(pattern)) for server in _directives(file)]


def _ntp(etc: Path) -> list[str]:
    return list(_directives(etc / "ntp.conf")) or list(_directives(etc / "ntpsec/ntp.conf"))


def _directives(file: Path) -> Iterator[str]:
    """The first argument of each ``server`` and ``pool`` line; chrony takes the words in any case."""
    for line in content(file).splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and words[0].lower() in ("server", "pool"):
            server = next((word for word in words[1:] if not word.startswith("-")), "")  # -4, -6
            if server and not server.startswith(_LOCAL_CLOCK):
                yield server


def _timesyncd(places: Sequence[Path]) -> list[str]:
    """timesyncd.conf(5): the strongest main file, then all drop-ins by their names; FallbackNTP where NTP is empty."""
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
    """Each assignment adds to its list, an empty one empties it."""
    found: dict[str, list[str]] = {"NTP": [], "FallbackNTP": []}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals and key.strip() in found:
            found[key.strip()] = [*found[key.strip()], *value.split()] if value.strip() else []
    return found
