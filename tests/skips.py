"""The allowed reasons to skip a test, and the number of skips expected for each."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.namespaces import has_masquerade, has_mounts, has_namespaces
from tests.real.nginx import PROGRAM

CHECKOUT = Path(__file__).resolve().parent.parent


def bbf_directory() -> Path | None:
    """Directory of the Broadband Forum's published schemas; None where this machine has none."""
    named = os.environ.get("CWMPAGENT_BBF_DIR")
    directory = Path(named) if named else CHECKOUT.parent / "shared" / "schemas"
    return directory if directory.is_dir() else None


def recorded_messages() -> Path | None:
    """File of recorded messages of a real ACS; None where this machine has none."""
    directory = bbf_directory()
    path = directory.parent / "vectors" / "genieacs-1.2.16.jsonl" if directory is not None else None
    return path if path is not None and path.is_file() else None


def models_directory() -> Path | None:
    """Directory of dumps of real devices; None where this machine has none."""
    directory = bbf_directory()
    path = directory.parent / "models" if directory is not None else None
    return path if path is not None and path.is_dir() else None


def has_ipv6() -> bool:
    """Whether a socket can be bound to ``::1``."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Allowed:
    """An allowed reason: ``count`` tests are skipped for ``reason`` where ``absent()``, none elsewhere."""

    reason: str
    absent: Callable[[], bool]
    count: int


NO_BBF = "no BBF schemas here: set CWMPAGENT_BBF_DIR, or put them at ../shared/schemas"

NO_RECORDED = "no messages of a real ACS here: put them at vectors/ beside the directory of the BBF schemas"

NO_MODELS = "no dumps of real devices here: put them at models/ beside the directory of the BBF schemas"

NO_CURL = "no curl on this machine"

NO_PROSODY = "no prosody on this machine"

NO_VSFTPD = "no vsftpd on this machine (Debian's package vsftpd)"

NO_NGINX = "no nginx on this machine (Debian's package nginx-light)"

NO_IPV6 = "no IPv6 on this machine's loopback"

NO_COTURN = "no coturn on this machine (Debian's package coturn)"

NO_NAT = "no network namespaces with NAT on this machine (ip netns, nftables, sysctl, or the right to use them)"

NO_NETNS = "no network namespaces on this machine (ip netns, or the right to make one)"

NO_MOUNTS = "no mount namespaces on this machine (unshare, mount, or the right to use them)"

ALLOWED: tuple[Allowed, ...] = (
    Allowed(NO_BBF, lambda: bbf_directory() is None, 97),
    Allowed(NO_RECORDED, lambda: recorded_messages() is None, 1),
    Allowed(NO_MODELS, lambda: models_directory() is None, 9),
    Allowed(NO_CURL, lambda: shutil.which("curl") is None, 3),
    Allowed(NO_IPV6, lambda: not has_ipv6(), 8),
    Allowed(NO_PROSODY, lambda: shutil.which("prosody") is None, 11),
    Allowed(NO_NGINX, lambda: PROGRAM is None, 18),
    Allowed(NO_COTURN, lambda: shutil.which("turnserver") is None, 3),
    Allowed(NO_VSFTPD, lambda: shutil.which("vsftpd") is None, 13),
    Allowed(NO_NAT, lambda: not has_masquerade(), 1),
    Allowed(NO_MOUNTS, lambda: not has_mounts(), 1),
    Allowed(NO_NETNS, lambda: not has_namespaces(), 1),
)


def mistakes(skipped: Mapping[str, int], allowed: Iterable[Allowed] = ALLOWED) -> list[str]:
    """One line for each reason that is unknown, or whose number of skips is not the expected one."""
    expected = {item.reason: item.count if item.absent() else 0 for item in allowed}
    lines = []
    for reason in sorted({*expected, *skipped}):
        count = skipped.get(reason, 0)
        if reason not in expected:
            lines.append(f"{count} skipped for a reason that tests/skips.py does not allow: {reason}")
        elif count != expected[reason]:
            lines.append(f"{count} skipped where {expected[reason]} are expected on this machine: {reason}")
    return lines
