"""Durable state of one agent: an SQLite database in its own directory, used by one process at a time."""

from cwmpagent.store.durable import Store
from cwmpagent.store.memory import MemoryStore

__all__ = ["MemoryStore", "Store", "durable", "files", "lock"]
