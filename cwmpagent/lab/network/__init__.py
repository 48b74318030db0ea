"""Network parts of the lab: a NAT in user space, a STUN server and a web site with bounds."""

__all__ = ["bounded_site", "nat", "nat_kind", "stun_server"]
