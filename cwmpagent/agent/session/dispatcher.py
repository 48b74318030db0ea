"""The RPC dispatcher: carries out each RPC of the ACS, and returns an answer in every case.

The function of an RPC takes the request and returns its response, an :class:`Answer`, or an awaitable of either. It
raises :class:`~cwmpagent.errors.CwmpFault` to refuse the request; any other exception becomes fault 9002.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.python.failure import Failure

from cwmpagent.agent.facts import Observer, RpcCrashed, Warned
from cwmpagent.agent.ports import Timers
from cwmpagent.errors import CwmpFault, MisuseError, listed_faults
from cwmpagent.faults import fault_text
from cwmpagent.protocol.rpc import (
    AcsRequest,
    Fault,
    GenericRequest,
    GetRPCMethods,
    GetRPCMethodsResponse,
    Request,
    Response,
    rpc_name,
)
from cwmpagent.protocol.session.replies import answers


@dataclass(frozen=True, slots=True)
class AfterSessionWork:
    """Base class of values that describe work for the time after the session; each kind of work has its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Result of an RPC: the message to send, and work for the time after the session."""

    response: Response | Fault
    after: tuple[AfterSessionWork, ...] = ()


Result = Response | Answer
Performer = Callable[[Any], Result | Awaitable[Result]]
"""Function that carries out one RPC; its argument is the request."""


class Dispatcher:
    """The registered RPCs and their functions. GetRPCMethods is registered by the dispatcher itself.

    ``rpc_timeout``: seconds. ``settled`` returns when no commit is under way: an RPC whose time-out expires during its
    commit is answered with the result of the commit.
    """

    def __init__(
        self, timers: Timers, observer: Observer, *, rpc_timeout: float, settled: Callable[[], Awaitable[None]]
    ) -> None:
        self._timers = timers
        self._observer = observer
        self._rpc_timeout = rpc_timeout
        self._settled = settled
        self._performers: dict[str, Performer] = {}
        self.register(GetRPCMethods, lambda request: GetRPCMethodsResponse(method_list=self.names()))

    def register(self, rpc: type[AcsRequest] | type[GetRPCMethods] | str, perform: Performer) -> None:
        """Register ``perform`` for ``rpc``: a request class, or the name of a vendor RPC (``X_<VENDOR>_Name``)."""
        name = rpc if isinstance(rpc, str) else rpc.NAME
        if isinstance(rpc, str) and not name.startswith("X_"):
            raise MisuseError(f"the RPC name {name!r} must begin with X_<VENDOR>_")
        if name in self._performers:
            raise MisuseError(f"the RPC {name} is registered already")
        self._performers[name] = perform

    def names(self) -> tuple[str, ...]:
        """MethodList of GetRPCMethodsResponse (TR-069 A.3.1.1)."""
        return tuple(sorted(self._performers))

    async def dispatch(self, request: Request) -> Answer:
        """Carry out ``request``. Never raises: every failure is a Fault in the answer."""
        name = request.name if isinstance(request, GenericRequest) else request.NAME
        perform = self._performers.get(name)
        if perform is None:
            return Answer(_fault(9000))
        try:
            result = await self._in_time(name, maybeDeferred(_run, perform, request))
        except CwmpFault as fault:
            return Answer(_fault(fault.code, fault.text, fault))
        except CancelledError:
            return Answer(_fault(9002, "the request took too long"))
        except Exception:
            self._observer(RpcCrashed(name, Failure().getTraceback()))  # type: ignore[no-untyped-call]  # Twisted has no types there
            return Answer(_fault(9002))
        answer = Answer(result) if isinstance(result, Response) else result
        if isinstance(answer, Answer) and (isinstance(answer.response, Fault) or answers(request, answer.response)):
            return answer
        returned = rpc_name(answer.response) if isinstance(answer, Answer) else type(result).__name__
        self._observer(Warned(f"{name}: the function of this RPC returned {returned}, which is not the response"))
        return Answer(_fault(9002))

    async def _in_time(self, name: str, work: Deferred[Any]) -> Any:
        """Return the result of ``work``. Raises CancelledError after the time-out; a later result is discarded."""
        outcome: Deferred[Any] = Deferred()

        def finished(result: Any) -> None:
            if not outcome.called:
                outcome.callback(result)
            elif isinstance(result, Failure) and not result.check(CancelledError, CwmpFault):  # type: ignore[no-untyped-call]  # Twisted has no types there
                self._observer(RpcCrashed(name, result.getTraceback()))

        def give_up() -> None:
            if not outcome.called:
                outcome.errback(CancelledError())

        def expired() -> None:
            work.cancel()
            if not outcome.called:
                # A commit under way is completed. The function can still return its result before the RPC is given up.
                settled = Deferred.fromCoroutine(self._wait())
                settled.addBoth(lambda _: self._timers.callLater(0, give_up))

        work.addBoth(finished)
        timer = self._timers.callLater(self._rpc_timeout, expired)
        try:
            return await outcome
        finally:
            if timer.active():
                timer.cancel()
                work.cancel()

    async def _wait(self) -> None:
        await self._settled()


def _run(perform: Performer, request: Request) -> Any:
    result = perform(request)
    if inspect.iscoroutine(result):
        return Deferred.fromCoroutine(result)
    return result


def _fault(code: int, text: str = "", cause: CwmpFault | None = None) -> Fault:
    parameters, others = listed_faults(cause.parameters if cause else ())
    return Fault(code=code, text=text or others or fault_text(code), parameters=parameters)
