"""How closely a device follows the dump that is its model."""

from __future__ import annotations

from typing import Literal

Fidelity = Literal["exact", "strict"]
"""``strict``: every value is one of its type, and Writable follows from the tables of the data model.

``exact``: an ACS reads the values and Writable of the dump as they stand there (an empty number, an empty alias, a row
that cannot be deleted beside one that can), until they are changed. A value that its type does not allow is only shown;
the agent itself uses the same value as with ``strict``.
"""

FIDELITIES: tuple[Fidelity, ...] = ("exact", "strict")
