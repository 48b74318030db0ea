"""The command `cwmpagent`: it asks a running agent on the same machine, and runs the bench."""

__all__ = ["main"]
