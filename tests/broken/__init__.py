"""Agents with one thing deliberately wrong, to see that the demonstration notices."""
