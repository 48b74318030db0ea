"""One client: a request a line, answered one after another, and never more in memory than the client takes."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.protocols.basic import LineReceiver
from twisted.protocols.policies import TimeoutMixin
from twisted.python.failure import Failure
from zope.interface import implementer

from cwmpagent.agent.facts import Fact
from cwmpagent.control.commands import CommandAnswer, Commands, Watch
from cwmpagent.control.recent_facts import Item, RecentFacts
from cwmpagent.control.request import LONGEST, parse
from cwmpagent.errors import ControlError, CwmpFault, internal_error
from cwmpagent.faults import fault_text

PATIENCE = 60.0
"""Seconds that a client may take to send its next request, or to take the next piece of an answer."""
PIECE = 1 << 16
"""Bytes of an answer that wait for the client at a time."""
MOST_WAITING = 1 << 20
"""Bytes of watched facts that wait for the client; what comes beyond that is counted, and lost."""


class Connection(LineReceiver, TimeoutMixin):
    """``warn`` is told of what should never happen; ``closed`` when the client has gone."""

    delimiter = b"\n"
    MAX_LENGTH = LONGEST
    transport: Any

    def __init__(
        self,
        reactor: Any,
        commands: Commands,
        recent: RecentFacts,
        *,
        warn: Callable[[str], None],
        closed: Callable[[Connection], None],
    ) -> None:
        self._reactor = reactor
        self._commands = commands
        self._recent = recent
        self._warn = warn
        self._closed = closed
        self._watching: _Watching | None = None
        self._gone = False

    def callLater(self, delay: float, function: Callable[[], object]) -> Any:
        """The agent's own reactor, for :class:`TimeoutMixin`."""
        return self._reactor.callLater(delay, function)

    def connectionMade(self) -> None:
        """A client has come."""
        self.setTimeout(PATIENCE)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def timeoutConnection(self) -> None:
        """It sends nothing, or takes nothing."""
        self.transport.abortConnection()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """It has gone; a change that is being made for it is finished."""
        self._gone = True
        self.setTimeout(None)  # type: ignore[no-untyped-call]  # Twisted has no types there
        if self._watching is not None:
            self._recent.leave(self._watching)
        self._closed(self)

    def lineReceived(self, line: bytes) -> None:
        """A request; nothing more is read before its answer has been taken."""
        if self._watching is not None:
            self.transport.abortConnection()
            return
        self.setTimeout(None)  # type: ignore[no-untyped-call]  # Twisted has no types there
        self.pauseProducing()  # type: ignore[no-untyped-call]  # Twisted has no types there
        Deferred.fromCoroutine(self._serve(line)).addErrback(self._crashed)

    def lineLengthExceeded(self, line: bytes) -> None:
        """It goes on for too long."""
        self.transport.write(_line(_error(f"a request has at most {LONGEST} bytes")))
        self.transport.loseConnection()

    async def _serve(self, line: bytes) -> None:
        try:
            answer = await self._commands.carry_out(parse(line))
        except ControlError as error:
            answer = CommandAnswer(_error(str(error)))
        except CwmpFault as fault:
            answer = CommandAnswer(_fault(fault))
        except Exception:  # a client must not be left without an answer
            self._warn(internal_error(Failure().getTraceback()))  # type: ignore[no-untyped-call]  # Twisted has no types there
            answer = CommandAnswer(_error("internal error of the agent; the log of the agent has the details"))
        else:
            if isinstance(answer, Watch):
                self._watch(answer)
                return
            answer = CommandAnswer({"result": answer.result}, answer.items)
        self._send(answer)

    def _send(self, answer: CommandAnswer) -> None:
        if not self._gone:
            lines = map(_line, chain(({"item": item} for item in answer.items), (answer.result,)))
            self.transport.registerProducer(_Sending(self, lines), False)

    def _sent(self) -> None:
        self.transport.unregisterProducer()
        self.setTimeout(PATIENCE)  # type: ignore[no-untyped-call]  # Twisted has no types there
        self.resumeProducing()  # type: ignore[no-untyped-call]  # Twisted has no types there

    def _watch(self, watch: Watch) -> None:
        if self._gone:
            return
        self._watching = watching = _Watching(watch, self.transport, self._seen)
        self._recent.follow(watching, envelopes=watch.envelopes)
        self.transport.registerProducer(watching, True)
        self.resumeProducing()  # type: ignore[no-untyped-call]  # no types there; only so that its end is noticed
        watch.begin()

    def _seen(self) -> None:
        """The last fact that was asked for has been passed on."""
        assert self._watching is not None
        self._recent.leave(self._watching)
        self._watching = None
        self.transport.unregisterProducer()
        self.setTimeout(PATIENCE)  # type: ignore[no-untyped-call]  # Twisted has no types there

    def _crashed(self, failure: Failure) -> None:
        self._warn(internal_error(failure.getTraceback()))
        self.transport.abortConnection()


@implementer(IPullProducer)
class _Sending:
    """Gives the transport the next piece of an answer each time that it has got rid of the last one."""

    def __init__(self, connection: Connection, lines: Iterator[bytes]) -> None:
        self._connection = connection
        self._lines = lines

    def resumeProducing(self) -> None:
        piece = bytearray()
        for line in self._lines:
            piece += line
            if len(piece) >= PIECE:
                break
        if piece:
            self._connection.setTimeout(PATIENCE)  # type: ignore[no-untyped-call]  # Twisted has no types there
            self._connection.transport.write(bytes(piece))
        else:
            self._connection._sent()

    def stopProducing(self) -> None:
        self._lines = iter(())


@implementer(IPushProducer)
class _Watching:
    """A follower of facts whose client may be slow."""

    def __init__(self, watch: Watch, transport: Any, seen: Callable[[], None]) -> None:
        self._watch = watch
        self._transport = transport
        self._seen = seen
        self._paused = False
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._lost = 0
        self._over = False

    def __call__(self, fact: Fact, item: Item) -> None:
        if self._over or not self._watch.wanted(fact):
            return
        self._put(_line({"item": item}))
        if self._watch.last(fact):
            self._over = True
            self._put(_line({"result": {}}), needed=True)
        self._flush()

    def _put(self, line: bytes, *, needed: bool = False) -> None:
        if self._size + len(line) > MOST_WAITING and not needed:
            self._lost += 1
            return
        if self._lost:
            told = _line({"item": {"lost": self._lost}})
            self._waiting.append(told)
            self._size += len(told)
            self._lost = 0
        self._waiting.append(line)
        self._size += len(line)

    def _flush(self) -> None:
        while self._waiting and not self._paused:
            line = self._waiting.popleft()
            self._size -= len(line)
            self._transport.write(line)
        if self._over and not self._waiting:
            self._seen()

    def resumeProducing(self) -> None:
        self._paused = False
        self._flush()

    def pauseProducing(self) -> None:
        self._paused = True

    def stopProducing(self) -> None:
        self._paused = True


def _line(message: Item) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def _error(reason: str) -> Item:
    return {"error": {"reason": reason, "code": 0, "parameters": []}}


def _fault(fault: CwmpFault) -> Item:
    parameters: Iterable[Item] = [
        {"name": each.name, "code": each.code, "reason": each.text or fault_text(each.code)}
        for each in fault.parameters
    ]
    return {"error": {"reason": fault.text or fault_text(fault.code), "code": fault.code, "parameters": parameters}}
