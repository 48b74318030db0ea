"""Report of the ConnectionRequest subsystem: URL and addresses, and the state of the NAT binding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.connection_request.udp import UdpConnectionRequests
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.report import Json, Metric, Report, span, stamped
from cwmpagent.protocol.masking import quoted, without_userinfo


class ConnectionRequestReport(Report):
    """``connection_request`` in `status`. ``udp`` is None where the agent has no UDP port."""

    def __init__(self, server: ManagementServer, http: ConnectionRequests, udp: UdpConnectionRequests | None) -> None:
        self._server = server
        self._http = http
        self._by_udp = udp

    def status(self) -> Json:
        """Return the URL, whether credentials are set, the state of the UDP port, and refused requests."""
        return {
            "connection_request": {
                "url": without_userinfo(self._server.text("ConnectionRequestURL")),
                "credentials": self._http.credentials() is not None,
                "udp": self._udp(),
                "refused": self._refused(),
            }
        }

    def summary(self) -> Iterable[tuple[str, str]]:
        """Return the URL, the address and binding of the UDP port, and refused requests where there are any."""
        request = self.status()["connection_request"]
        missing = "" if request["credentials"] else " (refuses every request: its user name or password is not set)"
        no_url = "no URL: disabled, or the local address towards the ACS is unknown"
        yield "ConnectionRequest", request["url"] + missing if request["url"] else no_url
        udp = request["udp"]
        if udp is not None:
            yield "by UDP", "; ".join(_udp_texts(udp))
        if request["refused"]["count"]:
            yield "Refused requests", _refused_text(request["refused"])

    def metrics(self) -> Iterable[Metric]:
        """Return counts of refused requests, and the state of the NAT binding where one is kept."""
        for reason, count in self._http.refusals.counts.items():
            name = "cwmpagent_connection_requests_refused_total"
            labels = (("reason", reason.name.lower()),)
            yield Metric(name, "Refused ConnectionRequests.", count, counter=True, labels=labels)
        binding = self._by_udp.binding if self._by_udp is not None else None
        if binding is not None:
            yield Metric("cwmpagent_binding_period_seconds", "Keep-alive period of the NAT binding.", binding.period)
            answered = 0.0 if binding.failing else 1.0
            yield Metric("cwmpagent_binding_answered", "Whether the STUN server answers: 1 or 0.", answered)

    def _refused(self) -> dict[str, Any]:
        """Number of refused requests since the start, in all and by reason, and the last one."""
        refusals = self._http.refusals
        last = refusals.last
        return {
            "count": refusals.counts.total(),
            "reasons": {reason.value: count for reason, count in refusals.counts.most_common()},
            "last": None
            if last is None
            else {"at": stamped(last.wall), "source": last.source, "by": last.by, "reason": last.reason.value},
        }

    def _udp(self) -> dict[str, Any] | None:
        """Address and NAT binding; None where no requests by UDP are accepted."""
        udp, address = self._by_udp, self._server.text("UDPConnectionRequestAddress")
        if udp is None or not address:
            return None
        binding, stun = udp.binding, None
        if binding is not None:
            stun = {"period": round(binding.period, 1), "searching": binding.searching, "answered": not binding.failing}
        return {"address": address, "nat": self._server.flag("NATDetected"), "stun": stun}


def _refused_text(refused: Json) -> str:
    last = refused["last"]
    source = f" from {quoted(last['source'])}" if last["source"] else ""
    return f"{refused['count']}; the last one {last['at']} by {last['by']}{source}: {last['reason']}"


def _udp_texts(udp: Json) -> Iterable[str]:
    yield udp["address"] + (", behind a NAT" if udp["nat"] else "")
    stun = udp["stun"]
    if stun is not None:
        yield f"kept alive every {span(stun['period'])}" if stun["answered"] else "the STUN server does not answer"
        if stun["searching"]:
            yield "still searching for the lifetime of the binding"
