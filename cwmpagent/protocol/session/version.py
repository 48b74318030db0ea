"""Which version of CWMP a session speaks, and in which namespace (TR-069 3.5, UseCWMPVersion).

CWMP 1.3 and 1.4 have no namespace of their own; real ACSs refuse an invented one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cwmpagent.errors import MisuseError, SequenceError
from cwmpagent.protocol.soap import CWMP_1_0, CWMP_1_1, CWMP_1_2, Envelope

NAMESPACES: Mapping[str, str] = MappingProxyType(
    {"1.0": CWMP_1_0, "1.1": CWMP_1_1, "1.2": CWMP_1_2, "1.3": CWMP_1_2, "1.4": CWMP_1_2}
)
"""The namespace that each version is sent in."""

_VERSIONS = tuple(NAMESPACES)


class Negotiation:
    """What both sides speak: ``version`` is ours until the Inform is answered. Raises MisuseError if it is unknown."""

    def __init__(self, version: str) -> None:
        if version not in NAMESPACES:
            raise MisuseError(f"CWMP {version} is none of {', '.join(_VERSIONS)}")
        self.version = version
        self._chosen = False

    @property
    def namespace(self) -> str:
        """The namespace of our own requests."""
        return NAMESPACES[self.version]

    @property
    def offered(self) -> tuple[str, ...]:
        """SupportedCWMPVersions of the Inform; CWMP 1.4 introduced it."""
        return _VERSIONS if self.version == "1.4" else ()

    @property
    def has_session_timeout(self) -> bool:
        """Whether the Inform may carry SessionTimeout; CWMP 1.3 introduced it."""
        return self.version >= "1.3"

    def informed(self, response: Envelope) -> None:
        """Take over what ``response`` to the Inform chose. Raises SequenceError for a version that was not offered."""
        if response.use_version is None:
            self.version = self._lower(response.namespace)
        elif response.use_version in self.offered:
            self.version = response.use_version
            self._chosen = True
        else:
            raise SequenceError(f"the ACS chose CWMP {response.use_version[:20]!r}, which was not offered")

    def namespace_of_answer(self, request: Envelope) -> str:
        """The namespace in which ``request`` is answered: its own, as far as we speak it and no version was chosen."""
        return self.namespace if self._chosen else NAMESPACES[self._lower(request.namespace)]

    def _lower(self, namespace: str) -> str:
        """The highest version that both we and the sender of ``namespace`` speak."""
        theirs = namespace.rpartition(":cwmp-")[2].replace("-", ".")
        return min(self.version, theirs if theirs in NAMESPACES else _VERSIONS[-1])
