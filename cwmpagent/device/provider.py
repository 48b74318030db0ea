"""Interface that a device maker implements to connect parameters with the device (guide: ``docs/providers.md``).

:class:`Provider` has a default for every method; a subclass sets its paths and overrides the methods that it supports.
Every method may return its result, a coroutine or a Deferred. It runs in the reactor and must not block. An exception,
or a result of the wrong type, affects only the parameters of the provider.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Mapping, Sequence

from cwmpagent.datamodel.names import Name
from cwmpagent.errors import CwmpFault

__all__ = ["Name", "Provider", "Refusal", "Texts"]

Refusal = str | CwmpFault
"""Reason why a change is refused: a sentence (9007 for a value, 9001 for a row), or a fault with its own code."""

Texts = Mapping[str, str | Exception]
"""Full name -> text, or the exception why there is no text."""


class Provider:
    """Supplier of a part of the data model.

    ``paths``: the objects and tables (ending in a dot), with everything below them, and the single parameters that it
    supplies. ``Device.IP.Interface.`` and ``Device.IP.Interface.{i}.`` are equivalent; instance numbers are permitted.
    If several paths cover a parameter, the longest one applies, and among equal paths that of the last provider.
    ``tables``: the tables whose rows it supplies, as templates (``Device.IP.Interface.{i}.IPv4Address.``).
    ``writable``: the objects, tables and single parameters of :attr:`paths` that it can change; everything else of them
    is shown to the ACS as read-only. ``None`` stands for all of :attr:`paths` if the subclass has its own
    :meth:`check`, and for none otherwise. A table stands for its rows, too: AddObject and DeleteObject.
    ``name``: its name in the log.
    The ``Alias`` of a row is stored by the agent and not passed to a provider.
    """

    paths: Sequence[str] = ()
    tables: Sequence[str] = ()
    writable: Sequence[str] | None = None
    name: str = ""

    @property
    def changeable(self) -> Sequence[str]:
        """The paths of :attr:`writable`, or those that ``None`` stands for."""
        if self.writable is not None:
            return self.writable
        return () if type(self).check is Provider.check else self.paths

    def read(self, names: Sequence[Name]) -> Texts | Awaitable[Texts]:
        """Read the present texts of parameters, as in CWMP; a parameter without a text keeps its stored value.

        All names of one request are in one call. An exception instead of a text means that this parameter cannot be
        read; it does not affect the others.
        """
        return {}

    def instances(self, table: Name) -> Iterable[str] | Awaitable[Iterable[str]]:
        """Return the keys of the present rows of ``table``, one of :attr:`tables`: unique texts of 1 to 256 characters.

        The agent assigns an instance number to each key and keeps it over restarts and while the row is absent. The
        key of a row that an ACS has created is its instance number.
        """
        return ()

    def check(
        self, changes: Mapping[Name, str | None]
    ) -> Mapping[str, Refusal] | Awaitable[Mapping[str, Refusal] | None] | None:
        """Check ``changes`` without applying them; return those that are refused, with the reason.

        ``changes``: name of a parameter -> new text; name of a row (ending in a dot) -> ``""`` to create it, ``None``
        to delete it. The default refuses all changes.
        """
        return {name: CwmpFault(9001, "cannot be changed on this device") for name in changes}

    def apply(self, changes: Mapping[Name, str | None]) -> bool | Awaitable[bool | None] | None:
        """Apply the checked ``changes``: all of them, or raise and apply none.

        Return ``True`` if they can take effect only after the end of the session; :meth:`finish` is then called with
        them.
        """
        return None

    def undo(self, former: Mapping[Name, str | None]) -> Awaitable[None] | None:
        """Restore ``former``: like ``changes``, with the state before the change; deleted rows with their values.

        Called if a change fails later, and at the next start after a crash. The change may not have been applied, or
        only in part, and :meth:`undo` may have been called before.
        """
        return None

    def finish(self, changes: Mapping[Name, str | None]) -> Awaitable[None] | None:
        """Let ``changes``, for which :meth:`apply` returned ``True``, take effect after the end of the session.

        Called again, later or after a restart, until it returns without an exception.
        """
        return None
