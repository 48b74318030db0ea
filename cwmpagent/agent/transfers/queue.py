"""The transfer queue: begins each transfer at its time, a few at once, and carries it on after a restart."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.python.failure import Failure

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.options import TransferOptions
from cwmpagent.agent.ports import DelayedCall, Timers
from cwmpagent.agent.transfers.activity import TransferActivity
from cwmpagent.agent.transfers.attempt import fetch, send, with_validator
from cwmpagent.agent.transfers.installation import Installation
from cwmpagent.agent.transfers.records import TransferRecords
from cwmpagent.errors import CwmpFault, StoreWriteError, TransferFailure
from cwmpagent.protocol.transfers.file import Progress
from cwmpagent.protocol.transfers.record import CANCELLABLE, MOST_RUNNING, MOST_TRANSFERS, State, Transfer
from cwmpagent.protocol.transfers.retry import OUTSIDE_WINDOWS, Begin, Expired, next_step, retried

ASK_AGAIN = 60.0
"""Seconds between two questions whether the device is idle or a user consents, between two looks at the clock, and
between two attempts to save that a file is going to be applied."""

STOP_GRACE = 12.0
"""Seconds that an installation may take to end when the agent stops; a program of ``[hooks]`` takes 10 at most."""
NOT_RESTARTED = "the file is applied, but the restart of the device that it needs has failed"


class TransferQueue:
    """The transfers of one agent. ``wake``: called when a transfer has ended, so that a session reports it."""

    def __init__(
        self,
        records: TransferRecords,
        installation: Installation,
        options: TransferOptions,
        timers: Timers,
        observer: Observer,
        wake: Callable[[], None],
        activity: TransferActivity,
    ) -> None:
        self._records = records
        self._installation = installation
        self._options = options
        self._timers = timers
        self._observer = observer
        self._wake = wake
        self._activity = activity
        self._asked: set[int] = set()  # transfers of the session under way
        self._running: dict[int, Deferred[None]] = {}
        self._installing: int | None = None  # number of the transfer
        self._install_from = 0.0  # monotonic
        self._restarting = False
        self._started = False
        self._timer: DelayedCall | None = None

    async def recover(self, *, booted: bool) -> None:
        """Decide on installations that an earlier start left; called before the first session."""
        self._options.spool.keep_only([each.number for each in self._records if each.state is not State.DONE])
        for transfer in self._records:
            if transfer.state is State.TRANSFERRING:
                await self._records.change(replace(transfer, state=State.QUEUED))
            elif transfer.state is State.INSTALLING or (booted and transfer.state is State.RESTARTING):
                await self._confirmed(transfer)

    async def _confirmed(self, transfer: Transfer) -> None:
        """Ask about an installation. Foreign code that cancels itself does not cancel the start of the agent."""
        self._begin(transfer.number, partial(self._installation.confirm, transfer))
        over: Deferred[None] = Deferred()
        self._running[transfer.number].addBoth(lambda _: over.callback(None))
        await over
        left = self._records.get(transfer.number)
        if left is not None and left.state is not State.DONE:
            await self._installation.finish(left, TransferFailure(9002, "internal error of the agent"))

    def start(self) -> None:
        """Begin transfers from now on, also those that :meth:`stop` has cancelled.

        A restart that an earlier process did not carry out is requested again.
        """
        self._started = True
        for transfer in self._records:
            if transfer.state is State.INSTALLING and transfer.number not in self._running:
                self._begin(transfer.number, partial(self._installation.confirm, transfer))
        restarting = next((each for each in self._records if each.state is State.RESTARTING), None)
        if restarting is not None and self._restarting:  # the restart that this process requested has failed
            self._restarting = False
            failure = TransferFailure(9010, NOT_RESTARTED)
            self._begin(restarting.number, partial(self._installation.finish, restarting, failure))
        elif restarting is not None:
            self._restarting = True
            self._begin(restarting.number, partial(self._installation.reboot, restarting))
        self.poll()

    async def stop(self) -> None:
        """Cancel what runs; it goes on after the next start."""
        self._started = False
        self._disarm()
        for running in list(self._running.values()):
            running.cancel()

    async def settled(self) -> None:
        """Wait until what :meth:`stop` has cancelled has ended, and its end is saved; at most :data:`STOP_GRACE` s.

        An installation that ends then has a result, as one that nobody has cancelled.
        """
        over: Deferred[None] = Deferred()
        limit = self._timers.callLater(STOP_GRACE, lambda: over.callback(None))
        ended = DeferredList(list(self._running.values()))
        ended.addCallback(lambda _: None if over.called else over.callback(None))
        try:
            await over
        finally:
            if limit.active():
                limit.cancel()

    async def accept(self, transfer: Transfer) -> None:
        """Save a transfer; one of the ACS begins after the session. Raises CwmpFault 9004, StoreWriteError."""
        if len(self._records) >= MOST_TRANSFERS:
            raise CwmpFault(9004, f"{MOST_TRANSFERS} transfers are queued already")
        if not transfer.autonomous:
            self._asked.add(transfer.number)
        await self._records.add(transfer)

    async def cancel(self, transfers: list[Transfer]) -> None:
        """Remove transfers, without a report. Raises CwmpFault 9021 if one can no longer be, and StoreWriteError."""
        if any(transfer.state not in CANCELLABLE for transfer in transfers):
            raise CwmpFault(9021)
        try:
            await self._records.remove(transfers)
        except StoreWriteError:
            self.poll()  # one may have ended meanwhile
            raise
        self._removed(transfers)

    async def forget_other_acs(self) -> None:
        """Remove the transfers for which only a former ACS has asked; called before each session."""
        self._removed(await self._records.forget_other_acs())

    def _removed(self, transfers: list[Transfer]) -> None:
        for transfer in transfers:
            running = self._running.get(transfer.number)
            if running is not None:
                running.cancel()
            self._options.spool.remove(transfer.number)
            self._activity.forget(transfer)

    def session_ended(self) -> None:
        """Begin the transfers that the session asked for."""
        self._asked.clear()
        self.poll()

    def poll(self) -> None:
        """Begin what is due, and set a timer for the next one."""
        self._disarm()
        if not self._started or self._restarting:
            return
        now, waits = self._records.now(), [ASK_AGAIN]
        for transfer in self._records:
            if transfer.number in self._running or transfer.number in self._asked:
                continue
            if transfer.state is State.RECEIVED and self._installing is None and now.reached(self._install_from):
                self._installing = transfer.number
                self._begin(transfer.number, partial(self._install, transfer))
            if transfer.state not in (State.QUEUED, State.TRANSFERRING):  # or an attempt that was cancelled
                continue
            step = next_step(transfer.stamped(now), now)
            if isinstance(step, Expired):
                failure = TransferFailure(9020, OUTSIDE_WINDOWS, permanent=True)
                self._begin(transfer.number, partial(self._installation.finish, transfer, failure))
            elif not isinstance(step, Begin):
                waits.append(step.due - now.monotonic)
            elif len(self._running) < MOST_RUNNING and (
                step.window is None or self._options.may_begin(step.window.mode, step.window.user_message)
            ):
                seconds = self._options.timeout
                if step.window is not None:
                    seconds = min(seconds, step.window.closes.due - now.monotonic)
                self._begin(transfer.number, partial(self._attempt, step.transfer, seconds))
        if self._started and len(self._records):
            self._timer = self._timers.callLater(max(0.0, min(waits)), self.poll)

    def _begin(self, number: int, work: Callable[[], Coroutine[Deferred[Any], Any, None]]) -> None:
        # Registered before the work starts: it may end at once. Until then, the transfer may be removed.
        running: Deferred[None] = Deferred()
        self._running[number] = running
        running.addCallback(lambda _: Deferred.fromCoroutine(work()) if self._records.get(number) is not None else None)
        running.addErrback(lambda failure: self._crashed(number, failure))
        running.addErrback(lambda failure: report_internal_error(self._observer, failure))
        running.addBoth(lambda _: self._ended(number, running))
        self._timers.callLater(0.0, lambda: None if running.called else running.callback(None))

    def _crashed(self, number: int, failure: Failure) -> Deferred[None] | None:
        """End a transfer that nobody has cancelled: so foreign code that cancels itself leaves none behind."""
        report_internal_error(self._observer, failure)
        transfer = self._records.get(number)
        if not self._started or transfer is None or transfer.state is State.DONE:
            return None
        error = TransferFailure(9002, "internal error of the agent", permanent=True)
        return Deferred.fromCoroutine(self._installation.finish(transfer, error))

    def _ended(self, number: int, running: Deferred[None]) -> None:
        if self._running.get(number) is running:
            del self._running[number]
            if self._installing == number:  # also where it was cancelled before it began
                self._installing = None
        self._wake()
        self.poll()

    async def _attempt(self, transfer: Transfer, seconds: float) -> None:
        """Make one attempt; the outcome is saved."""
        started = transfer.started if transfer.started is not None else self._records.now().wall
        transfer = replace(transfer, state=State.TRANSFERRING, started=started)
        await self._records.change(transfer)
        self._activity.began(transfer)
        validators = [transfer.validator]

        def told(progress: Progress) -> None:
            self._activity.moved(transfer, progress)
            if progress.validator != validators[-1]:
                validators.append(progress.validator)
                current = self._records.get(transfer.number)
                if current is not None:
                    saved = Deferred.fromCoroutine(self._records.change(with_validator(current, progress)))
                    saved.addErrback(lambda failure: report_internal_error(self._observer, failure))

        try:
            await (fetch if transfer.is_download else send)(transfer, self._options, seconds, told)
            failure = None
        except TransferFailure as error:
            failure = error
        except CancelledError:
            raise
        except Exception:
            report_internal_error(self._observer)
            failure = TransferFailure(9002, "internal error of the agent", permanent=True)
        current = self._records.get(transfer.number)
        if current is None:
            return
        if failure is None and transfer.is_download:
            await self._records.change(replace(current, state=State.RECEIVED))
        elif failure is None:
            await self._installation.finish(current)
        else:
            outcome = retried(current, failure, self._records.now())
            await self._records.change(outcome)
            if outcome.state is State.DONE:
                self._options.spool.remove(transfer.number)
                self._activity.ended(outcome)
            else:
                self._activity.repeated(outcome, failure)

    async def _install(self, transfer: Transfer) -> None:
        try:
            self._restarting = await self._installation.apply(transfer)
        except StoreWriteError as error:
            self._install_from = self._records.now().monotonic + ASK_AGAIN
            self._observer(Warned(f"a file is not applied yet, because that cannot be saved: {error}"))

    def _disarm(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
