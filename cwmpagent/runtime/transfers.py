"""Assembly of the transfers of one agent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.options import TransferOptions
from cwmpagent.agent.ports import Restart
from cwmpagent.agent.transfers.activity import TransferActivity
from cwmpagent.agent.transfers.autonomous import AutonomousTransfers, TransferPolicy
from cwmpagent.agent.transfers.completions import Completions
from cwmpagent.agent.transfers.installation import Installation, Pause
from cwmpagent.agent.transfers.queue import TransferQueue
from cwmpagent.agent.transfers.records import Follower, TransferRecords
from cwmpagent.agent.transfers.report import TransferReport
from cwmpagent.agent.transfers.request_download import DOWNLOAD_REQUESTS, DownloadRequests
from cwmpagent.agent.transfers.rpcs import TransferRpcs
from cwmpagent.runtime.environment import Environment
from cwmpagent.runtime.sessions import AgendaParts


@dataclass(frozen=True, slots=True)
class Transfers:
    """The queue, its RPCs, and the requests for a Download."""

    records: TransferRecords
    queue: TransferQueue
    rpcs: TransferRpcs
    download_requests: DownloadRequests
    autonomous: AutonomousTransfers
    report: TransferReport


def build_transfers(
    options: TransferOptions,
    server: ManagementServer,
    environment: Environment,
    parts: AgendaParts,
    notes: Mapping[str, str],
    restart: Restart,
    pause: Pause,
    wake: Callable[[], None],
    *,
    followers: Iterable[Follower] = (),
    booted: bool,
) -> Transfers:
    """Restore the transfers. ``pause`` holds sessions for firmware; ``wake`` opens a session where one is due.

    ``followers`` are called with each change of a transfer.
    """
    clock, observer = environment.clock, environment.observer
    wanted = TransferPolicy(server).wants
    records = TransferRecords(parts.agenda, parts.journal, clock, observer, notes, wanted, booted=booted)
    for follower in followers:
        records.follow(follower)
    activity = TransferActivity(clock, observer)
    installation = Installation(records, options, restart, pause, observer, activity)
    queue = TransferQueue(records, installation, options, environment.timers, observer, wake, activity)
    parts.own_requests.add(Completions(records, clock))
    download_requests = DownloadRequests(
        parts.agenda, parts.events, parts.journal, clock, observer, notes.get(DOWNLOAD_REQUESTS), booted=booted
    )
    parts.own_requests.add(download_requests)
    autonomous = AutonomousTransfers(records, queue, options, clock)
    parts.own_requests.add(autonomous)
    report = TransferReport(records, activity)
    return Transfers(records, queue, TransferRpcs(records, queue, options), download_requests, autonomous, report)
