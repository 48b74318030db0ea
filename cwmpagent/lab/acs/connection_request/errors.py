"""The error of a ConnectionRequest of the ACS, and the credentials that it needs."""

from __future__ import annotations

from cwmpagent.errors import CwmpAgentError
from cwmpagent.lab.acs.devices import LabDevice
from cwmpagent.protocol.auth import Credentials


class UnreachableError(CwmpAgentError):
    """A connection request cannot be sent or is not answered; the text is the reason."""


def credentials_of(device: LabDevice, default: Credentials | None) -> Credentials:
    """The ConnectionRequest credentials of ``device``. Raises :class:`UnreachableError` if they are not known.

    ``default``: the credentials where the ACS has set none.
    """
    credentials = device.connection_request_credentials(default)
    if credentials is None:
        raise UnreachableError(
            f"no credentials for {device.id}: set its ConnectionRequestUsername and ConnectionRequestPassword by a "
            "task, or start the lab with --connection-request-username and --connection-request-password-file"
        )
    return credentials
