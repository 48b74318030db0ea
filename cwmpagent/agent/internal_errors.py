"""The report of an internal error: an exception that the agent's own code did not expect."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.errors import internal_error


def report_internal_error(observer: Observer, failure: Failure | None = None) -> None:
    """Emit the traceback of ``failure`` as a warning; None: of the exception being handled.

    Nothing is emitted for work that was cancelled.
    """
    failure = failure or Failure()  # type: ignore[no-untyped-call]  # Twisted has no types there
    if not failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
        observer(Warned(internal_error(failure.getTraceback())))
