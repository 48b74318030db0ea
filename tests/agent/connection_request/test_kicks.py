"""The kick page of a simulated agent: one session for the browsers that wait, and its bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.agent.connection_request.kicks import MOST_ACCEPTED, MOST_OF_A_SOURCE, MOST_WAITING, PATIENCE, WINDOW
from cwmpagent.agent.facts import ConnectionRequestRefused, KickEnded
from cwmpagent.agent.journal import AGENDA
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.errors import TransportError
from cwmpagent.protocol.agenda.events import BOOT, CONNECTION_REQUEST, KICKED, PERIODIC, Event
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.protocol.kick import PageAnswer
from cwmpagent.protocol.rpc import Fault, Inform, Kicked, KickedResponse, Message
from tests.agent.ports import SERVER, Posted, Said, SimulatedAgent, finished, reply

QUERY = "command=1&arg=a&next=http://portal.example/"
LATE = "the ACS has not answered within 30 s"
URL = "https://portal.example/welcome?token=t"


class KickTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.begin()

    def begin(self, **parameters: str) -> None:
        """Start an agent with a page whose ACS answers with :data:`URL`."""
        self.simulated = SimulatedAgent(**parameters)
        self.simulated.kick = True
        self.answers(KickedResponse(URL))
        self.simulated.begin()

    def answers(self, answer: Message | Said | Callable[[], Said]) -> None:
        """What the ACS answers to each Kicked."""

        def instead(posted: Posted) -> Said:
            if not isinstance(posted.message, Kicked):
                return None
            said: Any = answer() if callable(answer) else answer
            return reply(said, posted) if isinstance(said, KickedResponse | Fault) else said

        self.simulated.acs.instead = instead

    def down(self) -> None:
        """The ACS can no longer be reached."""
        self.simulated.acs.instead = lambda posted: TransportError("down")

    def ask(self, source: str = "192.0.2.7", query: str = QUERY, referer: str = "") -> Deferred[PageAnswer]:
        kicks = self.simulated.runtime.connection_requests.kicks
        assert kicks is not None
        return kicks.asked(source, query, referer)

    def sent(self) -> list[Kicked]:
        messages = [posted.message for session in self.simulated.acs.sessions for posted in session]
        return [message for message in messages if isinstance(message, Kicked)]

    def pending(self) -> list[str]:
        return [event.code for event in self.simulated.runtime.agenda.pending]

    def outcomes(self) -> list[str]:
        return [fact.outcome for fact in self.simulated.facts if isinstance(fact, KickEnded)]

    def refused(self) -> Counter[Refusal]:
        return self.simulated.runtime.connection_requests.http.refusals.counts

    def test_the_way_of_a_browser(self) -> None:
        answer = self.successResultOf(self.ask(referer="http://isp.example/"))
        self.assertEqual(answer, PageAnswer(302, location=URL))
        self.assertEqual(self.sent(), [Kicked("1", "http://isp.example/", "a", "http://portal.example/")])
        self.assertEqual(self.simulated.acs.event_codes()[1:], [(KICKED,)])
        self.assertEqual([type(posted.message) for posted in self.simulated.acs.sessions[-1][:2]], [Inform, Kicked])
        self.assertEqual((self.pending(), self.outcomes()), ([], ["sent on to https://portal.example"]))
        self.simulated.run(86400)
        self.assertEqual(len(self.simulated.acs.sessions), 2)

    def test_never_where_the_query_says(self) -> None:
        for url, status in (
            ("", 200),
            ("javascript:alert(1)", 502),
            ("//evil.example/", 502),
            ("http://a@evil.example/", 502),
            ("http://a.example/\nSet-Cookie: x=1", 502),
        ):
            self.answers(KickedResponse(url))
            answer = self.successResultOf(self.ask())
            self.assertEqual((answer.status, answer.location), (status, ""), url)
            self.assertNotIn("evil", answer.text)
            self.simulated.run(WINDOW)

    def test_a_fault_is_an_answer(self) -> None:
        self.answers(Fault(8002, "internal"))
        answer = self.successResultOf(self.ask())
        self.assertEqual((answer.status, self.pending(), self.outcomes()), (502, [], ["the ACS answered fault 8002"]))
        self.simulated.run(86400)
        self.assertEqual((len(self.sent()), len(self.simulated.acs.sessions)), (1, 2))

    def test_a_wrong_query_opens_no_session(self) -> None:
        answer = self.successResultOf(self.ask(query="command=1&next=javascript:alert(1)"))
        self.assertEqual((answer.status, answer.location), (400, ""))
        self.assertEqual((len(self.simulated.acs.sessions), self.pending()), (1, []))
        self.assertEqual(self.refused(), {Refusal.WRONG_KICK: 1})

    def test_without_an_answer_in_time(self) -> None:
        self.answers(Deferred())
        waiting = self.ask()
        self.simulated.run(PATIENCE - 1)
        self.assertNoResult(waiting)
        self.simulated.run(2)
        answer = self.successResultOf(waiting)
        self.assertEqual((answer.status, answer.location, self.outcomes()), (504, "", [LATE]))

    def test_a_session_that_fails_is_tried_again(self) -> None:
        answers = iter((TransportError("broken"), KickedResponse(URL)))
        self.answers(lambda: next(answers))  # type: ignore[arg-type, return-value]  # made a reply above
        waiting = self.ask()
        self.assertNoResult(waiting)
        self.simulated.run(PATIENCE - 5)
        self.assertEqual(self.successResultOf(waiting).location, URL)
        self.assertEqual((len(self.sent()), self.pending()), (2, []))

    def test_an_acs_that_is_down(self) -> None:
        self.down()
        waiting = self.ask()
        before = len(self.simulated.acs.sessions)
        answer = self.successResultOf(self.ask("192.0.2.8"))
        self.assertEqual(answer.status, 503)
        self.assertEqual(len(self.simulated.acs.sessions), before)  # it has not shortened the retry wait
        self.simulated.run(PATIENCE + 1)
        self.assertEqual((self.successResultOf(waiting).status, self.pending()), (504, [KICKED]))
        self.answers(KickedResponse(URL))
        self.simulated.run(600)
        self.assertEqual((len(self.sent()), self.pending(), self.outcomes()), (1, [], [LATE]))
        self.assertEqual(self.successResultOf(self.ask()).location, URL)

    def test_a_browser_that_goes(self) -> None:
        self.down()
        waiting = self.ask()
        self.assertEqual(self.pending(), [KICKED])
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual((self.pending(), self.outcomes()), ([KICKED], ["the browser has gone"]))
        self.answers(KickedResponse(URL))
        self.simulated.run(600)
        self.assertEqual((len(self.sent()), self.pending(), self.outcomes()), (1, [], ["the browser has gone"]))

    def test_browsers_that_come_and_go_are_bounded_too(self) -> None:
        self.answers(Deferred())
        for number in range(MOST_WAITING + 2):
            waiting = self.ask(f"198.51.100.{number}")
            waiting.addErrback(lambda failure: None)
            waiting.cancel()
        self.assertEqual(self.refused(), {Refusal.TOO_MANY_REQUESTS: 2})

    def test_after_a_session_that_failed_and_is_not_retried(self) -> None:
        self.simulated.acs.instead = lambda posted: TransportError("down")
        self.simulated.happen(Event(CONNECTION_REQUEST))
        self.assertEqual(self.simulated.runtime.agenda.retry_count, 1)
        self.answers(KickedResponse(URL))
        self.assertEqual(self.successResultOf(self.ask()).location, URL)

    def test_a_browser_that_goes_while_its_request_is_under_way(self) -> None:
        late: Deferred[Any] = Deferred()
        self.answers(late)
        waiting = self.ask()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        late.callback(reply(KickedResponse(URL), self.simulated.acs.sessions[-1][-1]))
        self.assertTrue(self.simulated.ended()[-1].success)
        self.assertEqual(self.pending(), [])
        self.assertEqual(self.simulated.odd(), [])

    def test_several_in_one_session(self) -> None:
        late: Deferred[Any] = Deferred()
        held = [late]
        self.answers(lambda: held.pop() if held else KickedResponse(URL))  # type: ignore[arg-type, return-value]
        waiting = [self.ask(), self.ask(), self.ask("192.0.2.8", "command=2")]
        late.callback(reply(KickedResponse("http://first.example/"), self.simulated.acs.sessions[-1][-1]))
        self.simulated.run(1)
        locations = [self.successResultOf(each).location for each in waiting]
        self.assertEqual(locations, ["http://first.example/", URL, URL])
        self.assertEqual(([kicked.command for kicked in self.sent()], self.pending()), (["1", "1", "2"], []))
        self.simulated.run(86400)
        self.assertEqual(len(self.sent()), 3)

    def test_the_number_that_waits_is_bounded(self) -> None:
        self.answers(Deferred())
        of_one = [self.ask() for _ in range(MOST_OF_A_SOURCE + 1)]
        self.assertEqual(self.successResultOf(of_one.pop()).status, 503)
        others = [self.ask(f"198.51.100.{number}") for number in range(MOST_WAITING - MOST_OF_A_SOURCE + 1)]
        self.assertEqual(self.successResultOf(others.pop()).status, 503)
        for each in (*of_one, *others):
            self.assertNoResult(each)
        self.assertEqual(self.refused(), {Refusal.TOO_MANY_REQUESTS: 2})
        self.assertEqual(len(self.simulated.acs.sessions), 2)

    def test_the_rate_is_bounded_beside_that_of_connection_requests(self) -> None:
        statuses = [self.successResultOf(self.ask()).status for _ in range(MOST_ACCEPTED + 1)]
        self.assertEqual(statuses, [302] * MOST_ACCEPTED + [503])
        self.assertTrue(self.simulated.runtime.connection_requests.http.requested("192.0.2.1"))
        self.simulated.run(WINDOW)
        self.assertEqual(self.successResultOf(self.ask()).status, 302)
        (fact,) = [fact for fact in self.simulated.facts if isinstance(fact, ConnectionRequestRefused)]
        self.assertEqual((fact.source, fact.reason), ("192.0.2.7", Refusal.TOO_MANY_REQUESTS))

    def test_in_the_session_of_another_event(self) -> None:
        def kick_meanwhile(posted: Posted) -> Said:
            if isinstance(posted.message, Inform) and not waiting:
                waiting.append(self.ask())
            return reply(KickedResponse(URL), posted) if isinstance(posted.message, Kicked) else None

        waiting: list[Deferred[PageAnswer]] = []
        self.simulated.acs.instead = kick_meanwhile
        self.simulated.happen(Event(PERIODIC))
        self.simulated.run(1)
        self.assertEqual(self.successResultOf(waiting[0]).location, URL)
        self.assertEqual(self.simulated.acs.event_codes()[1:], [(PERIODIC,), (KICKED,)])

    def test_another_acs_is_told_nothing(self) -> None:
        self.down()
        waiting = self.ask()
        runtime = self.simulated.runtime
        new = ParameterAssignment(runtime.server.path("URL"), "http://other.example/")
        finished(runtime.changes.set_values([new], Origin.LOCAL))
        self.answers(KickedResponse(URL))
        self.simulated.run(60)
        self.assertEqual(self.simulated.acs.sessions[-1][0].url, "http://other.example/")
        self.assertNotIn(KICKED, self.simulated.acs.event_codes()[-1])
        self.assertEqual((self.successResultOf(waiting).status, self.sent(), self.pending()), (503, [], []))

    def test_a_stop_sends_the_browsers_away(self) -> None:
        self.answers(Deferred())
        waiting = self.ask()
        stopped = Deferred.fromCoroutine(self.simulated.runtime.stop())
        self.assertEqual(self.successResultOf(waiting).status, 503)
        self.assertEqual(self.successResultOf(self.ask()).status, 503)
        self.simulated.run(60)
        finished(stopped)
        self.simulated.runtime.resume()
        self.answers(KickedResponse(URL))
        self.simulated.run(60)
        self.assertEqual(self.successResultOf(self.ask()).status, 302)

    def test_nothing_is_left_of_it_after_a_kill(self) -> None:
        for booted in (False, True):
            self.begin()
            self.down()
            self.ask().addErrback(lambda failure: None)
            self.simulated.kill()
            self.assertIn(KICKED, self.simulated.store.load().notes[AGENDA])
            self.answers(KickedResponse(URL))
            before = len(self.simulated.acs.sessions)
            self.simulated.begin(booted=booted)
            self.simulated.run(100)
            self.assertEqual(self.simulated.acs.event_codes()[before:], [(BOOT,)] if booted else [])
            self.assertEqual((self.pending(), self.sent()), ([], []))

    def test_the_url(self) -> None:
        url = self.simulated.runtime.server.text("KickURL")
        path = self.simulated.runtime.connection_requests.http.kick_path
        self.assertEqual(url, f"http://192.0.2.1:7547{path}")
        self.assertNotIn(self.simulated.runtime.request_path, url)
        self.simulated.kill()
        self.simulated.kick = False
        runtime = self.simulated.begin()
        self.assertIsNone(runtime.connection_requests.kicks)
        self.assertEqual(runtime.server.text("KickURL"), "")

    def test_a_kick_url_of_a_dump_stays_where_there_is_no_page(self) -> None:
        simulated = SimulatedAgent({SERVER + "KickURL": "http://192.168.1.1/kick.html"})
        runtime = simulated.begin()
        self.assertEqual(runtime.server.text("KickURL"), "http://192.168.1.1/kick.html")
        self.assertIsNone(runtime.connection_requests.kicks)

    def test_no_page_while_connection_requests_by_http_are_off(self) -> None:
        for name in ("EnableCWMP", "HTTPConnectionRequestEnable"):
            self.begin(**{name: "false"})
            kicks = self.simulated.runtime.connection_requests.kicks
            assert kicks is not None
            self.assertFalse(kicks.enabled())
            self.assertEqual(self.simulated.runtime.server.text("KickURL"), "")
