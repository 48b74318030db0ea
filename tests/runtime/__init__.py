"""Tests of one agent put together."""
