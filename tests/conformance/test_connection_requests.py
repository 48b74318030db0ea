"""ConnectionRequests (CR): authentication, and exactly one additional session for each valid request."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from unittest import SkipTest
from urllib.parse import SplitResult, urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from cwmpagent.agent.facts import AgentStarted, ConnectionRequested, Noted, Warned
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.config import Config
from cwmpagent.embedding.service import Agent
from cwmpagent.lab.acs.misbehaviour import Delay, Status
from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.rpc import FactoryReset, GetParameterValues, InformResponse, Reboot
from cwmpagent.protocol.session import Reply
from cwmpagent.runtime import network
from cwmpagent.transport.local_address import EVERY
from cwmpagent.values import Value, ValueType
from tests.agent.bench import DEVICE, SERVER, BenchCase, assign, reactor
from tests.agent.ports import FakeClock, finished, reply
from tests.conformance.simulated import CODE, SimulatedAgentCase, down, good, is_inform
from tests.conformance.stage import Stepped, SteppedCase
from tests.process import free_port
from tests.skips import NO_IPV6, has_ipv6
from tests.transport.http.scripted import Names

URL = SERVER + "ConnectionRequestURL"
SIX = ("6 CONNECTION REQUEST",)
OFF = Value(ValueType.BOOLEAN, "false")
ON = Value(ValueType.BOOLEAN, "true")


class _Whole(Protocol):
    """A client that sends ``request`` and reads to the end; ``look`` is called when the answer begins."""

    def __init__(self, request: bytes, look: Callable[[], int]) -> None:
        self._request = request
        self._look = look
        self.seen = 0
        self.data = b""
        self.done: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        if not self.data:
            self.seen = self._look()
        self.data += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        self.done.callback(None)


class Answered:
    """One HTTP answer: status, headers by lower-case name, body, and the number of sessions at that time."""

    def __init__(self, data: bytes, sessions_before: int) -> None:
        self.sessions_before = sessions_before
        head, _, self.body = data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines[1:])}


class StillClock(FakeClock):
    """Clocks that stand still until the test advances them, so that time limits are met exactly."""

    def __init__(self) -> None:
        self.timers = Clock()
        super().__init__(self.timers)


class RequestCase(BenchCase):
    """A bootstrapped agent, and clients that send ConnectionRequests."""

    async def bootstrap(self) -> str:
        """Bootstrap; the ConnectionRequestURL."""
        trace = await self.bootstrapped()
        return next(each.value.text for each in trace.informs[0].parameter_list if each.name == URL)

    async def get(self, url: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Answered:
        """Send a GET on a new connection."""
        parts = urlsplit(url)
        assert parts.hostname is not None and parts.port is not None
        lines = [f"{method} {parts.path or '/'} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
        lines += [f"{name}: {text}" for name, text in (headers or {}).items()]
        asking = _Whole("\r\n".join([*lines, "", ""]).encode(), lambda: self.lab.sessions.seen)
        await connectProtocol(TCP4ClientEndpoint(reactor, parts.hostname, parts.port), asking)
        await asking.done
        return Answered(asking.data, asking.seen)

    async def authorization(self, url: str, username: str = "acs", password: str = "request-secret") -> str:
        """The Authorization header for a new challenge."""
        challenge = await self.get(url)
        self.assertEqual(challenge.status, 401)
        authenticator = Authenticator(Credentials(username, password), cnonce=lambda: "c0ffee", basic_allowed=False)
        self.assertTrue(authenticator.challenged([challenge.headers["www-authenticate"]]))
        header = authenticator.authorization("GET", urlsplit(url).path)
        assert header is not None
        return header

    async def quiet(self) -> None:
        """Expect no session."""
        number = self.lab.sessions.seen
        await self.pause(0.1)
        self.assertEqual(self.lab.sessions.seen, number)

    def life_is_idle(self) -> bool:
        """Whether the agent is in no session."""
        return self.agent is not None and not self.agent.runtime.sessions.in_session


class AccessTests(RequestCase):
    """Authentication of ConnectionRequests."""

    async def test_cr_01_without_credentials(self) -> None:
        url = await self.bootstrap()
        first, second = await self.get(url), await self.get(url)
        for answer in (first, second):
            self.assertEqual(answer.status, 401)
            self.assertTrue(answer.headers["www-authenticate"].startswith("Digest "))
            self.assertIn('qop="auth"', answer.headers["www-authenticate"])
            self.assertEqual(answer.body, b"")
            self.assertNotIn("server", answer.headers)
        self.assertNotEqual(first.headers["www-authenticate"], second.headers["www-authenticate"])
        await self.quiet()

    async def test_cr_02_answered_before_the_inform_leaves(self) -> None:
        url = await self.bootstrap()
        header = await self.authorization(url)
        number = self.lab.sessions.seen
        answered = await self.get(url, headers={"Authorization": header})
        self.assertIn(answered.status, (200, 204))
        self.assertEqual(answered.body, b"")
        self.assertEqual(answered.sessions_before, number)
        trace = await self.session(since=number)
        self.assertEqual(trace.event_codes, SIX)
        self.assertEqual(trace.informs[0].retry_count, 0)

    async def test_cr_03_wrong_credentials(self) -> None:
        url = await self.bootstrap()
        for username, password in (("acs", "wrong"), ("wrong", "request-secret"), ("cpe", "acs-secret"), ("", "")):
            header = await self.authorization(url, username, password)
            self.assertEqual((await self.get(url, headers={"Authorization": header})).status, 401)
        basic = {"Authorization": "Basic YWNzOnJlcXVlc3Qtc2VjcmV0"}
        self.assertEqual((await self.get(url, headers=basic)).status, 401)
        await self.quiet()

    async def test_cr_03_what_the_acs_sets_counts_at_once(self) -> None:
        url = await self.bootstrap()
        await self.ask(assign("", **{SERVER + "ConnectionRequestPassword": "another"}))
        old, new = await self.authorization(url), await self.authorization(url, password="another")
        self.assertEqual((await self.get(url, headers={"Authorization": old})).status, 401)
        self.assertEqual((await self.get(url, headers={"Authorization": new})).status, 200)
        await self.session(since=self.lab.sessions.seen - 1)

    async def test_cr_03_without_a_password_nobody_gets_in(self) -> None:
        url = await self.bootstrap()
        await self.ask(assign("", **{SERVER + "ConnectionRequestPassword": ""}))
        header = await self.authorization(url, password="")
        self.assertEqual((await self.get(url, headers={"Authorization": header})).status, 401)
        await self.quiet()

    async def test_cr_04_the_same_header_again(self) -> None:
        url = await self.bootstrap()
        header = await self.authorization(url)
        number = self.lab.sessions.seen
        self.assertEqual((await self.get(url, headers={"Authorization": header})).status, 200)
        await self.session(since=number)
        self.assertEqual((await self.get(url, headers={"Authorization": header})).status, 401)
        await self.quiet()

    async def test_cr_05_another_method_or_path(self) -> None:
        url = await self.bootstrap()
        header = await self.authorization(url)
        for method in ("POST", "HEAD", "PUT"):
            answer = await self.get(url, method, {"Authorization": header, "Content-Length": "0"})
            self.assertEqual(answer.status, 405)
        elsewhere = url.rpartition("/")[0] + "/elsewhere"
        self.assertEqual((await self.get(elsewhere, headers={"Authorization": header})).status, 404)
        await self.quiet()

    async def test_the_path_cannot_be_guessed_and_stays(self) -> None:
        path = urlsplit(await self.bootstrap()).path
        self.assertGreater(len(path), 16)
        await self.end()
        self.begin(chance=random.Random(8))
        await self.session(since=self.lab.sessions.seen)
        self.assertEqual(self.agent and self.agent.runtime.request_path, path)
        number = self.lab.sessions.seen
        await self.ask(FactoryReset())
        await self.session(event="0 BOOTSTRAP", since=number)
        self.assertNotEqual(self.agent and self.agent.runtime.request_path, path)


class TimingTests(RequestCase):
    """Requests before, during and after a session; the test advances the clock of the ACS."""

    def setUp(self) -> None:
        self.lab_reactor = Stepped()
        super().setUp()

    async def test_cr_06_five_in_a_session_lead_to_one_more(self) -> None:
        url = await self.bootstrap()
        number = self.lab.sessions.seen
        self.lab.misbehave(Delay(at="empty", seconds=1000))
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        await self.until(lambda: not self.lab.misbehaviours.waiting())
        statuses = [await self.lab.connection_request(DEVICE) for _ in range(5)]
        self.assertLessEqual(set(statuses), {200, 503})
        self.assertFalse(self.life_is_idle())
        self.lab_reactor.advance(1000)
        await self.until(lambda: self.lab.sessions.seen == number + 2)
        await self.until(self.life_is_idle)
        await self.quiet()
        traces = [trace for trace in self.lab.sessions if trace.number > number]
        self.assertEqual([(trace.event_codes, trace.ended) for trace in traces], [(SIX, "complete")] * 2)
        self.assertTrue(url)
        self.assert_nothing_odd()

    async def test_cr_06_after_a_session_that_failed(self) -> None:
        await self.bootstrap()
        self.lab.misbehave(Status(at="inform", status=503, times=1))
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        await self.until(lambda: len(self.ended()) == 2)
        self.assertFalse(self.ended()[-1].success)
        self.assertIsNone(self.ended()[-1].retry_in)
        number = self.lab.sessions.seen
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        trace = await self.session(since=number)
        self.assertEqual((trace.event_codes, trace.informs[0].retry_count), (SIX, 1))

    async def test_cr_07_a_burst(self) -> None:
        clock = StillClock()
        self.begin(clock=clock)
        await self.session(event="0 BOOTSTRAP")
        url = self.agent.runtime.server.text("ConnectionRequestURL") if self.agent else ""
        for _ in range(50):
            header = await self.authorization(url)
            self.assertEqual((await self.get(url, headers={"Authorization": header})).status, 200)
        header = await self.authorization(url)
        answer = await self.get(url, headers={"Authorization": header})
        self.assertEqual(answer.status, 503)
        self.assertNotIn("retry-after", answer.headers)
        self.assertEqual(
            [fact.accepted for fact in self.facts if isinstance(fact, ConnectionRequested)], [True] * 50 + [False]
        )
        await self.until(self.life_is_idle)
        await self.quiet()
        clock.timers.advance(6)
        number = self.lab.sessions.seen
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        await self.session(since=number)
        self.assertEqual({trace.ended for trace in self.lab.sessions}, {"complete"})


class SwitchTests(RequestCase):
    """Endpoints, switches, and the ConnectionRequestURL that is reported."""

    def config_at(self, endpoint: str, **given: str) -> Config:
        """A configuration with another endpoint."""
        config = self.config()
        return replace(config, connection_request=replace(config.connection_request, endpoint=(endpoint,), **given))

    async def test_cr_08_switched_off(self) -> None:
        url = await self.bootstrap()
        number = self.lab.sessions.seen
        (done,) = await self.ask(assign("", **{SERVER + "HTTPConnectionRequestEnable": OFF}))
        self.assertEqual(done.status, 0)
        trace = await self.session(event="4 VALUE CHANGE", since=number)
        self.assertIn((URL, ""), [(each.name, each.value.text) for each in trace.informs[0].parameter_list])
        await self.closed(url)
        await self.quiet()
        assert self.agent is not None
        number = self.lab.sessions.seen
        await self.agent.runtime.changes.set_values(
            assign("", **{SERVER + "HTTPConnectionRequestEnable": ON}).parameter_list, Origin.LOCAL
        )
        trace = await self.session(event="4 VALUE CHANGE", since=number)
        self.assertIn((URL, url), [(each.name, each.value.text) for each in trace.informs[0].parameter_list])
        self.assertEqual((await self.get(url)).status, 401)

    async def test_cr_08_an_agent_switched_off_takes_none(self) -> None:
        url = await self.bootstrap()
        await self.ask(assign("", **{SERVER + "EnableCWMP": OFF}))
        await self.until(lambda: not self.listening())
        await self.closed(url)
        await self.quiet()
        await self.locally("EnableCWMP", ON)
        self.assertEqual((await self.get(url)).status, 401)

    async def test_cr_08_off_from_the_start(self) -> None:
        agent = self.begin(self.config(**{SERVER + "HTTPConnectionRequestEnable": "false"}))
        trace = await self.session(event="0 BOOTSTRAP")
        self.assertIn((URL, ""), [(each.name, each.value.text) for each in trace.informs[0].parameter_list])
        self.assertFalse(self.listening())
        await self.locally("HTTPConnectionRequestEnable", ON)
        self.assertEqual((await self.get(agent.runtime.server.text("ConnectionRequestURL"))).status, 401)
        self.assert_nothing_odd()

    async def test_cr_08_off_over_a_reboot_and_on_again(self) -> None:
        url = await self.bootstrap()
        number = self.lab.sessions.seen
        await self.ask(assign("", **{SERVER + "HTTPConnectionRequestEnable": OFF}), Reboot("key"))
        await self.session(event="M Reboot", since=number)
        await self.closed(url)
        await self.locally("HTTPConnectionRequestEnable", ON)
        self.assertEqual((await self.get(url)).status, 401)
        await self.until(lambda: self.lab.devices[DEVICE].parameters[URL].text == url and self.life_is_idle())
        number = self.lab.sessions.seen
        await self.ask(Reboot("key"))
        await self.session(event="M Reboot", since=number)
        self.assertEqual((await self.get(url)).status, 401)

    async def test_cr_08_the_port_is_taken_meanwhile(self) -> None:
        clock = StillClock()
        self.begin(clock=clock)
        await self.session(event="0 BOOTSTRAP")
        assert self.agent is not None
        url = self.agent.runtime.server.text("ConnectionRequestURL")
        number = urlsplit(url).port or 0
        await self.locally("HTTPConnectionRequestEnable", OFF)
        other = reactor.listenTCP(number, Factory(), interface="127.0.0.1")
        try:
            await self.locally("HTTPConnectionRequestEnable", ON)
            await self.locally("HTTPConnectionRequestEnable", OFF)
            self.assertEqual(len(self.warnings()), 1)
            await self.locally("HTTPConnectionRequestEnable", ON)
            for _ in range(3):
                await self.agent.runtime.connection_requests.http.refresh()
            self.assertEqual(self.agent.runtime.server.text("ConnectionRequestURL"), "")
        finally:
            await other.stopListening()
        self.assertEqual(len(self.warnings()), 2)
        for warning in self.warnings():
            self.assertIn(f"connection_request.endpoint: tcp:{number}:interface=127.0.0.1: Address already", warning)
            self.assertIn("every 30 s", warning)
        await self.agent.runtime.connection_requests.http.refresh()
        self.assertEqual((await self.get(url)).status, 401)
        self.assertEqual(self.agent.runtime.server.text("ConnectionRequestURL"), url)

    async def test_cr_08_one_of_several(self) -> None:
        url = await self.bootstrap()
        first = self.agent
        assert first is not None
        config = self.config()
        config = replace(
            config,
            device=replace(config.device, serial_number="SN0002"),
            state=replace(config.state, directory=self.state.with_name("second")),
        )
        second = Agent(config, reactor=reactor, observer=self.facts.append, model=self.model, beside=first)
        second.startService()
        self.addCleanup(self.end, second)
        await self.until(lambda: bool(second.runtime.server.text("ConnectionRequestURL")))
        other = second.runtime.server.text("ConnectionRequestURL")
        self.assertEqual(urlsplit(other).port, urlsplit(url).port)
        await self.locally("HTTPConnectionRequestEnable", OFF)
        self.assertEqual([(await self.get(each)).status for each in (url, other)], [404, 401])
        await self.locally("EnableCWMP", OFF, second)
        self.assertEqual(second.runtime.server.text("ConnectionRequestURL"), "")
        await self.closed(url)
        await self.closed(other)
        await self.locally("EnableCWMP", ON, second)
        self.assertEqual([(await self.get(each)).status for each in (url, other)], [404, 401])
        await self.end(second)
        await self.until(lambda: not self.listening())
        await self.closed(url)

    async def locally(self, name: str, value: Value, agent: Agent | None = None) -> None:
        """Switch locally, and wait until the URL has changed."""
        agent = agent or self.agent
        assert agent is not None
        await agent.runtime.changes.set_values(assign("", **{SERVER + name: value}).parameter_list, Origin.LOCAL)
        await agent.runtime.connection_requests.http.refresh()

    def listening(self) -> bool:
        """Whether the agent's port is open."""
        assert self.agent is not None
        return self.agent._assembly.network.listener.listening

    def warnings(self) -> list[str]:
        """The warnings of the agent."""
        return [fact.text for fact in self.facts if isinstance(fact, Warned)]

    async def closed(self, url: str) -> None:
        """Expect that the port is closed."""
        await self.assertFailure(Deferred.fromCoroutine(self.get(url)), ConnectionRefusedError)

    async def test_cr_09_the_url_is_told_as_it_is(self) -> None:
        url = await self.bootstrap()
        self.assertEqual(urlsplit(url).scheme, "http")
        self.assertEqual(urlsplit(url).hostname, "127.0.0.1")
        await self.end()
        # Another port: it is reported to the ACS, which reaches it.
        self.begin(self.config(boot="system"))
        trace = await self.session(since=self.lab.sessions.seen)
        self.assertEqual(trace.event_codes, ("4 VALUE CHANGE",))
        told = next(each.value.text for each in trace.informs[0].parameter_list if each.name == URL)
        self.assertNotEqual(told, url)
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        await self.session(since=trace.number)


class AddressTests(SteppedCase):
    """The address in the URL where the ACS has several addresses."""

    async def told(self, *addresses: str, endpoints: tuple[str, ...], acs_url: str = "http://acs.test/") -> SplitResult:
        """The URL of an agent that listens at ``endpoints``, where the name has these addresses."""
        sources = {"2001:db8::1": "::1", "192.0.2.1": "127.0.0.1", "fe80::1%lo": "fe80::2"}
        self.patch(network, "source_address", sources.get)
        self.time.nameResolver = Names(acs=list(addresses))
        config = self.config(boot="system")
        request = replace(config.connection_request, endpoint=endpoints)
        agent = self.begin(replace(config, acs=replace(config.acs, url=acs_url), connection_request=request))
        await self.until(lambda: any(isinstance(fact, AgentStarted) for fact in self.facts))
        url = agent.runtime.server.text("ConnectionRequestURL")
        await self.end(agent)
        self.facts.clear()
        return urlsplit(url)

    async def test_cr_09_only_where_something_listens(self) -> None:
        if not has_ipv6():
            raise SkipTest(NO_IPV6)
        six, four = "2001:db8::1", "192.0.2.1"
        for endpoint, host in (("tcp:0", "127.0.0.1"), ("tcp6:0:interface=\\:\\:1", "::1")):
            for addresses in ((six, four), (four, six)):
                url = await self.told(*addresses, endpoints=(endpoint,))
                self.assertEqual(url.hostname, host, addresses)
        self.assertEqual((await self.told(six, endpoints=("tcp:0",))).geturl(), "")
        for addresses, host in (((six, four), "::1"), ((four, six), "127.0.0.1")):
            self.assertEqual((await self.told(*addresses, endpoints=("tcp6:0",))).hostname, host)

    async def test_cr_09_the_zone_of_the_acs(self) -> None:
        """The address is looked up in the zone of the ACS, and has none in the URL: the ACS has a zone of its own."""
        if not has_ipv6():
            raise SkipTest(NO_IPV6)
        url = await self.told(endpoints=("tcp6:0",), acs_url="http://[fe80::1%25lo]:7547/")
        self.assertEqual(url.hostname, "fe80::2")
        self.assertEqual(url.netloc, f"[fe80::2]:{url.port}")

    async def test_cr_09_told_without_waiting_for_the_next_session(self) -> None:
        ours = {"127.0.0.1": "127.0.0.1"}
        self.patch(network, "source_address", ours.get)
        config = self.config()
        agent = self.begin(replace(config, connection_request=replace(config.connection_request, endpoint=("tcp:0",))))
        await self.sessions_ended(1)
        url = agent.runtime.server.text("ConnectionRequestURL")
        self.time.advance(EVERY)
        await self.pause(0.05)
        self.assertEqual(self.lab.sessions.seen, 1)
        ours["127.0.0.1"] = "127.0.0.2"
        self.time.advance(EVERY)
        await self.sessions_ended(2)
        trace = list(self.lab.sessions)[-1]
        self.assertEqual(trace.event_codes, ("4 VALUE CHANGE",))
        told = next(each.value.text for each in trace.informs[0].parameter_list if each.name == URL)
        self.assertEqual(told, url.replace("127.0.0.1", "127.0.0.2"))
        self.assertEqual(await self.lab.connection_request(DEVICE), 200)
        await self.sessions_ended(3)
        self.assertEqual(list(self.odd()), [])

    async def test_cr_09_the_port_of_that_address(self) -> None:
        (first, second), four = (free_port(), free_port()), "192.0.2.1"
        endpoints = (f"tcp:{first}:interface=127.0.0.2", f"tcp:{second}:interface=127.0.0.1")
        self.assertEqual((await self.told(four, endpoints=endpoints)).port, second)


class MadeUpTimeTests(SimulatedAgentCase):
    """Requests at moments that need a simulated clock."""

    def test_cr_02_within_thirty_seconds(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        asked = simulated.clock.monotonic()
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[1:], [SIX])
        self.assertLess(simulated.acs.firsts()[-1].at - asked, 30)

    def test_cr_02_the_session_is_not_opened_before_the_answer_left(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        self.assertTrue(simulated.runtime.connection_requests.http.requested("198.51.100.1"))
        self.assertEqual(len(simulated.acs.sessions), 1)
        simulated.run(0)
        self.assertEqual(len(simulated.acs.sessions), 2)

    def test_cr_07_whatever_they_come_by_they_share_one_limit(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        came = [(f"198.51.100.{number}", ("HTTP", "UDP", "XMPP")[number % 3]) for number in range(51)]
        self.assertEqual(
            [simulated.runtime.connection_requests.http.requested(*each) for each in came], [True] * 50 + [False]
        )
        told = [fact for fact in simulated.facts if isinstance(fact, ConnectionRequested)]
        self.assertEqual([(fact.source, fact.by) for fact in told], came)
        self.assertEqual([fact.accepted for fact in told], [True] * 50 + [False])
        simulated.run(4.9)
        self.assertFalse(simulated.runtime.connection_requests.http.requested("198.51.100.1"))
        self.assertEqual(simulated.acs.event_codes()[1:], [SIX])
        simulated.run(0.1)
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[1:], [SIX, SIX])

    def test_cr_07_one_over_the_limit_starts_no_session(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        for _ in range(50):
            simulated.runtime.connection_requests.http.requested("198.51.100.1")
        simulated.run(0)
        self.assertFalse(simulated.runtime.connection_requests.http.requested("198.51.100.1", "UDP"))
        simulated.run(3600)
        self.assertEqual(simulated.acs.event_codes()[1:], [SIX])

    def test_what_switches_off_what(self) -> None:
        simulated = self.device()
        requests = simulated.bootstrapped().connection_requests.http
        for enabled, http, expected in (
            ("true", "true", (True, True)),
            ("true", "false", (False, True)),
            ("false", "true", (False, False)),
            ("false", "false", (False, False)),
        ):
            simulated.server("EnableCWMP", enabled)
            simulated.server("HTTPConnectionRequestEnable", http)
            self.assertEqual((requests.enabled(), requests.takes_requests()), expected)

    def test_cr_06_at_every_message_of_a_session(self) -> None:
        for at in (1, 2, 3, 4):
            for times in (1, 5):
                with self.subTest(at=at, times=times):
                    simulated = self.device()
                    simulated.bootstrapped()

                    def instead(
                        posted: object, simulated: object = simulated, at: int = at, times: int = times
                    ) -> None:
                        if len(simulated.acs.sessions) == 2 and posted.number == at:  # type: ignore[attr-defined]  # Posted
                            for _ in range(times):
                                simulated.runtime.connection_requests.http.requested("198.51.100.1")  # type: ignore[attr-defined]  # SimulatedDiskAgent

                    simulated.acs.instead = instead
                    simulated.ask(GetParameterValues((CODE,)), GetParameterValues((CODE,)))
                    simulated.run(86400)
                    self.assertEqual(simulated.acs.event_codes()[1:], [SIX, SIX])
                    self.assertTrue(all(ended.success for ended in simulated.ended()))

    def test_cr_06_while_the_inform_is_unanswered(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        answer: Deferred[Reply] = Deferred()
        simulated.acs.instead = lambda posted: answer if is_inform(posted) else None
        simulated.call()
        for _ in range(3):
            simulated.call()
        self.assertEqual(len(simulated.acs.sessions), 2)
        simulated.acs.instead = good
        answer.callback(reply(InformResponse(), simulated.acs.firsts()[-1]))
        simulated.run(86400)
        self.assertEqual(simulated.acs.event_codes()[1:], [SIX, SIX])

    def test_cr_06_in_a_retry_wait_it_counts_as_a_retry(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.acs.instead = down
        simulated.change(CODE, "changed")
        waiting = simulated.runtime.agenda.retry_in(simulated.runtime.sessions.now())
        assert waiting is not None and waiting > 4
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[-1], ("4 VALUE CHANGE", *SIX))
        self.assertEqual(simulated.last().retry_count, 1)
        longer = simulated.runtime.agenda.retry_in(simulated.runtime.sessions.now())
        assert longer is not None and longer >= 10
        simulated.acs.instead = good
        simulated.run(20)
        self.assertEqual(simulated.acs.event_codes()[-1], ("4 VALUE CHANGE",))
        self.assertEqual(simulated.last().retry_count, 2)
        simulated.call()
        self.assertEqual(simulated.last().retry_count, 0)

    def test_cr_06_a_failed_one_is_not_retried(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        simulated.acs.instead = down
        simulated.call()
        simulated.run(86400)
        self.assertEqual(simulated.acs.event_codes()[1:], [SIX])
        simulated.acs.instead = good
        simulated.run(86400)
        self.assertEqual(len(simulated.acs.sessions), 2)

    def test_cr_06_stopped_right_after_a_request(self) -> None:
        for times in (1, 3):
            simulated = self.device()
            runtime = simulated.bootstrapped()
            for _ in range(times):
                runtime.connection_requests.http.requested("198.51.100.1")
            finished(runtime.stop())
            simulated.run(10)
            self.assertEqual(len(simulated.acs.sessions), 1)

    def test_cr_09_another_address(self) -> None:
        simulated = self.device(PeriodicInformEnable="true", PeriodicInformInterval="60")
        simulated.bootstrapped()
        before = simulated.last_values()[URL]
        self.assertIn("//192.0.2.1:7547/", before)
        simulated.address = "2001:db8::7"
        simulated.run(60)
        self.assertEqual(simulated.acs.event_codes()[1:], [("2 PERIODIC", "4 VALUE CHANGE")])
        self.assertEqual(simulated.last_values()[URL], before.replace("192.0.2.1", "[2001:db8::7]"))
        simulated.run(60)
        self.assertEqual(simulated.acs.event_codes()[2:], [("2 PERIODIC",)])

    def test_cr_09_told_at_once(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        before = simulated.last_values()[URL]
        (moved,) = [moved for _, moved in simulated.watch.watched]
        moved()
        simulated.run(60)
        self.assertEqual(simulated.acs.event_codes()[1:], [])
        simulated.address = "192.0.2.9"
        moved()
        simulated.run(0)
        self.assertEqual(simulated.acs.event_codes()[1:], [("4 VALUE CHANGE",)])
        self.assertEqual(simulated.last_values()[URL], before.replace("192.0.2.1", "192.0.2.9"))
        simulated.run(3600)
        self.assertEqual(len(simulated.acs.sessions), 2)

    def test_cr_09_an_address_that_goes_and_comes_back_is_nothing_to_tell(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        for address in (None, "192.0.2.1"):
            simulated.address = address  # type: ignore[assignment]  # as where there is no way
            simulated.runtime.connection_requests.http.moved()
            simulated.run(60)
        self.assertEqual(simulated.acs.event_codes()[1:], [])

    def test_cr_09_whose_address_it_follows(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        self.assertEqual(simulated.watch.hosts(), ["acs.example"])
        simulated.server("URL", "http://[2001:db8::5]:7547/")
        simulated.run(0)
        self.assertEqual(simulated.watch.hosts(), ["2001:db8::5"])
        simulated.server("URL", "http://elsewhere.example/")
        simulated.run(0)
        self.assertEqual(simulated.watch.hosts(), ["elsewhere.example"])
        simulated.server("HTTPConnectionRequestEnable", "false")
        self.assertEqual(simulated.watch.hosts(), [])
        simulated.server("HTTPConnectionRequestEnable", "true")
        self.assertEqual(simulated.watch.hosts(), ["elsewhere.example"])
        finished(simulated.runtime.stop())
        self.assertEqual(simulated.watch.hosts(), [])
        simulated.address = "192.0.2.9"
        simulated.runtime.connection_requests.http.moved()
        simulated.run(10)
        self.assertEqual(simulated.watch.hosts(), [])
        self.assertFalse(simulated.runtime.connection_requests.http.requested("198.51.100.1"))
        simulated.begin()
        self.assertEqual(simulated.watch.hosts(), ["elsewhere.example"])

    def test_without_credentials_it_is_said_once_at_start(self) -> None:
        def said(**parameters: str) -> list[str]:
            simulated = self.device(**parameters)
            simulated.bootstrapped()
            simulated.run(3600)
            return [fact.text for fact in simulated.facts if isinstance(fact, Noted)]

        both = "ConnectionRequestUsername and ConnectionRequestPassword"
        line = "no ConnectionRequest is accepted until the ACS or the configuration file sets "
        self.assertEqual(said(), [line + both])
        self.assertEqual(said(ConnectionRequestUsername="acs"), [line + "ConnectionRequestPassword"])
        self.assertEqual(said(ConnectionRequestUsername="acs", ConnectionRequestPassword="x"), [])
        self.assertEqual(said(HTTPConnectionRequestEnable="false"), [])

    def test_cr_09_an_address_that_is_not_known_now_changes_nothing(self) -> None:
        simulated = self.device()
        simulated.bootstrapped()
        before = simulated.last_values()[URL]
        simulated.address = None  # type: ignore[assignment]  # as where a name cannot be resolved
        simulated.call()
        self.assertEqual(simulated.acs.event_codes()[1:], [SIX])
        self.assertEqual(simulated.last_values()[URL], before)
