"""The test bench of ``twistd cwmplab``: an ACS, a STUN server, a NAT, a file server, a console, and a demonstration."""

__all__ = ["acs", "certificates", "files", "nat_report", "network", "tap"]
