"""Reports of internal errors: exceptions that the code of the agent does not expect."""

from __future__ import annotations

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.errors import internal_error


def report_internal_error(observer: Observer, failure: Failure | None = None) -> None:
    """Emit the traceback of ``failure`` as a warning; None means the exception that is being handled.

    Nothing is emitted for a CancelledError.
    """
    failure = failure or Failure()  # type: ignore[no-untyped-call]  # Twisted has no types there
    if not failure.check(CancelledError):  # type: ignore[no-untyped-call]  # Twisted has no types there
        observer(Warned(internal_error(failure.getTraceback())))
