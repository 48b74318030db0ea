"""Agents with one deliberate error each, to test that the demonstration detects it."""
