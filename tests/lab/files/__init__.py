"""Tests of the lab's file server."""
