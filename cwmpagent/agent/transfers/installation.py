"""Installation of a received file: once, over crashes and restarts of the device."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from twisted.internet.defer import CancelledError

from cwmpagent.agent.facts import Noted, Observer
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.options import TransferOptions
from cwmpagent.agent.ports import Restart
from cwmpagent.agent.transfers.activity import TransferActivity
from cwmpagent.agent.transfers.records import TransferRecords
from cwmpagent.errors import TransferFailure
from cwmpagent.protocol.transfers.file import ReceivedFile
from cwmpagent.protocol.transfers.record import State, Transfer

FIRMWARE = "1 Firmware Upgrade Image"


@dataclass(frozen=True, slots=True)
class Pause:
    """Keeps sessions closed: ``hold`` waits for the one under way, ``release`` opens sessions again."""

    hold: Callable[[], Awaitable[None]]
    release: Callable[[], None]


class Installation:
    """Applies received files one after another. Firmware is applied while no session runs."""

    def __init__(
        self,
        records: TransferRecords,
        options: TransferOptions,
        restart: Restart,
        pause: Pause,
        observer: Observer,
        activity: TransferActivity,
    ) -> None:
        self._records = records
        self._options = options
        self._restart = restart
        self._pause = pause
        self._observer = observer
        self._activity = activity

    async def apply(self, transfer: Transfer) -> bool:
        """Apply the file of ``transfer``, which is received. True: the device restarts, and sessions stay closed.

        Raises StoreWriteError where it cannot be saved before that this begins; then nothing is applied. Else a file
        could be applied again after a crash.
        """
        firmware = transfer.file_type == FIRMWARE
        restarts = False
        try:
            if firmware:
                await self._pause.hold()
                if self._records.get(transfer.number) is None:  # the session has cancelled it
                    return False
            await self._records.change_or_raise(replace(transfer, state=State.INSTALLING))
            try:
                restarts = await self._options.installer.install(self._file(transfer), partial(self._told, transfer))
            except TransferFailure as failure:
                await self.finish(transfer, failure)
                return False
            except CancelledError:
                raise
            except Exception:
                report_internal_error(self._observer)
                await self.finish(transfer, TransferFailure(9002, "internal error of the agent"))
                return False
            if not restarts:
                await self.finish(transfer)
                return False
            if not firmware:
                await self._pause.hold()
            await self.reboot(transfer)
            return True
        finally:
            if not restarts:
                self._pause.release()

    async def reboot(self, transfer: Transfer) -> None:
        """Restart the device for ``transfer``; the record says so before."""
        await self._records.change(replace(transfer, state=State.RESTARTING))
        self._restart.reboot(transfer.command_key, local=transfer.autonomous)

    async def confirm(self, transfer: Transfer) -> None:
        """Ask after a restart whether the file is in force; it is not applied again."""
        try:
            await self._options.installer.installed(self._file(transfer))
        except TransferFailure as failure:
            await self.finish(transfer, failure)
        except CancelledError:
            raise
        except Exception:
            report_internal_error(self._observer)
            await self.finish(transfer, TransferFailure(9002, "internal error of the agent"))
        else:
            await self.finish(transfer)

    async def finish(self, transfer: Transfer, failure: TransferFailure | None = None) -> None:
        """Save the result, then remove the file."""
        now = self._records.now()
        done = transfer.done(now) if failure is None else transfer.done(now, failure.code, str(failure))
        await self._records.change(done)
        self._options.spool.remove(transfer.number)
        self._activity.ended(done)

    def _file(self, transfer: Transfer) -> ReceivedFile:
        return ReceivedFile(
            path=self._options.spool.path(transfer.number),
            file_type=transfer.file_type,
            target_name=transfer.target_name,
            command_key=transfer.command_key,
        )

    def _told(self, transfer: Transfer, line: str) -> None:
        self._activity.told(transfer, line)
        self._observer(Noted(f"installation: {line}"))
