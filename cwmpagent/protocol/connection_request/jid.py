"""Jabber IDs (RFC 6122): parsing, comparison, and the check against a list of allowed senders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cwmpagent.protocol.auth import stringprep_profiles


class Jid(NamedTuple):
    """``node@domain/resource``, each part in its normalized form; an absent node or resource is empty."""

    node: str
    domain: str
    resource: str

    @property
    def bare(self) -> Jid:
        """The same Jabber ID without its resource."""
        return Jid(self.node, self.domain, "")

    def __str__(self) -> str:
        node = f"{self.node}@" if self.node else ""
        return f"{node}{self.domain}{'/' if self.resource else ''}{self.resource}"


def parse(text: str) -> Jid:
    """Parse ``text``. Raises ValueError where it is not a valid Jabber ID."""
    bare, slash, resource = text.partition("/")
    node, at, domain = bare.rpartition("@")
    if (at and not node) or (slash and not resource):
        raise ValueError("the Jabber ID has an empty part")
    return Jid(
        stringprep_profiles.node(node) if node else "",
        stringprep_profiles.domain(domain),
        stringprep_profiles.resource(resource) if resource else "",
    )


def allowed(sender: str, entries: Iterable[str]) -> bool:
    """Whether ``sender`` may send ConnectionRequests (ConnReqAllowedJabberIDs): any sender where there are no entries.

    A full Jabber ID matches itself, a bare one all its resources. An entry that is not a valid Jabber ID matches none.
    """
    entries = [entry.strip() for entry in entries]
    if not any(entries):
        return True
    try:
        jid = parse(sender)
    except ValueError:
        return False
    for entry in entries:
        try:
            permitted = parse(entry)
        except ValueError:
            continue
        if jid == permitted or (not permitted.resource and jid.bare == permitted):
            return True
    return False
