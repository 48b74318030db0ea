"""HTTP-01 to HTTP-12: authentication, cookies, redirects, connections, timeouts and TLS in whole sessions."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

from cwmpagent.config import Config
from cwmpagent.config.settings import AcsConfig
from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.misbehaviour import Close, Delay, Drip, Gzip, Http10, Huge, Redirect, Status, Unauthorized
from cwmpagent.lab.certificates import certificates
from cwmpagent.protocol.rpc import GetParameterValues, GetParameterValuesResponse, GetRPCMethods, Inform
from cwmpagent.protocol.session import Reply
from tests.agent.bench import DEVICE, SERVER, BenchCase, reactor
from tests.agent.ports import Posted
from tests.conformance.stage import Headed, ScriptedCase, SteppedCase, call
from tests.transport.http.scripted import Names

URL = SERVER + "URL"
CODE = "Device.DeviceInfo.ProvisioningCode"


class DigestTests(BenchCase):
    async def test_http_01_digest(self) -> None:
        trace = await self.bootstrapped()
        self.assertEqual([inform.retry_count for inform in trace.informs], [0])
        self.assertEqual(len(self.ended()), 1)
        self.assertEqual(trace.violations, [])

    async def test_http_03_wrong_password_is_no_loop(self) -> None:
        config = self.config(**{SERVER + "CWMPRetryMinimumWaitInterval": "60"})
        self.begin(replace(config, acs=replace(config.acs, password="wrong")))
        await self.until(lambda: len(self.ended()) == 1)
        self.assertFalse(self.ended()[0].success)
        self.assertGreaterEqual(self.ended()[0].retry_in or 0, 59)
        self.assertEqual(self.lab.sessions.seen, 0)
        self.assertIn("password is refused", self.ended()[0].reason)

    async def test_http_04_stale_nonce_within_a_session(self) -> None:
        await self.bootstrapped()
        self.lab.misbehave(Unauthorized(at="empty", stale=True), Unauthorized(at="GetRPCMethodsResponse"))
        (answer,) = await self.ask(GetRPCMethods())
        self.assertIn("Reboot", answer.method_list)
        self.assertTrue(self.ended()[-1].success)
        self.assert_nothing_odd()


class BasicTests(BenchCase):
    auth = "basic"

    async def test_http_02_basic(self) -> None:
        trace = await self.bootstrapped()
        self.assertEqual(len(trace.exchanges), 2)
        self.assertTrue(self.ended()[0].success)


class CookieTests(ScriptedCase):
    async def test_http_05_two_cookies_with_paths_also_after_a_new_connection(self) -> None:
        cookies = (("Set-Cookie", "one=1; Path=/"), ("Set-Cookie", "two=2; Path=/acs"))

        def dress(posted: Posted, reply: Reply) -> Headed:
            return Headed(reply, (*cookies, ("Connection", "close")) if posted.number == 1 else ())

        self.front.dress = dress
        posts = await self.talk(GetRPCMethods())
        self.assertIsNone(posts[0].header("Cookie"))
        for posted in posts[1:]:
            self.assertEqual(sorted((posted.header("Cookie") or "").split("; ")), ["one=1", "two=2"])
        self.assertEqual(len(set(self.front.connections)), 2)
        again = await self.talk()
        self.assertIsNone(again[0].header("Cookie"))

    @property
    def url(self) -> str:
        return super().url + "acs/cwmp"


class RedirectTests(BenchCase):
    async def test_http_06_redirected_for_the_session_and_no_longer(self) -> None:
        other = LabAcs(reactor, auth="digest", username="cpe", password="acs-secret")
        port = reactor.listenTCP(0, other.site(), interface="127.0.0.1")
        self.addCleanup(port.stopListening)
        self.addCleanup(other.close)
        there = f"http://127.0.0.1:{port.getHost().port}/elsewhere"
        await self.bootstrapped()
        assert self.agent is not None
        for number, status in enumerate((302, 307)):
            read = other.queue(DEVICE, GetParameterValues((URL,)))
            self.lab.misbehave(Redirect(at="inform", to=there, status=status))
            call(self.agent)
            answer = await read
            await self.until(lambda number=number: len(self.ended()) == number + 2)
            assert isinstance(answer, GetParameterValuesResponse)
            self.assertEqual(answer.parameter_list[0].value.text, self.url)
            self.assertTrue(self.ended()[-1].success)
            self.assertEqual(len(other.sessions[number].informs), 1)
            self.assertEqual(other.sessions[number].ended, "complete")
        await self.ask(GetRPCMethods())
        self.assertEqual(other.sessions.seen, 2)


class LoopTests(ScriptedCase):
    async def test_http_07_no_more_than_five_redirects(self) -> None:
        await self.talk()
        self.acs.instead = lambda posted: Reply(302, b"moved")
        self.front.dress = lambda posted, reply: Headed(reply, (("Location", "/again"),))
        before = len(self.front.connections)
        await self.talk()
        self.assertFalse(self.ended()[1].success)
        self.assertEqual(len(self.front.connections) - before, 6)


class ConnectionTests(BenchCase):
    async def test_http_08_close_continues_on_a_new_connection(self) -> None:
        self.lab.misbehave(Close(at=1), Close(at=2, spelling="CLOSE"), Http10(at=3))
        read = [self.lab.queue(DEVICE, GetRPCMethods()) for _ in range(2)]
        trace = await self.bootstrapped()
        self.assertEqual(len(trace.informs), 1)
        self.assertEqual(trace.violations, [])
        self.assertTrue(all(each.called for each in read))
        self.assertEqual(len(self.ended()), 1)

    async def test_http_10_http_errors(self) -> None:
        self.begin(self.config(**{SERVER + "CWMPRetryMinimumWaitInterval": "600"}))
        await self.until(lambda: len(self.ended()) == 1)
        assert self.agent is not None
        for count, status in enumerate((400, 404, 500, 503)):
            self.lab.misbehave(Status(at="inform", status=status, body="no"))
            call(self.agent)
            await self.until(lambda count=count: len(self.ended()) == count + 2)
            self.assertIn(str(status), self.ended()[-1].reason)
            self.assertEqual(self.ended()[-1].retry_count, count)
        call(self.agent)
        trace = await self.session()
        self.assertEqual(trace.informs[0].retry_count, 4)

    async def test_http_12_one_connection_and_one_post_at_a_time(self) -> None:
        for _ in range(5):
            self.lab.queue(DEVICE, GetRPCMethods())
        trace = await self.bootstrapped()
        self.assertEqual(trace.violations, [])
        self.assertEqual(len(trace.exchanges), 7)

    async def test_gzip_and_drip(self) -> None:
        self.lab.misbehave(Gzip(times=0), Drip(at="inform", size=50, seconds=0))
        await self.bootstrapped()
        (answer,) = await self.ask(GetParameterValues((CODE,)))
        self.assertIsInstance(answer, GetParameterValuesResponse)


class OneConnectionTests(ScriptedCase):
    async def test_http_12_a_session_is_one_connection(self) -> None:
        posts = await self.talk(*(GetRPCMethods() for _ in range(5)))
        self.assertEqual(len(posts), 7)
        self.assertEqual(len(self.front.connections), 7)
        self.assertEqual(len(set(self.front.connections)), 1)
        self.assertIsInstance(posts[0].message, Inform)
        await self.talk()
        self.assertEqual(len(set(self.front.connections)), 2)


class SilenceTests(SteppedCase):
    async def test_http_09_half_a_minute_of_silence(self) -> None:
        self.assertEqual(AcsConfig(url="http://x/").answer_timeout, 30)
        self.lab.misbehave(Delay(at="inform", seconds=3600))
        self.begin()
        await self.until(lambda: self.lab.sessions.seen == 1)
        self.time.advance(29.5)
        await self.pause(0.05)
        self.assertTrue(self.busy())
        self.time.advance(1)
        await self.sessions_ended(1)
        self.assertFalse(self.ended()[0].success)
        self.time.advance(2.1)
        trace = await self.session()
        self.assertEqual(trace.informs[0].retry_count, 1)
        self.assertIn("0 BOOTSTRAP", trace.event_codes)


class NameTests(SteppedCase):
    async def test_a_resolver_that_never_answers_holds_nothing_up_for_ever(self) -> None:
        self.time.nameResolver = Names()
        self.time.nameResolver.resolveHostName = lambda *given, **named: None
        late = {SERVER + "CWMPRetryMinimumWaitInterval": "600"}
        self.begin(_at(self.config(**late), "http://acs.example/"))
        while not self.ended():
            await self.pause(0.02)
            self.time.advance(15.1)
        await self.sessions_ended(1)
        self.assertIn("was not resolved within 15 s", self.ended()[0].reason)
        self.assertIsNotNone(self.ended()[0].retry_in)
        self.assertEqual(self.odd(), [])


class TlsCase(BenchCase):
    """The lab with TLS and a private CA; ``require_client``: it requires a client certificate of that CA."""

    require_client = False

    def listen(self) -> Any:
        self.made = certificates(Path(self.mktemp()).absolute())
        options = self.made.server_options(require_client=self.require_client)
        return reactor.listenSSL(0, self.lab.site(), options, interface="127.0.0.1")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port.getHost().port}/"


class TlsTests(TlsCase):
    async def test_http_11_no_inform_to_the_wrong_host(self) -> None:
        self.begin(_at(self.config(acs=f'ca_file = "{self.made.ca}"'), self.url.replace("127.0.0.1", "127.0.0.2")))
        await self.until(lambda: len(self.ended()) == 1)
        self.assertFalse(self.ended()[0].success)
        self.assertEqual(self.lab.sessions.seen, 0)

    async def test_http_11_no_inform_to_an_unknown_authority(self) -> None:
        self.begin()
        await self.until(lambda: len(self.ended()) == 1)
        self.assertIn("certificate", self.ended()[0].reason)
        self.assertEqual(self.lab.sessions.seen, 0)

    async def test_private_authority(self) -> None:
        self.begin(self.config(acs=f'ca_file = "{self.made.ca}"'))
        trace = await self.session(event="0 BOOTSTRAP")
        self.assertEqual(trace.certificate, "")
        self.assert_nothing_odd()


class ClientCertificateTests(TlsCase):
    require_client = True

    async def test_session_with_a_client_certificate(self) -> None:
        self.begin(
            self.config(
                acs=f'ca_file = "{self.made.ca}"\nclient_certificate = "{self.made.client_certificate}"\n'
                f'client_key = "{self.made.client_key}"'
            )
        )
        trace = await self.session(event="0 BOOTSTRAP")
        self.assertIn("cwmplab client", trace.certificate)
        self.lab.misbehave(Close(at="inform"))
        (answer,) = await self.ask(GetParameterValues((CODE,)))
        self.assertIsInstance(answer, GetParameterValuesResponse)
        self.assert_nothing_odd()

    async def test_without_one_there_is_no_inform(self) -> None:
        self.begin(self.config(acs=f'ca_file = "{self.made.ca}"'))
        await self.until(lambda: len(self.ended()) == 1)
        self.assertFalse(self.ended()[0].success)
        self.assertEqual(self.lab.sessions.seen, 0)


class HugeTests(BenchCase):
    async def test_huge_answers_fail_the_session_in_little_memory(self) -> None:
        await self.bootstrapped(**{SERVER + "CWMPRetryMinimumWaitInterval": "600"})
        assert self.agent is not None
        for packed in (False, True):
            self.lab.misbehave(Huge(at="inform", size=50_000_000, gzip=packed))
            before = len(self.ended())
            tracemalloc.start()
            call(self.agent)
            await self.until(lambda before=before: len(self.ended()) > before)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            self.assertFalse(self.ended()[-1].success)
            self.assertIn("large", self.ended()[-1].reason)
            self.assertLess(peak, 64 * 1024 * 1024)
        number = self.lab.sessions.seen
        call(self.agent)
        trace = await self.session(since=number)
        self.assertEqual(trace.informs[0].retry_count, 2)


def _at(config: Config, url: str) -> Config:
    return replace(config, acs=replace(config.acs, url=url))
