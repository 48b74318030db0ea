"""Tests of what files do."""
