"""Jabber IDs (RFC 6122): taken apart, compared, and held against a list of those that may call."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from cwmpagent.protocol.auth import stringprep_profiles


class Jid(NamedTuple):
    """``node@domain/resource``, each part as it is compared; a node or resource that is not there is empty."""

    node: str
    domain: str
    resource: str

    @property
    def bare(self) -> Jid:
        """Without its resource."""
        return Jid(self.node, self.domain, "")

    def __str__(self) -> str:
        node = f"{self.node}@" if self.node else ""
        return f"{node}{self.domain}{'/' if self.resource else ''}{self.resource}"


def parse(text: str) -> Jid:
    """Raises ValueError where ``text`` is no Jabber ID."""
    bare, slash, resource = text.partition("/")
    node, at, domain = bare.rpartition("@")
    if (at and not node) or (slash and not resource):
        raise ValueError("a Jabber ID with an empty part")
    return Jid(
        stringprep_profiles.node(node) if node else "",
        stringprep_profiles.domain(domain),
        stringprep_profiles.resource(resource) if resource else "",
    )


def allowed(sender: str, entries: Iterable[str]) -> bool:
    """Whether ``sender`` may ask (ConnReqAllowedJabberIDs): everybody where there are no entries.

    A full Jabber ID stands for itself, a bare one for all its resources; an entry that is none allows nobody.
    """
    entries = [entry.strip() for entry in entries]
    if not any(entries):
        return True
    try:
        asking = parse(sender)
    except ValueError:
        return False
    for entry in entries:
        try:
            known = parse(entry)
        except ValueError:
            continue
        if asking == known or (not known.resource and asking.bare == known):
            return True
    return False
