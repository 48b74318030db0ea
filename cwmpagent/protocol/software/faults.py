"""The fault codes that the result of an operation on a deployment unit may have (TR-069 A.5)."""

from __future__ import annotations

DENIED = 9001
INVALID = 9003
UNSUPPORTED_PROTOCOL = 9013
INVALID_UUID = 9022
UNKNOWN_ENVIRONMENT = 9023
DISABLED_ENVIRONMENT = 9024
MISMATCH = 9025
DUPLICATE = 9026
RESOURCES = 9027
UNKNOWN_UNIT = 9028
INVALID_STATE = 9029
DOWNGRADE = 9030
NO_VERSION = 9031
SAME_VERSION = 9032

ALLOWED = frozenset({9001, 9003, 9012, 9013, *range(9015, 9019), *range(9022, 9033)})
"""Every code that such a result may have."""

_UNABLE_TO_CONTACT, _INCOMPLETE, _CORRUPTED = 9015, 9017, 9018
_CLOSEST = ((9004, RESOURCES), (9010, _INCOMPLETE), (9014, _UNABLE_TO_CONTACT), (9019, _CORRUPTED), (9020, _INCOMPLETE))


def unit_fault(code: int) -> int:
    """The allowed code that is closest to ``code``, which may be one of a transfer; 9001 where none is close."""
    return code if code in ALLOWED else dict(_CLOSEST).get(code, DENIED)
