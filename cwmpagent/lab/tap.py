"""``twistd cwmplab``: its options and its service."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast, get_args

from twisted.application.service import IService
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.usage import Options as UsageOptions

from cwmpagent.errors import ConfigError
from cwmpagent.lab.acs.authentication import Auth
from cwmpagent.lab.acs.connection_request.xmpp import XmppAccount
from cwmpagent.lab.endpoints import endpoints
from cwmpagent.lab.files.options import PARAMETERS as FILES_PARAMETERS
from cwmpagent.lab.files.options import file_settings
from cwmpagent.lab.network.nat import OUTSIDE, NatWeather
from cwmpagent.lab.network.nat_kind import NatKind
from cwmpagent.lab.network.stun_server import Challenge, ResponseAddress
from cwmpagent.lab.password_file import password_in
from cwmpagent.lab.service import LabService, LabSettings
from cwmpagent.logs.output import Threshold, observer_for_twistd
from cwmpagent.protocol.auth import Credentials

AUTHS = get_args(Auth)
CHALLENGES = get_args(Challenge)
RESPONSE_ADDRESSES = get_args(ResponseAddress)
ALGORITHMS = ("MD5", "SHA-256")


class Options(UsageOptions):
    """The command line after ``twistd cwmplab``."""

    synopsis = "[options]"
    longdesc = (
        "A test bench for CWMP agents: an ACS over HTTP and HTTPS, a STUN server, a file server, and a console "
        "with a page and JSON."
    )
    optParameters = [  # noqa: RUF012  # Twisted's own form
        [
            "stun",
            None,
            LabSettings.__dataclass_fields__["stun"].default,
            "The STUN server's address, udp:PORT:interface=ADDRESS, or none.",
        ],
        ["stun-username", None, "cpe", "The STUN server's user name for devices."],
        ["stun-password-file", None, None, "A file whose first line is the password of --stun-username."],
        [
            "stun-challenge",
            None,
            None,
            "Signatures required: never, changes or always. Default: changes with --stun-password-file, else never.",
        ],
        ["stun-response-address", None, "honour", "Treatment of RESPONSE-ADDRESS: honour, ignore or refuse."],
        [
            "nat",
            None,
            None,
            "A NAT in front of the STUN server: full-cone, address-restricted, port-restricted or symmetric.",
        ],
        [
            "nat-inside",
            None,
            LabSettings.__dataclass_fields__["nat_inside"].default,
            "The STUN server's address for devices behind the NAT.",
        ],
        ["nat-address", None, OUTSIDE, "The NAT's outside address, an address of this machine."],
        ["nat-lifetime", None, "30", "The lifetime of a silent binding of the NAT, in seconds."],
        ["nat-loss", None, "0", "The fraction of packets that the NAT loses, from 0 to 1."],
        ["nat-duplicate", None, "0", "The fraction of packets that the NAT sends twice."],
        ["nat-reorder", None, "0", "The fraction of packets that the NAT delays briefly."],
        ["nat-seed", None, "0", "The seed of the random numbers for lost, duplicated and delayed packets."],
        [
            "xmpp-jid",
            None,
            None,
            "The lab's own XMPP account, such as acs@example.org/lab, for connection requests by XMPP.",
        ],
        ["xmpp-password-file", None, None, "A file whose first line is the password of --xmpp-jid."],
        ["xmpp-server", None, "", "HOST:PORT of the XMPP server. Default: from DNS."],
        ["xmpp-ca-file", None, None, "PEM file with the CAs of the XMPP server. Default: the system's CAs."],
        *map(list, FILES_PARAMETERS),
        ["console", None, LabSettings.__dataclass_fields__["console"].default, "The endpoint of the console, or none."],
        [
            "directory",
            None,
            "cwmplab",
            "The directory of the private CA, the certificates and their keys (created if missing).",
        ],
        [
            "auth",
            None,
            None,
            "Authentication of a CPE: digest, basic or none. Default: digest with --password-file, else none.",
        ],
        ["username", None, "cpe", "The user name of the CPEs."],
        ["password-file", None, None, "A file whose first line is the password of the CPEs."],
        ["console-username", None, "lab", "The user name for the console."],
        [
            "console-password-file",
            None,
            None,
            "A file whose first line is the password for the console. Default: no authentication.",
        ],
        [
            "connection-request-username",
            None,
            None,
            "The user name of connection requests where the ACS has set no credentials.",
        ],
        ["connection-request-password-file", None, None, "A file whose first line is the password of these."],
    ]
    optFlags = [  # noqa: RUF012  # Twisted's own form
        ["require-client-certificate", None, "Serve --acs-tls only to clients with a certificate of the private CA."],
    ]

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted has no types there
        self.lists: dict[str, list[str]] = {}

    def opt_acs(self, endpoint: str) -> None:
        """The endpoint of the ACS for HTTP, a Twisted endpoint string, or none; may be repeated.
        [default: tcp:8069:interface=127.0.0.1]"""
        self.lists.setdefault("acs", []).append(endpoint)

    def opt_acs_tls(self, endpoint: str) -> None:
        """The endpoint of the ACS for HTTPS, likewise. [default: tcp:8070:interface=127.0.0.1]"""
        self.lists.setdefault("acs_tls", []).append(endpoint)

    def opt_tls_name(self, name: str) -> None:
        """A host name or address for the server's certificate besides the loopback ones; may be repeated."""
        self.lists.setdefault("tls_names", []).append(name)

    def opt_console_host(self, name: str) -> None:
        """A host name that POSTs to a console with a password may have, too; may be repeated."""
        self.lists.setdefault("console_hosts", []).append(name)

    def opt_algorithm(self, name: str) -> None:
        """A Digest algorithm to offer, MD5 or SHA-256; may be repeated, in the order of the offers. [default: MD5]"""
        self.lists.setdefault("algorithms", []).append(name)

    def settings(self) -> LabSettings:
        """The settings that the options give. Raises ConfigError."""
        password = password_in("--password-file", self["password-file"])
        auth = self["auth"] or ("digest" if password else "none")
        if auth not in AUTHS:
            raise ConfigError("--auth", f"must be one of {', '.join(AUTHS)}")
        if auth != "none" and not password:
            raise ConfigError("--auth", f"{auth} needs --password-file")
        given: dict[str, Any] = {name: tuple(values) for name, values in self.lists.items()}
        for name in ("acs", "acs_tls"):
            if name in given:
                given[name] = endpoints(given[name])
        for name in given.get("algorithms", ()):
            if name not in ALGORITHMS:
                raise ConfigError("--algorithm", f"must be one of {', '.join(ALGORITHMS)}")
        stun_password = password_in("--stun-password-file", self["stun-password-file"])
        challenge = self["stun-challenge"] or ("changes" if stun_password else "never")
        if challenge not in CHALLENGES:
            raise ConfigError("--stun-challenge", f"must be one of {', '.join(CHALLENGES)}")
        if challenge != "never" and not stun_password:
            raise ConfigError("--stun-challenge", f"{challenge} needs --stun-password-file")
        if self["stun-response-address"] not in RESPONSE_ADDRESSES:
            raise ConfigError("--stun-response-address", f"must be one of {', '.join(RESPONSE_ADDRESSES)}")
        return LabSettings(
            stun="" if self["stun"] == "none" else self["stun"],
            stun_challenge=cast(Challenge, challenge),
            stun_credentials=Credentials(self["stun-username"], stun_password) if stun_password else None,
            stun_response_address=self["stun-response-address"],
            xmpp=self._xmpp(),
            **self._nat(),
            files=file_settings(self, password_in("--files-password-file", self["files-password-file"]), self._number),
            directory=Path(self["directory"]),
            console="" if self["console"] == "none" else self["console"],
            auth=cast(Auth, auth),
            username=self["username"],
            password=password,
            console_username=self["console-username"],
            console_password=password_in("--console-password-file", self["console-password-file"]),
            require_client_certificate=bool(self["require-client-certificate"]),
            connection_request=self._connection_request(),
            **given,
        )

    def _nat(self) -> dict[str, Any]:
        kind = self["nat"]
        if kind is not None and kind not in tuple(NatKind):
            raise ConfigError("--nat", f"must be one of {', '.join(NatKind)}")
        return {
            "nat": NatKind(kind) if kind is not None else None,
            "nat_inside": self["nat-inside"],
            "nat_address": self["nat-address"],
            "nat_lifetime": self._number("nat-lifetime", 0.1, 86400.0),
            "nat_weather": NatWeather(
                loss=self._number("nat-loss", 0, 1),
                duplicate=self._number("nat-duplicate", 0, 1),
                reorder=self._number("nat-reorder", 0, 1),
            ),
            "nat_seed": self._seed(),
        }

    def _seed(self) -> int:
        text = self["nat-seed"]
        if not (text.isascii() and text.isdecimal() and len(text) < 20):
            raise ConfigError("--nat-seed", "must be a whole number, at least 0")
        return int(text)

    def _number(self, name: str, least: float, most: float) -> float:
        try:
            value = float(self[name])
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ConfigError(f"--{name}", f"must be a number from {least:g} to {most:g}")
        return value

    def _xmpp(self) -> XmppAccount | None:
        jid, password = self["xmpp-jid"], password_in("--xmpp-password-file", self["xmpp-password-file"])
        if bool(jid) != bool(password):
            raise ConfigError("--xmpp-jid", "goes with --xmpp-password-file")
        if not jid:
            return None
        ca_file = Path(self["xmpp-ca-file"]) if self["xmpp-ca-file"] else None
        account = XmppAccount(jid=jid, password=password, server=self["xmpp-server"], ca_file=ca_file)
        account.account()
        return account

    def _connection_request(self) -> Credentials | None:
        username = self["connection-request-username"]
        password = password_in("--connection-request-password-file", self["connection-request-password-file"])
        if bool(username) != bool(password):
            raise ConfigError("--connection-request-username", "goes with --connection-request-password-file")
        return Credentials(username, password) if username else None


class LabDaemon(LabService):
    """The lab as a process of its own; an error at start is one line and exit status 1.

    ``foreground``: whether twistd runs it with ``--nodaemon``. ``log``: makes the log observer; None: twistd's own.
    """

    def __init__(
        self,
        reactor: Any,
        settings: LabSettings,
        *,
        foreground: bool,
        log: Callable[[], ILogObserver] | None = None,
    ) -> None:
        super().__init__(reactor, settings)
        self._foreground = foreground
        self._log_observer = log

    def setServiceParent(self, parent: Any) -> None:
        """Join twistd's application and set its log observer."""
        if self._log_observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._log_observer())  # type: ignore[no-untyped-call]  # Twisted has no types there
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def privilegedStartService(self) -> None:
        """Listen. On an error, print one line and raise SystemExit; a daemon raises ConfigError for twistd instead."""
        failed: list[Failure] = []
        Deferred.fromCoroutine(self.bind()).addErrback(failed.append)
        if not failed:
            return
        if not isinstance(failed[0].value, ConfigError) or not self._foreground or sys.__stderr__ is None:
            failed[0].raiseException()
        # sys.stderr is the log at this point.
        print(f"cwmplab: {failed[0].getErrorMessage()}", file=sys.__stderr__)
        raise SystemExit(1)


def makeService(options: Options) -> IService:
    """Make the service that ``options`` describe. Raises SystemExit with one line."""
    from twisted.internet import reactor

    try:
        foreground = options.parent is not None and bool(options.parent.get("nodaemon"))
        log = observer_for_twistd(options.parent or {}, "text", Threshold())
        return LabDaemon(reactor, options.settings(), foreground=foreground, log=log)
    except ConfigError as error:
        raise SystemExit(f"cwmplab: {error}") from None
