"""The durable state of one agent: one SQLite database in a directory of its own, one process at a time."""

from cwmpagent.store.durable import Store
from cwmpagent.store.memory import MemoryStore

__all__ = ["MemoryStore", "Store", "durable", "lock"]
