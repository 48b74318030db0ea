"""The command `cwmpagent`: a client of the control socket of a running agent, and the NAT report of the test bench."""

__all__ = ["main"]
