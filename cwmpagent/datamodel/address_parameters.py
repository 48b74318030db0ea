"""Parameters whose values the agent uses as the address of another host, and what such a value must look like.

Data models have no pattern for them (TR-181: "Host name or IP address"). The values reach name resolution, sockets,
headers and logs.
"""

from __future__ import annotations

import re
from ipaddress import ip_address

from cwmpagent.datamodel.tree import Tree

_URL = "ManagementServer.URL"
_HOSTS = re.compile(
    r"ManagementServer\.(STUNServerAddress|UDPLightweightNotificationHost)"
    r"|XMPP\.Connection\.[^.]+\.(Domain|Server\.[^.]+\.ServerAddress)"
)
_NEVER_IN_NAMES = frozenset("\"'<>\\^`{|}()[]/?#@%:,;")


def address_refusal(tree: Tree, path: str, text: str) -> str | None:
    """Reason why the parameter ``path`` cannot have the value ``text``; None if it can, or if it is no address."""
    name = path.removeprefix(tree.model.root.path)
    if name == _URL:
        return None if _is_plain(text.strip(" ")) else "must be one URL, without blanks or control characters"
    if not text or not _HOSTS.fullmatch(name):
        return None
    # The domain of a Jabber ID has brackets around an IP address (RFC 6122 section 2.2).
    bracketed = name.endswith(".Domain") and text[0] == "[" and text[-1] == "]"
    if _is_host(text[1:-1] if bracketed else text):
        return None
    return "must be a host name or an IP address, without scheme, port, blank or line break"


def _is_host(text: str) -> bool:
    if not _is_plain(text):
        return False
    try:
        ip_address(text)
    except ValueError:
        return not any(char in _NEVER_IN_NAMES for char in text) and _has_labels(text)
    return True


def _has_labels(text: str) -> bool:
    """Whether ``text`` can be encoded for DNS (IDNA): no label is empty or too long."""
    try:
        return bool(text.encode("idna"))
    except UnicodeError:
        return False


def _is_plain(text: str) -> bool:
    return text.isprintable() and " " not in text
