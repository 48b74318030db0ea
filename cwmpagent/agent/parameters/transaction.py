"""Changes of the real device: checked, recorded, applied provider by provider, and undone after a failure.

The former state is saved in a note before the first provider is called; the transaction that saves the change deletes
the note. After a crash, the note contains the state to restore; without a note, the change is complete or was not
begun.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.parameters.provider_calls import GuardedProvider, GuardedProviders, Unavailable
from cwmpagent.agent.ports import Store
from cwmpagent.datamodel.identifiers import aliased_row
from cwmpagent.datamodel.names import Name
from cwmpagent.datamodel.plan import Plan
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault, ParameterFault, StoreWriteError
from cwmpagent.gradual import Gradual
from cwmpagent.records import Batch

FORMER = "change_former"
"""Note with the state to which a change that is not committed must be undone."""
LATER = "change_later"
"""Note with changes that are committed and take effect after the session."""

Texts = Mapping[Name, str | None]


@dataclass(frozen=True, slots=True)
class Step:
    """The part of a change that concerns one provider; ``former``: the state before it."""

    provider: GuardedProvider
    changes: Texts
    former: Texts


def steps_gradually(
    plan: Plan, tree: Tree, providers: GuardedProviders, keys: Mapping[str, str]
) -> Gradual[list[Step]]:
    """Steps of ``plan``, which was made for ``tree``, one for each provider, in the order of the plan.

    Aliases are stored by the agent itself: no provider gets them.
    """
    after = tree.after(plan.batch)
    written = [name for name, text in plan.batch.values.items() if text is not None or name in plan.assigned]
    changes: dict[str, str | None] = dict.fromkeys(reversed(plan.removed), None)
    changes |= dict.fromkeys(plan.added, "")
    for name in dict.fromkeys((*written, *plan.assigned)):
        yield
        if aliased_row(name, after.definition(name)) is None:
            changes[name] = after.value(name).text
    former: dict[str, str | None] = dict.fromkeys(reversed(plan.added), None)
    for row in plan.removed:
        former[row] = ""
    below = (name for row in plan.removed[:1] for name in tree.parameters(row))
    for name in chain(below, (name for name in changes if name[-1] != "." and tree.exists(name))):
        yield
        former[name] = tree.value(name).text
    before = yield from providers.grouped_gradually(list(former), keys)
    changed = yield from providers.grouped_gradually(list(changes), keys)
    return [
        Step(
            provider,
            {name: changes[name] for name in names},
            {name: former[name] for name in before.get(provider, ())},
        )
        for provider, names in changed.items()
    ]


class Transactions:
    """Carries out changes on the providers, and at the start undoes a change that a crash interrupted.

    ``keys``: row path -> key. ``forget`` is called with all parameters and rows that may have changed. Calls of methods
    must not overlap.
    """

    def __init__(
        self,
        providers: GuardedProviders,
        store: Store,
        observer: Observer,
        keys: Mapping[str, str],
        notes: Mapping[str, str],
        forget: Callable[[Sequence[str]], None],
    ) -> None:
        self._providers = providers
        self._store = store
        self._observer = observer
        self._keys = keys
        self._forget = forget
        self._former = _read(notes.get(FORMER))
        self._later = _read(notes.get(LATER))
        self._unsaved: dict[str, str | None] = {}

    @property
    def held(self) -> frozenset[str]:
        """Parameters and rows whose change waits for the end of the session."""
        return frozenset(self._later)

    async def check(self, parts: Sequence[Step]) -> None:
        """Let each provider check its step. Raises CwmpFault: 9003 with the faults of parameters, or that of a row."""
        faults: dict[str, CwmpFault] = {}
        for step in parts:
            try:
                result = await step.provider.call("check", step.changes)
                faults |= {**_unchangeable(step), **_refusals(step, result)}
            except Unavailable as error:
                raise CwmpFault(9002, "the device could not check the change") from error
        rows = [fault for path, fault in faults.items() if path.endswith(".")]
        if rows:
            raise rows[0]
        if faults:
            raise CwmpFault(
                9003, "", tuple(ParameterFault(path, fault.code, fault.text) for path, fault in faults.items())
            )

    async def carry_out(
        self, parts: Sequence[Step], commit: Callable[[Mapping[str, str | None]], Awaitable[None]]
    ) -> bool:
        """Apply ``parts``, then call ``commit`` with notes for its transaction; after a failure, undo everything.

        Returns True if a change takes effect only after the session. Raises CwmpFault and StoreWriteError.
        """
        if not parts:
            await commit(self._unsaved)
            self._unsaved = {}
            return False
        await self._undo_earlier(parts)
        former = {str(name): text for step in reversed(parts) for name, text in step.former.items()}
        later = dict(self._later)
        reached: list[Step] = []
        try:
            await self._save({FORMER: _written({**self._former, **former})})
            for step in parts:
                reached.append(step)
                waits = await self._apply(step)
                for name, text in step.changes.items():
                    later.pop(name, None)
                    if waits:
                        later[str(name)] = text
            await commit({FORMER: _written(self._former), LATER: _written(later)})
            self._unsaved = {}
        except Exception:
            if reached:
                await _shielded(self._undo_all(reached))
            raise
        finally:
            self._forget([name for step in reached for name in (*step.changes, *step.former)])
        self._later = later
        return any(name in later for step in parts for name in step.changes)

    async def reconcile(self) -> None:
        """Undo a change that an earlier process began and did not commit; never raises."""
        if self._former:
            await self._undo(self._former)
            await self._note_former()

    async def finish(self) -> None:
        """After a session: let changes take effect that waited for it. Failed ones are tried again next time."""
        if self._later:
            await self._take_effect()
        elif self._unsaved:
            await self._note({}, "the note of a change still cannot be saved")

    async def _take_effect(self) -> None:
        for provider, names in self._providers.grouped(list(self._later), self._keys).items():
            try:
                await _done(provider, "finish", {name: self._later[name] for name in names})
            except Unavailable:
                continue
            except CwmpFault as fault:
                provider.failure(f"finish refused: {fault}")
                continue
            self._later = {name: text for name, text in self._later.items() if name not in names}
            self._forget(names)
        owned = self._providers.grouped(list(self._later), self._keys)
        self._later = {str(name): self._later[name] for names in owned.values() for name in names}
        await self._note(
            {LATER: _written(self._later)},
            "a change that took effect after the session may be finished again after a restart",
        )

    async def _apply(self, step: Step) -> bool:
        try:
            waits = await step.provider.call("apply", step.changes)
            if waits not in (None, True, False):
                raise step.provider.failure(f"apply returned {type(waits).__name__}, not True, False or None")
        except Unavailable as error:
            raise CwmpFault(9002, "the device could not apply the change") from error
        return waits is True

    async def _undo_earlier(self, parts: Sequence[Step]) -> None:
        """Undo changes that could not be undone earlier. Raises CwmpFault if that fails for a provider of ``parts``."""
        if not self._former:
            return
        await self._undo(self._former)
        stuck = self._providers.grouped(list(self._former), self._keys)
        if any(step.provider in stuck for step in parts):
            raise CwmpFault(9002, "an earlier change of the device failed and could not be undone")

    async def _undo_all(self, reached: Sequence[Step]) -> None:
        await self._undo({name: text for step in reversed(reached) for name, text in step.former.items()})
        await self._note_former()

    async def _undo(self, former: Mapping[str, str | None]) -> None:
        """Let each provider undo its part, in this order; parts that fail stay in the note."""
        for provider, names in self._providers.grouped(list(former), self._keys).items():
            part = {name: former[name] for name in names}
            try:
                await _done(provider, "undo", part)
            except (Unavailable, CwmpFault) as error:
                self._former = {**self._former, **{str(name): text for name, text in part.items()}}
                self._observer(Warned(f"a failed change could not be undone: {error}"))
            else:
                self._former = {name: text for name, text in self._former.items() if name not in part}
        owned = self._providers.grouped(list(self._former), self._keys)
        self._former = {str(name): self._former[name] for names in owned.values() for name in names}
        self._forget(list(former))

    async def _note_former(self) -> None:
        note = {FORMER: _written(self._former)}
        await self._note(note, "a change that was undone may be undone again at the next start")

    async def _note(self, notes: Mapping[str, str | None], warning: str) -> None:
        """Save ``notes``; after a failure they are saved with the next commit, or after the next session."""
        self._unsaved.update(notes)
        try:
            await self._save(self._unsaved)
        except StoreWriteError as error:
            self._observer(Warned(f"{warning}: {error}"))
        else:
            self._unsaved = {}

    async def _save(self, notes: Mapping[str, str | None]) -> None:
        await self._store.save(Batch(notes=notes))


class _Shielded(Deferred[None]):
    """A Deferred that cannot be cancelled."""

    def cancel(self) -> None:
        """Do nothing."""


async def _done(provider: GuardedProvider, method: str, texts: Texts) -> None:
    result = await provider.call(method, texts)
    if result is not None:
        raise provider.failure(f"{method} returned {type(result).__name__}, not None")


async def _shielded(work: Coroutine[Any, Any, None]) -> None:
    over = _Shielded()
    Deferred.fromCoroutine(work).addCallbacks(over.callback, over.errback)
    await over


def _unchangeable(step: Step) -> dict[str, CwmpFault]:
    """The refusal of everything that the ACS is shown as read-only, whatever the provider's ``check`` says."""
    return {
        str(name): CwmpFault(9001 if name.endswith(".") else 9008, "cannot be changed on this device")
        for name in step.changes
        if not step.provider.can_change(name)
    }


def _refusals(step: Step, result: Any) -> dict[str, CwmpFault]:
    if result is None:
        return {}
    if not isinstance(result, Mapping) or not all(isinstance(reason, str | CwmpFault) for reason in result.values()):
        raise step.provider.failure("check returned neither None nor a mapping of refused names to reasons")
    return {
        str(name): reason if isinstance(reason, CwmpFault) else CwmpFault(9001 if name[-1:] == "." else 9007, reason)
        for name, reason in result.items()
        if name in step.changes
    }


def _written(texts: Mapping[str, str | None]) -> str | None:
    return json.dumps(dict(texts), separators=(",", ":")) if texts else None


def _read(note: str | None) -> dict[str, str | None]:
    try:
        texts: Any = json.loads(note or "{}")
    except ValueError:
        return {}
    if not isinstance(texts, dict):
        return {}
    return {name: text for name, text in texts.items() if text is None or isinstance(text, str)}
