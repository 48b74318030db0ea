"""The transfers of the demonstration: a firmware upgrade and an upload, proved by what the lab received.

They are further steps of the script, for an agent that carries out Download and Upload.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.lab.demo_script import Ask, expect
from cwmpagent.lab.files import FileServer
from cwmpagent.protocol.agenda.events import BOOT, M_DOWNLOAD, M_UPLOAD, TRANSFER_COMPLETE
from cwmpagent.protocol.rpc import (
    AcsRequest,
    Download,
    DownloadResponse,
    Fault,
    TransferComplete,
    Upload,
    UploadResponse,
)

FIRMWARE = "1 Firmware Upgrade Image"
LOG = "2 Vendor Log File"
IMAGE = "firmware.bin"
"""The name of the image on the file server; its content is the version, a line of text."""
UPLOADED = "agent.log"
LATER = 1
"""The Status of a transfer that ends after the session (TR-069 A.3.2.8, A.4.1.5)."""


@dataclass(frozen=True, slots=True)
class TransferSteps:
    """Both steps. ``url``: of the file server, with a slash at its end. ``version``: what the image installs."""

    lab: LabAcs
    files: FileServer
    device: str
    url: str
    username: str
    password: str = field(repr=False)
    version: str = "2.0"

    async def upgrade(self, ask: Ask) -> None:
        """Order the download of the image; expect it installed. Raises ExpectationError."""
        key, served = "demo-upgrade", self.files.transfers.seen
        number = self.lab.sessions.seen
        size = len(self.version) + 1
        url, username, password = self.url + IMAGE, self.username, self.password
        request = Download(key, FIRMWARE, url, username, password, size, "", 0, "", "")
        await self._order(ask, request, DownloadResponse)
        trace = await self._completed(number, M_DOWNLOAD, key)
        codes = [event.event_code for event in trace.events]
        expect(BOOT in codes, f"the new firmware should come with {BOOT}, not with {codes}")
        await self.files.transfers.wait_for("GET", f"/{IMAGE}", since=served)
        version = self.lab.devices[self.device].find("DeviceInfo.SoftwareVersion")
        expect(version == self.version, f"SoftwareVersion should be {self.version} after the upgrade, not {version}")

    async def upload(self, ask: Ask) -> None:
        """Order the upload of the log; expect that it was received whole. Raises ExpectationError."""
        key, served = "demo-upload", self.files.transfers.seen
        number = self.lab.sessions.seen
        request = Upload(key, LOG, self.url + UPLOADED, self.username, self.password, 0)
        await self._order(ask, request, UploadResponse)
        await self._completed(number, M_UPLOAD, key)
        received = [
            transfer for transfer in self.files.transfers if transfer.number > served and transfer.stored == UPLOADED
        ]
        expect(len(received) == 1, f"the file server should have received one {UPLOADED}, not {len(received)}")
        expect(received[0].octets > 0, "the log should not be empty")

    async def _order(self, ask: Ask, request: AcsRequest, kind: type[DownloadResponse | UploadResponse]) -> None:
        answer = await ask(request)
        accepted = isinstance(answer, kind) and answer.status == LATER
        shown = f"fault {answer.code}" if isinstance(answer, Fault) else str(answer)
        expect(accepted, f"{type(request).__name__} should be answered with Status {LATER}, not with {shown}")

    async def _completed(self, number: int, event: str, key: str) -> SessionTrace:
        """The first session after ``number`` with a TransferComplete; expects it to be the one, and without a fault."""
        trace = await self.lab.wait_for_session(self.device, event=TRANSFER_COMPLETE, since=number)
        events = {(one.event_code, one.command_key) for one in trace.events}
        expect((event, key) in events, f"{event} ({key}) should come with {TRANSFER_COMPLETE}, not {events}")
        completed = [one for one in trace.requests if isinstance(one, TransferComplete) and one.command_key == key]
        expect(len(completed) == 1, f"there should be one TransferComplete of {key}, not {len(completed)}")
        fault = completed[0].fault_struct
        expect(fault.fault_code == 0, f"the transfer {key} failed: {fault.fault_code} {fault.fault_string}")
        return trace
