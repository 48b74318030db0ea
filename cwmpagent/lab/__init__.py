"""The test bench of ``twistd cwmplab``: an ACS, a STUN server, a NAT, a console, and a demonstration."""

__all__ = ["acs", "certificates", "nat_report", "network", "tap"]
