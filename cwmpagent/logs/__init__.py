"""Log lines: the text of each fact, and the place and form in which lines are written."""

from cwmpagent.logs.facts import FactLog, level_of, line

__all__ = ["FactLog", "level_of", "line", "output"]
