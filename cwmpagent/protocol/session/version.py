"""The CWMP version of a session and its namespace (TR-069 3.5, UseCWMPVersion).

CWMP 1.3 and 1.4 have no own namespace. ACSs refuse one that the standard does not define.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cwmpagent.errors import MisuseError, SequenceError
from cwmpagent.protocol.soap import CWMP_1_0, CWMP_1_1, CWMP_1_2, Envelope

NAMESPACES: Mapping[str, str] = MappingProxyType(
    {"1.0": CWMP_1_0, "1.1": CWMP_1_1, "1.2": CWMP_1_2, "1.3": CWMP_1_2, "1.4": CWMP_1_2}
)
"""The namespace of each version."""

_VERSIONS = tuple(NAMESPACES)


class Negotiation:
    """The negotiated version; until the Inform is answered, that of the CPE. Raises MisuseError if it is unknown."""

    def __init__(self, version: str) -> None:
        if version not in NAMESPACES:
            raise MisuseError(f"unknown CWMP version {version!r}: use one of {', '.join(_VERSIONS)}")
        self.version = version
        self._chosen = False

    @property
    def namespace(self) -> str:
        """The namespace of the requests of the CPE."""
        return NAMESPACES[self.version]

    @property
    def offered(self) -> tuple[str, ...]:
        """SupportedCWMPVersions of the Inform; empty before CWMP 1.4, which introduced it."""
        return _VERSIONS if self.version == "1.4" else ()

    @property
    def has_session_timeout(self) -> bool:
        """Whether the Inform may have SessionTimeout, which CWMP 1.3 introduced."""
        return self.version >= "1.3"

    def informed(self, response: Envelope) -> None:
        """Apply the choice of the InformResponse. Raises SequenceError for a version that was not offered."""
        if response.use_version is None:
            self.version = self._lower(response.namespace)
        elif response.use_version in self.offered:
            self.version = response.use_version
            self._chosen = True
        else:
            raise SequenceError(f"the ACS chose CWMP {response.use_version[:20]!r}, which was not offered")

    def namespace_of_answer(self, request: Envelope) -> str:
        """The namespace of the answer to ``request``: its own if supported, unless UseCWMPVersion chose a version."""
        return self.namespace if self._chosen else NAMESPACES[self._lower(request.namespace)]

    def _lower(self, namespace: str) -> str:
        """The highest version that this side and the sender of ``namespace`` support."""
        theirs = namespace.rpartition(":cwmp-")[2].replace("-", ".")
        return min(self.version, theirs if theirs in NAMESPACES else _VERSIONS[-1])
