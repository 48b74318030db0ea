"""The ConnectionRequest listener: in memory with a clock, and on loopback with real sockets and clients."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.internet.utils import getProcessOutputAndValue
from twisted.python.failure import Failure
from twisted.trial.unittest import SkipTest, SynchronousTestCase, TestCase

from cwmpagent.errors import ConfigError, MisuseError
from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.auth.header_grammar import parse_challenges
from cwmpagent.protocol.connection_request.refusal import Refusal
from cwmpagent.transport.connection_request.bounded_http import HttpBounds
from cwmpagent.transport.connection_request.listener import ConnectionRequestListener, ListenerLimits
from tests.process import free_port
from tests.skips import NO_CURL, NO_IPV6, has_ipv6

USER = Credentials("acs", 'sécret, "x"')
PATIENT = ListenerLimits(bounds=HttpBounds(seconds=1000))
LOOPBACK = "tcp:0:interface=127.0.0.1"


def counter(prefix: str) -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"{prefix}{next(numbers):08d}"


class Agent:
    """A target that records the requests."""

    def __init__(self, credentials: tuple[str, str] | None = (USER.username, USER.password)) -> None:
        self.given = credentials
        self.on = True
        self.takes = True
        self.came: list[str] = []
        self.told = 0
        self.refusals: list[tuple[str, Refusal, str]] = []
        self.during: Callable[[], None] = lambda: None

    def credentials(self) -> tuple[str, str] | None:
        return self.given

    def enabled(self) -> bool:
        return self.on

    def requested(self, source: str) -> bool:
        self.came.append(source)
        self.during()
        return self.takes

    def refused(self, source: str, reason: Refusal, detail: str = "") -> None:
        self.refusals.append((source, reason, detail))

    def moved(self) -> None:
        self.told += 1


def listener(on: Any, endpoints: Sequence[str] = ("tcp:7547",), **arguments: Any) -> ConnectionRequestListener:
    return ConnectionRequestListener(
        on, endpoints, realm="device", nonce=counter("nonce"), clock=on.seconds, **arguments
    )


def port_of(made: ConnectionRequestListener, address: str = "127.0.0.1") -> int:
    port = made.port_for(address)
    assert port, "nothing listens there"
    return port


class Answer:
    """A parsed HTTP response."""

    def __init__(self, data: bytes) -> None:
        head, _, self.rest = data.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split(" ")[1])
        self.headers = [(name.lower(), value) for name, _, value in (line.partition(": ") for line in lines)]

    def all(self, name: str) -> list[str]:
        return [value for each, value in self.headers if each == name]


class Visitor:
    """One connection of a client in memory."""

    def __init__(self, on: MemoryReactorClock, peer: Any = None) -> None:
        self.channel = on.tcpServers[0][1].buildProtocol(peer)
        self.transport = StringTransport(peerAddress=peer)
        self.channel.makeConnection(self.transport)

    def send(self, data: bytes) -> bytes:
        self.transport.clear()
        self.channel.dataReceived(data)
        return bytes(self.transport.value())

    def ask(self, path: str = "/one", *, method: str = "GET", headers: Sequence[str] = ()) -> Answer:
        lines = [f"{method} {path} HTTP/1.1", "Host: box", *headers, "", ""]
        return Answer(self.send("\r\n".join(lines).encode()))

    def closed(self) -> bool:
        return bool(self.transport.disconnecting)

    def leave(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))


class MemoryTests(SynchronousTestCase):
    """Responses to requests."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.agent = Agent()
        self.serve()

    def serve(self, **arguments: Any) -> None:
        self.reactor.tcpServers.clear()
        self.listener = listener(self.reactor, **arguments)
        self.listener.add("/one", self.agent)
        self.successResultOf(Deferred.fromCoroutine(self.listener.bind()))

    def knock(
        self,
        path: str = "/one",
        credentials: Credentials = USER,
        *,
        method: str = "GET",
        signed: str | None = None,
        visitor: Visitor | None = None,
    ) -> Answer:
        """Send a request, and a second one with credentials after a challenge."""
        visitor = visitor or Visitor(self.reactor)
        first = visitor.ask(path, method=method)
        ours = Authenticator(credentials, cnonce=counter("c"), basic_allowed=True)
        if first.status != 401 or not ours.challenged(first.all("www-authenticate")):
            return first
        header = ours.authorization(method, signed or path)
        return visitor.ask(path, method=method, headers=[f"Authorization: {header}"])

    def test_no_credentials(self) -> None:
        visitor = Visitor(self.reactor)
        answer = visitor.ask()
        self.assertEqual((answer.status, answer.rest, visitor.closed()), (401, b"", False))
        self.assertEqual(sorted(name for name, _ in answer.headers), ["content-length", "www-authenticate"])
        [challenge] = parse_challenges(answer.all("www-authenticate"))
        self.assertEqual(challenge.scheme, "digest")
        self.assertEqual(set(challenge.parameters), {"realm", "nonce", "qop", "algorithm"})
        self.assertEqual(challenge.parameters["qop"], "auth")
        self.assertEqual(self.agent.came, [])

    def test_the_right_credentials(self) -> None:
        visitor = Visitor(self.reactor, IPv4Address("TCP", "192.0.2.7", 4711))
        answer = self.knock(visitor=visitor)
        self.assertEqual((answer.status, answer.rest, visitor.closed()), (200, b"", True))
        self.assertEqual(answer.headers, [("content-length", "0"), ("connection", "close")])
        self.assertEqual(self.agent.came, ["192.0.2.7"])

    def visitor(self) -> Visitor:
        return Visitor(self.reactor, IPv4Address("TCP", "192.0.2.7", 4711))

    def assert_refused(self, reason: Refusal, detail: str = "") -> None:
        """Exactly this one was recorded since the last check."""
        self.assertEqual(self.agent.refusals, [("192.0.2.7", reason, detail)])
        self.agent.refusals.clear()

    def test_each_refusal_is_recorded_with_reason_and_source(self) -> None:
        for arguments, reason, detail in (
            ({"credentials": Credentials(USER.username, "wrong")}, Refusal.WRONG_PASSWORD, ""),
            ({"credentials": Credentials("wrong", USER.password)}, Refusal.WRONG_USERNAME, ""),
            ({"signed": "/two"}, Refusal.WRONG_DIGEST, ""),
            ({"path": "/tr069?x=1"}, Refusal.WRONG_PATH, "/tr069"),
            ({"method": "POST"}, Refusal.WRONG_METHOD, "POST"),
        ):
            self.knock(visitor=self.visitor(), **arguments)
            self.assert_refused(reason, detail)
        self.visitor().ask(headers=["Authorization: Basic YWNzOng="])
        self.assert_refused(Refusal.NOT_DIGEST)
        self.visitor().send(b"\x16\x03\x01 TLS\r\n\r\nmore\r\n\r\n")
        self.assert_refused(Refusal.MALFORMED)
        self.agent.on = False
        self.knock(visitor=self.visitor())
        self.assert_refused(Refusal.DISABLED)
        self.agent.on, self.agent.given = True, None
        self.knock(visitor=self.visitor())
        self.assert_refused(Refusal.NO_CREDENTIALS_SET)

    def test_the_first_step_of_digest_is_no_refusal(self) -> None:
        self.assertEqual(self.knock(visitor=self.visitor()).status, 200)
        self.assertEqual(self.agent.refusals, [])

    def test_a_replay_is_recorded(self) -> None:
        first = self.visitor().ask()
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        self.assertTrue(ours.challenged(first.all("www-authenticate")))
        header = f"Authorization: {ours.authorization('GET', '/one')}"
        self.assertEqual(self.visitor().ask(headers=[header]).status, 200)
        self.assertEqual(self.visitor().ask(headers=[header]).status, 401)
        self.assert_refused(Refusal.OLD_NONCE)

    def test_a_connection_over_the_bound_is_recorded(self) -> None:
        self.serve(limits=ListenerLimits(bounds=HttpBounds(connections=2)))
        for _ in range(3):
            self.visitor()
        self.assert_refused(Refusal.TOO_MANY_CONNECTIONS)

    def test_a_request_to_no_agent_is_recorded_by_the_first_one(self) -> None:
        second = Agent()
        self.listener.add("/two", second)
        self.visitor().ask("/three")
        self.assert_refused(Refusal.WRONG_PATH, "/three")
        self.visitor().ask("/two", method="PUT")
        self.assertEqual(second.refusals, [("192.0.2.7", Refusal.WRONG_METHOD, "PUT")])
        self.listener.remove("/one")
        self.listener.remove("/two")
        self.assertEqual(self.visitor().ask("/three").status, 404)

    def test_where_it_came_from(self) -> None:
        for peer, source in (
            (IPv6Address("TCP", "2001:db8::1", 1), "2001:db8::1"),
            (IPv6Address("TCP", "::ffff:192.0.2.7", 1), "192.0.2.7"),
            (UNIXAddress("/x"), ""),
        ):
            self.assertEqual(self.knock(visitor=Visitor(self.reactor, peer)).status, 200)
            self.assertEqual(self.agent.came.pop(), source)

    def test_asked_once_and_answered_before_anything_else_can_happen(self) -> None:
        """The 200 is written before a session that begins in the next reactor turn."""
        visitor = Visitor(self.reactor)
        seen: list[bytes] = []

        def session() -> None:
            seen.append(bytes(visitor.transport.value()))

        self.agent.during = lambda: (self.reactor.callLater(0, session), None)[1]
        self.knock(visitor=visitor)
        self.assertEqual((len(self.agent.came), seen), (1, []))
        self.reactor.advance(0)
        self.assertEqual(Answer(seen[0]).status, 200)
        self.assertEqual(len(seen), 1)

    def test_the_wrong_credentials(self) -> None:
        for wrong in (Credentials("acs", "x"), Credentials("x", USER.password), Credentials("", "")):
            answer = self.knock(credentials=wrong)
            self.assertEqual(answer.status, 401)
            self.assertEqual(len(answer.all("www-authenticate")), 1)
        self.assertEqual(self.agent.came, [])

    def test_basic_never(self) -> None:
        for header in ("Basic YWNzOnNlY3JldA==", "Bearer x", "Digest", ""):
            answer = Visitor(self.reactor).ask(headers=[f"Authorization: {header}"])
            self.assertEqual(answer.status, 401)

    def test_two_sets_of_credentials_are_none(self) -> None:
        visitor = Visitor(self.reactor)
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        ours.challenged(visitor.ask().all("www-authenticate"))
        good = f"Authorization: {ours.authorization('GET', '/one')}"
        self.assertEqual(visitor.ask(headers=[good, "Authorization: Basic x"]).status, 401)
        self.assertEqual(visitor.ask(headers=[good]).status, 200)

    def test_unset_credentials_let_nobody_in(self) -> None:
        for unset in (None, ("", ""), ("acs", ""), ("", "secret")):
            self.agent.given = unset
            for attempt in (Credentials("", ""), Credentials("acs", ""), Credentials("", "secret"), USER):
                self.assertEqual(self.knock(credentials=attempt).status, 401)
        self.assertEqual(self.agent.came, [])
        self.agent.given = (USER.username, USER.password)
        self.assertEqual(self.knock().status, 200)

    def test_new_credentials_count_at_once(self) -> None:
        self.agent.given = ("acs", "new")
        self.assertEqual(self.knock().status, 401)
        self.assertEqual(self.knock(credentials=Credentials("acs", "new")).status, 200)

    def test_replay(self) -> None:
        visitor = Visitor(self.reactor)
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        ours.challenged(visitor.ask().all("www-authenticate"))
        header = f"Authorization: {ours.authorization('GET', '/one')}"
        self.assertEqual(visitor.ask(headers=[header]).status, 200)
        replayed = Visitor(self.reactor).ask(headers=[header])
        self.assertEqual((replayed.status, len(self.agent.came)), (401, 1))
        self.assertIn("stale=true", replayed.all("www-authenticate")[0])

    def test_an_old_nonce_is_stale(self) -> None:
        visitor = Visitor(self.reactor)
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        ours.challenged(visitor.ask().all("www-authenticate"))
        self.reactor.advance(60.1)
        visitor = Visitor(self.reactor)
        answer = visitor.ask(headers=[f"Authorization: {ours.authorization('GET', '/one')}"])
        self.assertEqual(answer.status, 401)
        self.assertTrue(ours.challenged(answer.all("www-authenticate")))
        answer = visitor.ask(headers=[f"Authorization: {ours.authorization('GET', '/one')}"])
        self.assertEqual(answer.status, 200)

    def test_other_methods(self) -> None:
        for method in ("POST", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE", "get", "BREW"):
            visitor = Visitor(self.reactor)
            answer = self.knock(method=method, visitor=visitor)
            self.assertEqual((answer.status, answer.rest), (405, b""), method)
            self.assertEqual(answer.all("allow"), ["GET"])
            self.assertTrue(visitor.closed())
        self.assertEqual(self.agent.came, [])

    def test_other_paths(self) -> None:
        for path in ("/", "/on", "/one/", "/ONE", "//one", "/two", "*", "one", "/one%00", "/%ff", "http://box/two"):
            for method in ("GET", "POST"):
                answer = self.knock(path, method=method)
                self.assertEqual((answer.status, answer.rest), (404, b""), path)
        self.assertEqual(self.agent.came, [])

    def test_other_ways_to_write_the_path(self) -> None:
        for path in ("/one?", "/one?x=1&y=%", "/%6fne", "/%6F%6e%65", "http://box:7547/one", "HTTP://box/one?x"):
            self.assertEqual(self.knock(path).status, 200, path)
        self.assertEqual(self.knock("http://box:7547/one?a", signed="/one?a").status, 200)

    def test_a_path_with_odd_characters(self) -> None:
        for path, asked in (("/a b", "/a%20b"), ("/ü", "/%C3%BC"), ("/%C3%A4", "/%c3%a4")):
            self.listener.add(path, self.agent)
            self.assertEqual(self.knock(asked).status, 200, path)

    def test_signed_for_another_path(self) -> None:
        for signed in ("/two", "/one?x", "/", "http://box/two"):
            self.assertEqual(self.knock(signed=signed).status, 401)
        self.assertEqual(self.agent.came, [])

    def test_many_agents_each_with_its_own_credentials(self) -> None:
        other = Agent(("other", "its own"))
        self.listener.add("/two", other)
        self.assertEqual(self.knock("/two").status, 401)
        self.assertEqual(self.knock("/two", Credentials("other", "its own")).status, 200)
        self.assertEqual((len(self.agent.came), len(other.came)), (0, 1))
        self.listener.remove("/two")
        self.assertEqual(self.knock("/two", Credentials("other", "its own")).status, 404)
        self.listener.remove("/two")

    def test_paths_are_unique_and_begin_with_a_slash(self) -> None:
        for path in ("/one", "/%6fne", "", "two"):
            self.assertRaises(MisuseError, self.listener.add, path, self.agent)

    def test_switched_off(self) -> None:
        self.agent.on = False
        self.assertEqual(self.knock().status, 404)
        self.agent.on = True
        self.assertEqual(self.knock().status, 200)

    def test_the_agent_cannot_take_it(self) -> None:
        self.agent.takes = False
        answer = self.knock()
        self.assertEqual((answer.status, answer.all("retry-after"), answer.rest), (503, [], b""))

    def test_md5_alone_unless_others_are_added(self) -> None:
        offered = parse_challenges(Visitor(self.reactor).ask().all("www-authenticate"))
        self.assertEqual([each.parameters["algorithm"] for each in offered], ["MD5"])

    def test_the_stronger_algorithm_comes_first_each_with_its_own_nonce(self) -> None:
        for wanted in (["MD5", "SHA-256"], ["SHA-256", "MD5"]):
            self.serve(algorithms=wanted)
            answer = Visitor(self.reactor).ask()
            headers = answer.all("www-authenticate")
            self.assertEqual(len(headers), 2, "a header each: not every ACS can take two challenges in one")
            offered = parse_challenges(headers)
            self.assertEqual([each.parameters["algorithm"] for each in offered], ["SHA-256", "MD5"])
            self.assertEqual(len({each.parameters["nonce"] for each in offered}), 2)
            self.assertEqual(self.knock().status, 200)
            for header in headers:
                ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
                self.assertTrue(ours.challenged([header]))
                good = f"Authorization: {ours.authorization('GET', '/one')}"
                self.assertEqual(Visitor(self.reactor).ask(headers=[good]).status, 200)

    def test_a_nonce_of_one_algorithm_is_no_good_for_the_other(self) -> None:
        self.serve(algorithms=["MD5", "SHA-256"])
        strong, weak = Visitor(self.reactor).ask().all("www-authenticate")
        mixed = weak.replace(
            parse_challenges([weak])[0].parameters["nonce"], parse_challenges([strong])[0].parameters["nonce"]
        )
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        ours.challenged([mixed])
        answer = Visitor(self.reactor).ask(headers=[f"Authorization: {ours.authorization('GET', '/one')}"])
        self.assertEqual(answer.status, 401)
        self.assertEqual(self.agent.came, [])

    def test_a_nonce_for_one_agent_is_no_good_for_another(self) -> None:
        """The nonce of one agent is not valid for another one with the same credentials."""
        other = Agent()
        self.listener.add("/two", other)
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        ours.challenged(Visitor(self.reactor).ask("/one").all("www-authenticate"))
        for path, status in (("/two", 401), ("/%74wo", 401), ("/one", 200)):
            visitor = Visitor(self.reactor)
            answer = visitor.ask(path, headers=[f"Authorization: {ours.authorization('GET', path)}"])
            self.assertEqual(answer.status, status, path)
        self.assertEqual((len(self.agent.came), other.came), (1, []))
        self.assertEqual(self.knock("/two").status, 200)

    def test_the_nonce_of_a_path_written_otherwise(self) -> None:
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        ours.challenged(Visitor(self.reactor).ask("/%6fne?x").all("www-authenticate"))
        good = f"Authorization: {ours.authorization('GET', '/one')}"
        self.assertEqual(Visitor(self.reactor).ask("/one", headers=[good]).status, 200)

    def test_counts_go_up_or_are_stale(self) -> None:
        ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        ours.challenged(Visitor(self.reactor).ask().all("www-authenticate"))
        headers = [f"Authorization: {ours.authorization('GET', '/one')}" for _ in range(4)]
        for number, status in ((0, 200), (2, 200), (1, 401), (2, 401), (0, 401), (3, 200)):
            answer = Visitor(self.reactor).ask(headers=[headers[number]])
            self.assertEqual(answer.status, status, number)
            self.assertEqual("stale=true" in str(answer.all("www-authenticate")), status == 401)

    def test_a_wrong_password_a_thousand_times_locks_nobody_out(self) -> None:
        waiting = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
        waiting.challenged(Visitor(self.reactor).ask().all("www-authenticate"))
        for number in range(1000):
            wrong = Credentials("acs", f"wrong{number}") if number % 2 else Credentials(f"acs{number}", USER.password)
            self.assertEqual(self.knock(credentials=wrong).status, 401)
        answer = Visitor(self.reactor).ask(headers=[f"Authorization: {waiting.authorization('GET', '/one')}"])
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.knock().status, 200)
        self.assertEqual(len(self.agent.came), 2)


class HostileTests(SynchronousTestCase):
    """Hostile and broken clients."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.agent = Agent()
        self.listener = listener(self.reactor)
        self.listener.add("/one", self.agent)
        self.successResultOf(Deferred.fromCoroutine(self.listener.bind()))

    def visitor(self) -> Visitor:
        return Visitor(self.reactor)

    def test_silence_is_cut(self) -> None:
        visitor = self.visitor()
        self.reactor.advance(9.9)
        self.assertFalse(visitor.closed())
        self.reactor.advance(0.2)
        self.assertTrue(visitor.transport.disconnected)

    def test_a_drip_is_cut(self) -> None:
        for drip in (b"G", b"GET /one HTTP/1.1\r\n", b"GET /one HTTP/1.1\r\nContent-Length: 99\r\n\r\n"):
            visitor = self.visitor()
            visitor.send(drip)
            for _ in range(11):
                self.assertFalse(visitor.transport.disconnected)
                visitor.send(b"x")
                self.reactor.advance(0.99)
            self.assertTrue(visitor.transport.disconnected, drip)

    def test_silence_after_a_challenge_is_cut(self) -> None:
        visitor = self.visitor()
        self.reactor.advance(9)
        self.assertEqual(visitor.ask().status, 401)
        self.reactor.advance(9)
        self.assertEqual(visitor.ask().status, 401)
        self.reactor.advance(9.9)
        self.assertFalse(visitor.closed())
        self.reactor.advance(0.2)
        self.assertTrue(visitor.transport.disconnected)

    def test_nothing_waits_for_a_client_that_left(self) -> None:
        before = len(self.reactor.getDelayedCalls())
        for data in (b"", b"GET /one", b"GET /one HTTP/1.1\r\n\r\n", b"x y z\r\n\r\n"):
            visitor = self.visitor()
            visitor.send(data)
            visitor.leave()
        self.assertEqual(len(self.reactor.getDelayedCalls()), before)

    def test_beyond_the_number_of_connections_the_oldest_goes(self) -> None:
        visitors = [self.visitor() for _ in range(64)]
        self.assertFalse(any(each.transport.disconnected for each in visitors))
        latest = [self.visitor(), self.visitor()]
        gone = [each.transport.disconnected for each in visitors]
        self.assertEqual(gone, [True, True] + [False] * 62)
        self.assertEqual(latest[0].ask().status, 401)
        for each in visitors[:3]:
            each.leave()
        self.visitor()
        self.assertFalse(visitors[3].transport.disconnected)

    def test_whoever_has_most_gives_way(self) -> None:
        acs = Visitor(self.reactor, IPv4Address("TCP", "198.51.100.1", 1))
        crowd = [Visitor(self.reactor, IPv4Address("TCP", "192.0.2.7", port)) for port in range(200)]
        self.assertEqual([each.transport.disconnected for each in crowd], [True] * 137 + [False] * 63)
        self.assertEqual(acs.ask().status, 401)
        networks = [Visitor(self.reactor, IPv6Address("TCP", f"2001:db8::{n:x}", 1)) for n in range(200)]
        self.assertFalse(acs.transport.disconnected)
        self.assertEqual(acs.ask().status, 401)
        self.assertLessEqual(sum(not each.transport.disconnected for each in networks), 32)

    def test_a_connection_takes_so_many_requests(self) -> None:
        visitor = self.visitor()
        for number in range(1, 17):
            answer = visitor.ask()
            self.assertEqual((answer.status, answer.all("connection")), (401, ["close"] if number == 16 else []))
        self.assertTrue(visitor.closed())

    def test_too_much_head(self) -> None:
        for data in (
            b"GET /" + b"x" * 9000,
            b"GET /one HTTP/1.1\r\nX: " + b"x" * 9000,
            b"GET /one HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
            b"GET /one HTTP/1.1\r\n" + b"X: y\r\n" * 65 + b"\r\n",
            b"GET /one HTTP/1.1\r\n" + b"X: y\r\n" + b" y\r\n" * 5000 + b"\r\n",
            b"GET /one HTTP/1.1\r\n" + (b"X: " + b"y" * 500 + b"\r\n") * 17 + b"\r\n",
        ):
            visitor = self.visitor()
            answer = visitor.send(data)
            self.assertTrue(visitor.closed(), data[:30])
            self.assertIn(answer, (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"))
        allowed = b"GET /one HTTP/1.1\r\n" + b"X: y\r\n" * 64 + b"\r\n"
        self.assertEqual(Answer(self.visitor().send(allowed)).status, 401)

    def test_no_http(self) -> None:
        for data in (
            b"GET /one\r\n",
            b"GET /one\r\n\r\n",
            b"GET  /one HTTP/1.1\r\n\r\n",
            b"GET /one HTTP/0.9\r\n\r\n",
            b"GET /one HTTP/3\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\r\n",
            b"G\x00T /one HTTP/1.1\r\n\r\n",
            b"GET /one HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET /one HTTP/1.1\r\nno colon\r\nX: y\r\n\r\n",
            b"GET /one HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            b"GET /one HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
            b"GET /one HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            b"GET /one HTTP/1.1\r\nTransfer-Encoding: rubbish\r\n\r\n",
            b"GET /one HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        ):
            visitor = self.visitor()
            answer = visitor.send(data)
            self.assertEqual(answer, b"HTTP/1.1 400 Bad Request\r\n\r\n", data[:60])
            self.assertTrue(visitor.closed())
            visitor.leave()
        self.assertEqual(self.agent.came, [])

    def test_http_1_0(self) -> None:
        visitor = self.visitor()
        answer = Answer(visitor.send(b"GET /one HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"))
        self.assertEqual((answer.status, answer.all("connection"), visitor.closed()), (401, ["close"], True))

    def test_a_body_is_read_and_kept_nowhere(self) -> None:
        for method, status in (("GET", 401), ("POST", 405)):
            visitor = self.visitor()
            head = f"{method} /one HTTP/1.1\r\nContent-Type: multipart/form-data\r\nContent-Length: 1000000\r\n\r\n"
            self.assertEqual(visitor.send(head.encode()), b"")
            content = visitor.channel.requests[0].content
            for _ in range(10):
                self.assertEqual(content.getvalue(), b"")
                answer = visitor.send(b"x" * 100_000)
            self.assertEqual(Answer(answer).status, status)
        chunked = b"GET /one HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        self.assertEqual(Answer(self.visitor().send(chunked)).status, 401)

    def test_a_body_without_end_is_cut(self) -> None:
        """By its bytes, and by its pieces: a chunk of one byte costs as much work as a large one."""
        head = b"GET /one HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        for piece in (b"1\r\nx\r\n" * 100, b"10000\r\n" + b"x" * 0x10000 + b"\r\n"):
            visitor = self.visitor()
            visitor.send(head)
            sent = 0
            while not visitor.transport.disconnected:
                visitor.send(piece)
                sent += 1
                self.assertLess(sent, 200, piece[:9])
            self.assertEqual(visitor.transport.value(), b"")

    def test_requests_behind_each_other(self) -> None:
        answer = self.visitor().send(b"GET /one HTTP/1.1\r\n\r\n" * 3 + b"GET /two HTTP/1.1\r\n\r\n" * 3)
        self.assertEqual((answer.count(b"HTTP/1.1 401"), answer.count(b"HTTP/1.1 404")), (3, 1))

    def test_stopping_does_not_wait_for_those_who_read_nothing(self) -> None:
        left, stuck = self.visitor(), self.visitor()
        stopped = self.listener.stopService()
        self.assertTrue(left.closed() and stuck.closed())
        left.leave()
        self.reactor.advance(0.9)
        self.assertFalse(stuck.transport.disconnected)
        self.assertNoResult(stopped)
        self.reactor.advance(0.2)
        self.assertTrue(stuck.transport.disconnected)
        stuck.leave()
        self.successResultOf(stopped)

    @settings(deadline=None, max_examples=200)
    @given(
        st.lists(
            st.one_of(
                st.binary(max_size=50),
                st.sampled_from(
                    [
                        b"GET /one HTTP/1.1\r\n",
                        b"\r\n",
                        b"Content-Length: 5\r\n",
                        b"Transfer-Encoding: chunked\r\n",
                        b"Authorization: Digest ",
                        b'username="acs", realm="device", nonce="x", uri="/one", response="y"\r\n',
                        b"Expect: 100-continue\r\n",
                        b"Connection: close\r\n",
                        b" folded\r\n",
                        b"Cookie: \xff=;;=\r\n",
                    ]
                ),
            ),
            max_size=12,
        )
    )
    def test_garbage(self, pieces: list[bytes]) -> None:
        visitor = self.visitor()
        for piece in pieces:
            if not visitor.closed():
                visitor.send(piece)
        visitor.leave()
        self.assertEqual(self.agent.came, [])
        self.assertEqual(self.flushLoggedErrors(), [])


class BindTests(SynchronousTestCase):
    """Listening on all endpoints or on none, and the error texts."""

    class Reactor(MemoryReactorClock):
        """Reactor that refuses one port, and records the open ones."""

        refused: dict[int, OSError]

        def listenTCP(self, port: int, *arguments: Any, **options: Any) -> Any:
            if port in self.refused:
                raise CannotListenError("", port, self.refused[port])
            listening = super().listenTCP(port, *arguments, **options)
            self.listening.add(port)
            listening.stopListening = lambda: self.listening.discard(port)
            return listening

    def setUp(self) -> None:
        self.reactor = self.Reactor()
        self.reactor.refused = {}
        self.reactor.listening = set()

    def test_one_fails_none_is_left(self) -> None:
        for number, words in (
            (errno.EADDRINUSE, ("Address already in use", "choose another")),
            (errno.EACCES, ("Permission denied", "below 1024")),
            (errno.EADDRNOTAVAIL, ("Cannot assign requested address", "no such address")),
            (errno.ENOBUFS, ("No buffer space available",)),
        ):
            self.reactor.refused = {80: OSError(number, os.strerror(number))}
            made = listener(self.reactor, ["tcp:7001", "tcp:7002", "tcp:80", "tcp:7003"])
            error = self.failureResultOf(Deferred.fromCoroutine(made.bind()), ConfigError).value
            self.assertEqual(error.key, "connection_request.endpoint")
            self.assertTrue(str(error).startswith("connection_request.endpoint: tcp:80: "), str(error))
            for word in words:
                self.assertIn(word, str(error))
            self.assertNotIn("\n", str(error))
            self.assertEqual(self.reactor.listening, set())
            self.assertFalse(made.listening)

    def test_no_endpoint(self) -> None:
        for text in ("rubbish", "tcp:x", "tcp:1:2:3:4:5", "", "unix"):
            made = listener(self.reactor, ["tcp:7001", text])
            error = self.failureResultOf(Deferred.fromCoroutine(made.bind()), ConfigError).value
            self.assertTrue(str(error).startswith(f"connection_request.endpoint: {text}: "))
            self.assertEqual(len(str(error).splitlines()), 1)
            self.assertEqual(self.reactor.listening, set())


class Collector(Protocol):
    """Client that sends data and collects the response until the connection ends."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.received = b""
        self.gone: Deferred[bytes] = Deferred()

    def connectionMade(self) -> None:
        self.transport.write(self.data)

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = Failure(ConnectionDone())) -> None:  # noqa: B008
        self.gone.callback(self.received)


class LoopbackTests(TestCase):
    """The listener on real sockets."""

    timeout = 120

    def setUp(self) -> None:
        self.agent = Agent()

    async def serve(self, *endpoints: str, **arguments: Any) -> ConnectionRequestListener:
        made = listener(reactor, endpoints or [LOOPBACK], **arguments)
        made.add("/one", self.agent)
        await made.bind()
        made.startService()
        self.addCleanup(lambda: made.stopService() if made.running else None)
        return made

    async def connect(self, port: int, data: bytes = b"", to: str = "127.0.0.1") -> Collector:
        collector = Collector(data)
        endpoint = clientFromString(reactor, "tcp:" + to.replace(":", "\\:") + f":{port}")
        await endpoint.connect(Factory.forProtocol(lambda: collector))
        return collector

    async def curl(self, *arguments: str) -> list[tuple[int, bytes]]:
        program = shutil.which("curl")
        if program is None:
            raise SkipTest(NO_CURL)
        options = ["--silent", "--include", "--max-time", "100", "--noproxy", "*", *arguments]
        output, errors, status = await getProcessOutputAndValue(program, options)
        self.assertEqual((errors, status), (b"", 0))
        return [(int(each.split(b" ")[1]), each) for each in output.split(b"\r\n\r\n") if each]

    def run_(self, test: Callable[[], Coroutine[Any, Any, None]]) -> Deferred[None]:
        return Deferred.fromCoroutine(test())

    def test_a_request(self) -> Deferred[None]:
        async def test() -> None:
            made = await self.serve()
            ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
            head = b"GET /one HTTP/1.1\r\nHost: box\r\nConnection: close\r\n"
            first = await self.connect(port_of(made), head + b"\r\n")
            self.assertTrue(ours.challenged(Answer(await first.gone).all("www-authenticate")))
            header = f"Authorization: {ours.authorization('GET', '/one')}\r\n\r\n"
            second = await self.connect(port_of(made), head + header.encode())
            self.assertEqual(Answer(await second.gone).status, 200)
            self.assertEqual(self.agent.came, ["127.0.0.1"])

        return self.run_(test)

    def test_curl(self) -> Deferred[None]:
        async def test() -> None:
            made = await self.serve()
            url = f"http://127.0.0.1:{port_of(made)}/one"
            user = ["--digest", "--user", f"{USER.username}:{USER.password}"]
            self.assertEqual([each[0] for each in await self.curl(*user, url + "?x=1,2")], [401, 200])
            self.assertEqual([each[0] for each in await self.curl("--digest", "--user", "acs:x", url)], [401, 401])
            self.assertEqual([each[0] for each in await self.curl("--basic", "--user", "acs:x", url)], [401])
            self.assertEqual([each[0] for each in await self.curl(url[:-1])], [404])
            self.assertEqual([each[0] for each in await self.curl("--data", "body", url)], [405])
            [(status, head)] = await self.curl("--head", url)
            self.assertEqual(status, 405)
            for telling in (b"server", b"date", b"twisted", b"content-type"):
                self.assertNotIn(telling, head.lower())
            self.assertEqual(self.agent.came, ["127.0.0.1"])

        return self.run_(test)

    def test_curl_takes_our_challenges_for_what_they_are(self) -> Deferred[None]:
        """Digest values of every algorithm, compared with an independent client."""

        async def test() -> None:
            for offered in (["MD5"], ["MD5-sess"], ["SHA-256"], ["SHA-256-sess"], ["MD5", "SHA-256"]):
                made = await self.serve(algorithms=offered)
                seen: list[str] = []
                check = made._digest.check

                def noting(header: Any, check: Any = check, seen: list[str] = seen, **more: Any) -> Any:
                    seen.append(str(header))
                    return check(header, **more)

                self.patch(made._digest, "check", noting)
                user = ["--digest", "--user", f"{USER.username}:{USER.password}"]
                answers = await self.curl(*user, f"http://127.0.0.1:{port_of(made)}/one")
                self.assertEqual([each[0] for each in answers], [401, 200], offered)
                # It uses the first supported challenge.
                self.assertIn(f"algorithm={offered[-1]}", seen[-1].replace('"', ""))
                await made.stopService()

        return self.run_(test)

    def test_ipv6_takes_ipv4_too(self) -> Deferred[None]:
        async def test() -> None:
            if not has_ipv6():
                raise SkipTest(NO_IPV6)
            made = await self.serve("tcp6:0")
            request = b"GET /one HTTP/1.1\r\nConnection: close\r\n\r\n"
            user = ["--digest", "--user", f"{USER.username}:{USER.password}"]
            for host in ("[::1]", "127.0.0.1"):
                url = f"http://{host}:{port_of(made, host.strip('[]'))}/one"
                self.assertEqual([each[0] for each in await self.curl(*user, url)], [401, 200])
            self.assertEqual(self.agent.came, ["::1", "127.0.0.1"])
            for address in ("::1", "127.0.0.1"):
                collector = await self.connect(port_of(made, address), request, address)
                self.assertEqual(Answer(await collector.gone).status, 401)
            made = await self.serve("tcp:0:interface=\\:\\:1")
            collector = await self.connect(port_of(made, "::1"), request, "::1")
            self.assertEqual(Answer(await collector.gone).status, 401)

        return self.run_(test)

    def test_where_it_is_reached(self) -> Deferred[None]:
        async def test() -> None:
            texts = ["unix:" + self.mktemp(), LOOPBACK, "tcp:0:interface=127.0.0.2"]
            made = await self.serve(*texts)
            self.assertTrue(made.listening)
            self.assertNotEqual(port_of(made), port_of(made, "127.0.0.2"))
            for address in ("127.0.0.3", "192.0.2.1", "::1", "2001:db8::1"):
                self.assertEqual(made.port_for(address), 0, address)
            made = await self.serve("tcp:0")
            self.assertEqual(port_of(made, "192.0.2.1"), port_of(made))
            self.assertEqual(made.port_for("2001:db8::1"), 0)
            made = await self.serve("unix:" + self.mktemp())
            self.assertTrue(made.listening)
            self.assertEqual(made.port_for("127.0.0.1"), 0)
            if not has_ipv6():
                raise SkipTest(NO_IPV6)
            made = await self.serve("tcp6:0:interface=\\:\\:1", LOOPBACK)
            self.assertNotEqual(port_of(made, "::1"), port_of(made))
            self.assertEqual(made.port_for("2001:db8::1"), 0)
            made = await self.serve("tcp6:0")
            self.assertEqual(port_of(made, "2001:db8::1"), port_of(made, "192.0.2.1"))

        return self.run_(test)

    def test_several_endpoints(self) -> Deferred[None]:
        async def test() -> None:
            made = await self.serve(LOOPBACK, "tcp:0:interface=127.0.0.2", "unix:" + self.mktemp())
            collector = await self.connect(port_of(made), b"x\r\n\r\n")
            self.assertIn(b"400", await collector.gone)
            await made.stopService()
            self.assertFalse(made.listening)

        return self.run_(test)

    def test_a_busy_port(self) -> Deferred[None]:
        async def test() -> None:
            busy = await self.serve()
            texts = [f"tcp:{port}:interface=127.0.0.1" for port in (free_port(), port_of(busy))]
            error = await self.assertFailure(Deferred.fromCoroutine(self.serve(*texts)), ConfigError)
            self.assertEqual(error.key, "connection_request.endpoint")
            self.assertIn(f"{texts[1]}: Address already in use", error.reason)
            await self.serve(texts[0])  # the port is free again

        return self.run_(test)

    def test_a_slow_client(self) -> Deferred[None]:
        async def test() -> None:
            made = await self.serve(limits=ListenerLimits(bounds=HttpBounds(seconds=0.05)))
            collector = await self.connect(port_of(made), b"GET /one")
            self.assertEqual(await collector.gone, b"")

        return self.run_(test)

    def test_too_many_connections(self) -> Deferred[None]:
        async def test() -> None:
            made = await self.serve(limits=ListenerLimits(bounds=HttpBounds(connections=3)))
            held = [await self.connect(port_of(made)) for _ in range(4)]
            self.assertEqual(await held[0].gone, b"")
            held[1].transport.write(b"GET /one HTTP/1.1\r\nConnection: close\r\n\r\n")
            self.assertEqual(Answer(await held[1].gone).status, 401)
            await made.stopService()
            await held[2].gone
            await held[3].gone

        return self.run_(test)

    def test_stopping_closes_everything_but_lets_an_answer_out(self) -> Deferred[None]:
        async def test() -> None:
            made = await self.serve(limits=PATIENT)
            stopped: list[Deferred[None]] = []
            self.agent.during = lambda: stopped.append(made.stopService())
            idle = await self.connect(port_of(made), b"GET")
            ours = Authenticator(USER, cnonce=counter("c"), basic_allowed=False)
            first = await self.connect(port_of(made), b"GET /one HTTP/1.0\r\n\r\n")
            ours.challenged(Answer(await first.gone).all("www-authenticate"))
            header = f"Authorization: {ours.authorization('GET', '/one')}"
            asking = await self.connect(port_of(made), f"GET /one HTTP/1.0\r\n{header}\r\n\r\n".encode())
            self.assertEqual(Answer(await asking.gone).status, 200)
            self.assertEqual(await idle.gone, b"")
            await stopped[0]
            self.assertFalse(made.listening)

        return self.run_(test)
