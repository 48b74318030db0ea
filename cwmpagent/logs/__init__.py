"""The log: one line of text for each fact, and the destination and format of the log."""

from cwmpagent.logs.facts import FactLog, level_of, line

__all__ = ["FactLog", "level_of", "line", "output"]
