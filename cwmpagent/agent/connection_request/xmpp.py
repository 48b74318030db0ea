"""ConnectionRequests by XMPP (TR-069 Annex K): keeps enabled accounts logged in, and answers requests.

Changes by the ACS take effect at once. The state of a connection is written to its row. For the row that
ConnReqXMPPConnection names, the Jabber ID is also written to ConnReqJabberID.
"""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred

from cwmpagent.agent.connection_request.http import ConnectionRequests
from cwmpagent.agent.connection_request.xmpp_table import XmppStats, XmppTable
from cwmpagent.agent.device_identity import current_time
from cwmpagent.agent.facts import Noted, Observer, Warned
from cwmpagent.agent.internal_errors import report_internal_error
from cwmpagent.agent.management_server import ManagementServer
from cwmpagent.agent.parameters.changes import Change, Changes, Origin
from cwmpagent.agent.ports import Clock, Xmpp, XmppConnection
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.tree import Tree
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.connection_request.xmpp import ConnectionRequest, XmppVerdict, judge
from cwmpagent.protocol.connection_request.xmpp_account import Account, Standing, Stats
from cwmpagent.values import list_items

_DISABLED = Standing("Disabled")


class XmppConnectionRequests:
    """XMPP connections of one agent. Does nothing for a model without the table XMPP.Connection."""

    def __init__(
        self,
        *,
        tree: Tree,
        server: ManagementServer,
        changes: Changes,
        xmpp: Xmpp,
        connection_requests: ConnectionRequests,
        stats: XmppStats,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._tree = tree
        self._table = XmppTable(tree)
        self._server = server
        self._changes = changes
        self._xmpp = xmpp
        self._connection_requests = connection_requests
        self._stats = stats
        self._clock = clock
        self._observer = observer
        self._open: dict[str, tuple[Account, XmppConnection]] = {}
        self._standings: dict[str, Standing] = {}
        self._running = False
        self._stale = False
        self._following = False
        self._failing = False
        self._work: Deferred[None] | None = None
        self._follows = {server.path(name) for name in ("ConnReqXMPPConnection", "ConnReqJabberID")}

    def start(self) -> None:
        """Log in, and apply changes of the parameters from now on."""
        self._running = True
        self._update()

    async def stop(self) -> None:
        """Log out everywhere. The parameters are not changed: the Jabber ID may be the same after the next login."""
        self._running = False
        if self._work is not None:
            await self._work
        for _, connection in list(self._open.values()):
            await connection.close()
        self._open.clear()
        self._standings.clear()

    def changed(self, change: Change) -> None:
        """Apply a change of parameters or rows that concerns XMPP."""
        plan = change.plan
        if not self._follows.isdisjoint(plan.changed) or self._concerns((*plan.changed, *plan.added, *plan.removed)):
            self._update()

    def refresh(self) -> None:
        """Before an Inform: write parameters again if that failed."""
        if self._failing:
            self._update()

    def judged(self, row: str, request: ConnectionRequest) -> XmppVerdict:
        """Return the answer to a request on the connection of ``row``, and process an accepted request."""
        refused = self._connection_requests.refused
        if row != self._referenced():
            refused(request.sender, Refusal.OTHER_CONNECTION, by="XMPP")
            return XmppVerdict.UNAVAILABLE
        credentials = self._connection_requests.credentials()
        verdict = judge(
            request,
            enabled=self._running and self._server.flag("EnableCWMP", True),
            credentials=credentials,
            allowed_ids=list_items(self._server.text("ConnReqAllowedJabberIDs")),
        )
        if verdict is XmppVerdict.ACCEPTED and not self._connection_requests.requested(request.sender, "XMPP"):
            return XmppVerdict.UNAVAILABLE
        if verdict is not XmppVerdict.ACCEPTED:
            refused(request.sender, _refusal(verdict, credentials), by="XMPP")
        return verdict

    def _concerns(self, names: Iterable[str]) -> bool:
        return any(name.startswith(self._table.path) for name in names)

    def _referenced(self) -> str:
        """Path of the row that ConnReqXMPPConnection names; empty where there is none."""
        row = self._server.text("ConnReqXMPPConnection").removesuffix(".") + "."
        return row if row in self._table.rows else ""

    def _update(self) -> None:
        """Update connections and parameters; updates do not overlap."""
        self._stale = True
        if self._running and not self._following:
            self._following = True
            self._work = Deferred.fromCoroutine(self._follow())
            self._work.addErrback(lambda failure: report_internal_error(self._observer, failure))

    async def _follow(self) -> None:
        try:
            while self._stale and self._running:
                self._stale = False
                await self._connect()
                await self._write()
        finally:
            self._following = False

    async def _connect(self) -> None:
        for row, (account, connection) in list(self._open.items()):
            if self._table.accounts().get(row) != account:
                # The old connection is closed first: the server must not see two connections with the same name.
                del self._open[row]
                await connection.close()
                self._standings.pop(row, None)
        if not self._running:
            return
        for row, account in self._table.accounts().items():  # read again: closing may have taken long
            if row not in self._open:
                stats = self._stats.counted.setdefault(row, Stats())
                self._open[row] = (account, self._begin(row, account, stats))
        for row in self._stats.counted.keys() - set(self._table.rows):
            del self._stats.counted[row]

    def _begin(self, row: str, account: Account, stats: Stats) -> XmppConnection:
        return self._xmpp.open(
            account,
            stats,
            lambda standing: self._changed_standing(row, account, standing),
            lambda request: self.judged(row, request),
        )

    def _changed_standing(self, row: str, account: Account, standing: Standing) -> None:
        if standing.status == "Enabled":
            exposed = "without TLS, as UseTLS is false: the passwords in connection requests can be read on the way"
            how = "with TLS" if standing.tls else exposed
            self._observer(Noted(f"{row} is logged in as {standing.jid}, {how}"))
        elif standing.reason:
            self._observer(Warned(f"{row} {standing.status}: {standing.reason}"))
        self._standings[row] = standing
        self._update()

    async def _write(self) -> None:
        """Update the parameters. A failure is a warning, once; never raises."""
        values = self._stale_values()
        if not values:
            self._failing = False
            return
        try:
            await self._changes.set_values(
                [ParameterAssignment(path, text) for path, text in values.items()], Origin.DEVICE
            )
            self._failing = False
        except CwmpFault as fault:
            if not self._failing:
                reason = fault.parameters[0].text if fault.parameters else fault.text
                self._observer(Warned(f"cannot write the state of the XMPP connections: {reason}"))
            self._failing = True

    def _stale_values(self) -> dict[str, str]:
        """Present values of the parameters whose values are out of date."""
        present: dict[str, str] = {}
        for row in self._table.rows:
            standing = self._standings.get(row, _DISABLED)
            present[row + "Status"] = self._status(row, standing)
            present[row + "TLSEstablished"] = "true" if standing.tls else "false"
            if standing.jid:
                present[row + "JabberID"] = standing.jid
        row = self._referenced()
        if not row or self._table.text(row + "Enable") != "true":
            present[self._server.path("ConnReqJabberID")] = ""
        elif row in self._standings and self._standings[row].jid:
            present[self._server.path("ConnReqJabberID")] = self._standings[row].jid
        stale = {path: text for path, text in present.items() if self._differs(path, text)}
        for path in list(stale):
            date = path.removesuffix("Status") + "LastChangeDate"
            if path.endswith(".Status") and self._tree.exists(date):
                stale[date] = current_time(self._clock)
        return stale

    def _status(self, row: str, standing: Standing) -> str:
        """Value of Status for ``standing``; Unknown where this model does not permit the status."""
        try:
            definition = self._tree.definition(row + "Status")
        except CwmpFault:
            return standing.status
        return "Unknown" if definition.refusal(standing.status) else standing.status

    def _differs(self, path: str, text: str) -> bool:
        return self._tree.exists(path) and self._tree.value(path).text != text


def _refusal(verdict: XmppVerdict, credentials: tuple[str, str] | None) -> Refusal:
    """The reason of a refusal."""
    if verdict is XmppVerdict.SILENCE:
        return Refusal.SENDER_NOT_ALLOWED
    if verdict is XmppVerdict.UNAVAILABLE:
        return Refusal.DISABLED
    return Refusal.WRONG_CREDENTIALS if credentials else Refusal.NO_CREDENTIALS_SET
