"""What a device maker implements so that parameters are those of the real device (``docs/providers.md`` is the guide).

:class:`Provider` has a default for everything: a subclass says which paths it answers for and overrides what it can.
Every method may be plain, a coroutine, or return a Deferred. A plain one must not block: it runs in the reactor. What a
method raises, or a result of the wrong type, faults the provider's own parameters and nothing else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence

from cwmpagent.datamodel.names import Name
from cwmpagent.errors import CwmpFault

__all__ = ["Name", "Provider", "Refusal", "Texts"]

Refusal = str | CwmpFault
"""Why a change is refused: a sentence (9007 for a value, 9001 for a row), or a fault with its own code."""

Texts = Mapping[str, str | Exception]
"""Full name -> its text, or why there is none."""


class Provider:
    """A part of the device.

    ``paths``: what it answers for: objects and tables (ending in a dot) with all below them, and single parameters.
    ``Device.IP.Interface.`` and ``Device.IP.Interface.{i}.`` are the same; real instance numbers are allowed too. Of
    several that cover a parameter the longest path counts, and among equal ones the provider that was given last.
    ``tables``: those whose rows it supplies, as templates (``Device.IP.Interface.{i}.IPv4Address.``).
    ``name``: what it is called in the log.
    What an ACS calls a row (its ``Alias``) is kept by the agent and is no provider's business.
    """

    paths: Sequence[str] = ()
    tables: Sequence[str] = ()
    name: str = ""

    def read(self, names: Sequence[Name]) -> Texts | Awaitable[Texts]:
        """The texts of these parameters now, as CWMP writes them; one that is missing keeps the value it was given.

        All names of one request come in one call. An exception in the place of a text says that this parameter
        cannot be read, whatever becomes of the others.
        """
        return {}

    def instances(self, table: Name) -> Iterable[str] | Awaitable[Iterable[str]]:
        """The keys of the rows that ``table``, one of :attr:`tables`, has now: different texts of 1 to 256 characters.

        The agent gives each key an instance number and keeps it, over restarts and while the row is away. A row that
        an ACS has created is known by its instance number.
        """
        return ()

    def check(
        self, changes: Mapping[Name, str | None]
    ) -> Mapping[str, Refusal] | Awaitable[Mapping[str, Refusal] | None] | None:
        """What of ``changes`` must be refused, and why; nothing is changed yet.

        ``changes``: a parameter and its new text; a row (it ends in a dot) and ``""`` where it is to be created,
        ``None`` where it is to be deleted. The default refuses all of it.
        """
        return {name: CwmpFault(9001, "cannot be changed on this device") for name in changes}

    def apply(self, changes: Mapping[Name, str | None]) -> bool | Awaitable[bool | None] | None:
        """Make ``changes``, which were checked, all of them or, by raising, none.

        ``True``: they cannot take effect before the session is over; :meth:`finish` is called with them then.
        """
        return None

    def undo(self, former: Mapping[Name, str | None]) -> Awaitable[None] | None:
        """Go back to ``former``: as ``changes``, with what was there before the change; deleted rows with their values.

        Called where a change failed later on, also at the next start after a crash. It may be so already: nothing of
        the change was made, or only a part, or :meth:`undo` was called before.
        """
        return None

    def finish(self, changes: Mapping[Name, str | None]) -> Awaitable[None] | None:
        """Let ``changes``, for which :meth:`apply` gave ``True``, take effect: the session is over.

        Called again, later or after a restart, until it returns without raising.
        """
        return None
