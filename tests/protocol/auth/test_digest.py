"""HTTP Digest: published examples, each side against an independent implementation, and both against each other."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import tracemalloc
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.credentials import DigestedCredentials
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import MisuseError
from cwmpagent.protocol.auth import Authenticator, Credentials, DigestServer, DigestVerdict
from cwmpagent.protocol.auth.header_grammar import parse_credentials

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC7616_NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
RFC7616_CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
RFC7616_CHALLENGE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    f'nonce="{RFC7616_NONCE}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
ALGORITHMS = ("MD5", "MD5-sess", "SHA-256", "SHA-256-sess")
QOPS = ((), ("auth",), ("auth-int",), ("auth", "auth-int"))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def counter(prefix: str = "n") -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"{prefix}{next(numbers):08d}"


def client(credentials: Credentials = MUFASA, *, cnonce: str = "", basic_allowed: bool = False) -> Authenticator:
    return Authenticator(credentials, cnonce=(lambda: cnonce) if cnonce else counter("c"), basic_allowed=basic_allowed)


def parameters(header: str | None) -> dict[str, str]:
    found = parse_credentials(header)
    assert found is not None
    return dict(found.parameters)


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


class PublishedTests(SynchronousTestCase):
    """The examples in the RFCs."""

    def test_rfc2617(self) -> None:
        ours = client(Credentials("Mufasa", "Circle Of Life"), cnonce="0a4f113b")
        challenge = (
            'Digest realm="testrealm@host.com", qop="auth,auth-int", '
            'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        )
        self.assertTrue(ours.challenged([challenge]))
        self.assertEqual(
            parameters(ours.authorization("GET", "/dir/index.html")),
            {
                "username": "Mufasa",
                "realm": "testrealm@host.com",
                "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
                "uri": "/dir/index.html",
                "qop": "auth",
                "nc": "00000001",
                "cnonce": "0a4f113b",
                "response": "6629fae49393a05397450978507c4ef1",
                "opaque": "5ccc069c403ebaf9f0171e9517f40e41",
            },
        )

    def test_rfc7616(self) -> None:
        sha256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
        for algorithm, response in (("MD5", "8ca523f5e9506fed4657c9700eebdbec"), ("SHA-256", sha256)):
            ours = client(cnonce=RFC7616_CNONCE)
            self.assertTrue(ours.challenged([RFC7616_CHALLENGE.format(algorithm)]))
            sent = parameters(ours.authorization("GET", "/dir/index.html"))
            self.assertEqual((sent["response"], sent["algorithm"]), (response, algorithm))

    def test_rfc7616_both_offered(self) -> None:
        """RFC 7616 section 3.9.1: the stronger challenge is answered, in any order."""
        both = [RFC7616_CHALLENGE.format(name) for name in ("SHA-256", "MD5")]
        for headers in (both, both[::-1], [", ".join(both)], [", ".join(both[::-1])]):
            ours = client(cnonce=RFC7616_CNONCE)
            self.assertTrue(ours.challenged([header.encode() for header in headers]))
            self.assertEqual(parameters(ours.authorization("GET", "/"))["algorithm"], "SHA-256")


class AgainstTwistedTests(SynchronousTestCase):
    """The client's answers, checked by Twisted."""

    @settings(deadline=None, max_examples=100)
    @given(st.sampled_from(["MD5", "MD5-sess"]), st.sampled_from(['qop="auth",', ""]), TEXT, TEXT, st.integers(1, 3))
    def test_answers(self, algorithm: str, qop: str, username: str, password: str, requests: int) -> None:
        if not qop and algorithm == "MD5-sess":
            return  # Twisted expects a qop where there is a cnonce
        ours = client(Credentials(username, password))
        self.assertTrue(ours.challenged([f'Digest realm="r, \\"q\\"", {qop} nonce="n", algorithm={algorithm}']))
        for _ in range(requests):
            sent = {name: value.encode() for name, value in parameters(ours.authorization("POST", "/a?b,c")).items()}
            theirs = DigestedCredentials(username.encode(), b"POST", b'r, "q"', sent)
            self.assertTrue(theirs.checkPassword(password.encode()))
            self.assertFalse(theirs.checkPassword(password.encode() + b"x"))


class AuthenticatorTests(SynchronousTestCase):
    """The client: its answers and its failures."""

    OK = 'Digest realm="r", qop="auth", nonce="{}"'

    def test_nothing_before_a_challenge(self) -> None:
        self.assertIsNone(client().authorization("POST", "/"))

    def test_counts_rise_and_cnonce_stays(self) -> None:
        ours = client()
        ours.challenged([self.OK.format("n")])
        sent = [parameters(ours.authorization("POST", "/")) for _ in range(17)]
        self.assertEqual([each["nc"] for each in sent], [f"{count:08x}" for count in range(1, 18)])
        self.assertEqual({each["cnonce"] for each in sent}, {"c00000000"})
        self.assertEqual(len({each["response"] for each in sent}), 17)

    def test_the_session_key_of_sess(self) -> None:
        ours = client(Credentials("u", "p"))
        ours.challenged(['Digest realm="r", qop="auth", nonce="n", algorithm=MD5-sess'])
        key = md5(md5("u:r:p") + ":n:c00000000")
        for nc in ("00000001", "00000002"):
            expected = md5(f"{key}:n:{nc}:c00000000:auth:{md5('POST:/x')}")
            self.assertEqual(parameters(ours.authorization("POST", "/x"))["response"], expected)

    def test_a_new_cnonce_on_a_new_connection(self) -> None:
        """The count goes on with the nonce (RFC 7616 section 3.4) once the server has answered a request with it."""
        ours = client()
        ours.challenged(['Digest realm="r", nonce="n", qop="auth"'])
        first = parameters(ours.authorization("POST", "/"))
        ours.informed(None)
        ours.reconnected()
        second = parameters(ours.authorization("POST", "/"))
        third = parameters(ours.authorization("POST", "/"))
        self.assertEqual([given["nc"] for given in (first, second, third)], ["00000001", "00000002", "00000003"])
        self.assertEqual([given["cnonce"] for given in (first, second, third)], ["c00000000", "c00000001", "c00000001"])
        expected = md5(f"{md5('Mufasa:r:Circle of Life')}:n:00000002:c00000001:auth:{md5('POST:/')}")
        self.assertEqual(second["response"], expected)

    def test_the_count_begins_anew_where_the_server_has_seen_none(self) -> None:
        """A nonce of a challenge, and the next one that the server names: what was lost does not count."""
        for algorithm in ALGORITHMS:
            ours = client()
            ours.challenged([f'Digest realm="r", nonce="n", qop="auth", algorithm={algorithm}'])
            lost = parameters(ours.authorization("POST", "/"))
            ours.reconnected()
            again = parameters(ours.authorization("POST", "/"))
            self.assertEqual((lost["nc"], again["nc"]), ("00000001", "00000001"))
            self.assertNotEqual(lost["cnonce"], again["cnonce"])
            ours.informed('nextnonce="n2"')
            ours.authorization("POST", "/")
            ours.reconnected()
            after = parameters(ours.authorization("POST", "/"))
            self.assertEqual((after["nonce"], after["nc"]), ("n2", "00000001"))
            ours.informed(None)
            ours.reconnected()
            self.assertEqual(parameters(ours.authorization("POST", "/"))["nc"], "00000002")

    def test_the_cnonce_of_sess_stays_with_its_key(self) -> None:
        """The key has the cnonce of the first request that the server has seen (RFC 7616 section 3.4.2)."""
        ours = client()
        ours.challenged(['Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess'])
        ours.authorization("POST", "/")
        ours.reconnected()
        seen = parameters(ours.authorization("POST", "/"))
        ours.informed('nextnonce="n2"')
        ours.reconnected()
        given = parameters(ours.authorization("POST", "/"))
        self.assertEqual(given["cnonce"], seen["cnonce"])
        key = md5(f"{md5('Mufasa:r:Circle of Life')}:n:{seen['cnonce']}")
        self.assertEqual(given["response"], md5(f"{key}:n2:00000001:{seen['cnonce']}:auth:{md5('POST:/')}"))

    def test_a_reconnection_without_a_challenge_or_with_basic_is_nothing(self) -> None:
        ours = client(basic_allowed=True)
        ours.reconnected()
        self.assertIsNone(ours.authorization("POST", "/"))
        ours.challenged(['Basic realm="r"'])
        sent = ours.authorization("POST", "/")
        ours.reconnected()
        self.assertEqual(ours.authorization("POST", "/"), sent)

    def test_auth_int_covers_the_body(self) -> None:
        ours = client(Credentials("u", "p"))
        ours.challenged(['Digest realm="r", qop="auth-int", nonce="n"'])
        sent = parameters(ours.authorization("POST", "/x", b"\xff<soap>"))
        a2 = md5("POST:/x:" + hashlib.md5(b"\xff<soap>").hexdigest())
        self.assertEqual(sent["response"], md5(f"{md5('u:r:p')}:n:00000001:c00000000:auth-int:{a2}"))
        self.assertEqual(sent["qop"], "auth-int")

    def test_auth_is_enough_where_both_are_offered(self) -> None:
        ours = client()
        ours.challenged(['Digest realm="r", qop="auth-int,auth,auth-conf", nonce="n"'])
        self.assertEqual(parameters(ours.authorization("POST", "/"))["qop"], "auth")

    def test_without_qop_as_in_rfc2069(self) -> None:
        for offer in ("", 'qop="", '):
            ours = client(Credentials("u", "p"))
            self.assertTrue(ours.challenged([f'Digest {offer}realm="r", nonce="n"']))
            sent = parameters(ours.authorization("GET", "/"))
            self.assertEqual(set(sent), {"username", "realm", "nonce", "uri", "response"})
            self.assertEqual(sent["response"], md5(f"{md5('u:r:p')}:n:{md5('GET:/')}"))

    def test_what_is_echoed_is_escaped(self) -> None:
        ours = client(Credentials('a"b\\', "p"))
        self.assertTrue(ours.challenged([r'Digest realm="x\"y\\, z", nonce="\"", opaque="\\", qop=auth']))
        sent = parameters(ours.authorization("GET", '/"'))
        self.assertEqual(
            [sent[name] for name in ("username", "realm", "nonce", "opaque", "uri")],
            ['a"b\\', 'x"y\\, z', '"', "\\", '/"'],
        )

    def test_user_names_beyond_ascii(self) -> None:
        ours = client(Credentials("Jäsøn Doe", "p"))
        ours.challenged([self.OK.format("n")])
        self.assertEqual(parameters(ours.authorization("GET", "/"))["username"], "Jäsøn Doe")
        ours = client(Credentials("Jäsøn Doe", "p"))
        ours.challenged([self.OK.format("n") + ", charset=UTF-8"])
        self.assertEqual(
            parameters(ours.authorization("GET", "/"))["username*"], "UTF-8''J%C3%A4s%C3%B8n%20Doe"
        )  # as in RFC 7616 section 3.9.2

    def test_no_line_of_the_user_name_becomes_a_header(self) -> None:
        ours = client(Credentials("a\r\nX-Evil: 1", "p"))
        ours.challenged([self.OK.format("n")])
        header = ours.authorization("GET", "/")
        assert header is not None
        self.assertNotIn("\n", header)
        self.assertIn("a%0D%0AX-Evil", header)

    def test_wrong_password_is_found_out_at_once(self) -> None:
        for second in ("n", "another"):
            ours = client()
            self.assertTrue(ours.challenged([self.OK.format("n")]))
            ours.authorization("POST", "/")
            self.assertFalse(ours.challenged([self.OK.format(second)]))
            self.assertIn("refused", ours.reason)
            self.assertIsNone(ours.authorization("POST", "/"))

    def test_a_bare_401_after_the_first_answer_is_a_refusal(self) -> None:
        for challenge, scheme in ((self.OK.format("n"), "Digest"), ('Basic realm="r"', "Basic")):
            ours = client(basic_allowed=True)
            ours.challenged([challenge])
            ours.authorization("POST", "/")
            self.assertFalse(ours.challenged([]))
            self.assertEqual(ours.reason, f"the user name or password is refused ({scheme})")

    def test_a_bare_401_at_another_time_says_nothing_of_the_password(self) -> None:
        ours = client()
        self.assertFalse(ours.challenged([]))
        self.assertIn("no readable challenge", ours.reason)
        ours.challenged([self.OK.format("n")])
        ours.authorization("POST", "/")
        ours.authorization("POST", "/")
        self.assertFalse(ours.challenged([]))
        self.assertIn("no readable challenge", ours.reason)

    def test_a_new_nonce_after_success_is_answered(self) -> None:
        """Servers that bind the nonce to the connection send a new one without ``stale``."""
        ours = client()
        ours.challenged([self.OK.format("one")])
        ours.authorization("POST", "/")
        ours.authorization("POST", "/")
        self.assertTrue(ours.challenged([self.OK.format("two")]))
        sent = parameters(ours.authorization("POST", "/"))
        self.assertEqual((sent["nonce"], sent["nc"]), ("two", "00000001"))
        self.assertFalse(ours.challenged([self.OK.format("three")]))

    def test_one_accepted_answer_is_success_when_told(self) -> None:
        ours = client()
        ours.challenged([self.OK.format("one")])
        ours.authorization("POST", "/")
        ours.informed(None)
        self.assertTrue(ours.challenged([self.OK.format("two")]))

    def test_the_same_nonce_again_is_hopeless(self) -> None:
        for stale in ("", ", stale=true"):
            ours = client()
            ours.challenged([self.OK.format("n")])
            ours.authorization("POST", "/")
            ours.authorization("POST", "/")
            self.assertFalse(ours.challenged([self.OK.format("n") + stale]))
            self.assertEqual("stale" in ours.reason, bool(stale))

    def test_stale_is_answered_anew_but_not_for_ever(self) -> None:
        for word in ("true", "TRUE", '"true"'):
            ours = client()
            ours.challenged([self.OK.format("n")])
            ours.authorization("POST", "/")
            answered = 0
            while ours.challenged([self.OK.format(f"n{answered}") + f", stale={word}"]):
                self.assertEqual(parameters(ours.authorization("POST", "/"))["nonce"], f"n{answered}")
                answered += 1
                self.assertLess(answered, 10)
            self.assertEqual(answered, 3)
            self.assertIn("stale", ours.reason)

    def test_stale_false_is_not_stale(self) -> None:
        ours = client()
        ours.challenged([self.OK.format("n")])
        ours.authorization("POST", "/")
        self.assertFalse(ours.challenged([self.OK.format("m") + ", stale=false"]))

    def test_next_nonce(self) -> None:
        ours = client(Credentials("u", "p"))
        ours.challenged(['Digest realm="r", qop="auth", nonce="n", algorithm=MD5-sess'])
        ours.authorization("POST", "/")
        ours.informed(b'qop=auth, nextnonce="m, \\"", rspauth="..."')
        sent = parameters(ours.authorization("POST", "/"))
        self.assertEqual((sent["nonce"], sent["nc"]), ('m, "', "00000001"))
        key = md5(md5("u:r:p") + ":n:c00000000")  # still that of the challenge
        self.assertEqual(sent["response"], md5(f'{key}:m, ":00000001:c00000000:auth:{md5("POST:/")}'))

    def test_next_nonces_that_are_none(self) -> None:
        ours = client()
        ours.informed('nextnonce="m"')
        ours.challenged([self.OK.format("n")])
        for header in ('nextnonce=""', "nextnonce", 'nextnonce="n"', b'nextnonce="\xff"', "", b"\x00"):
            ours.informed(header)
        self.assertEqual(parameters(ours.authorization("POST", "/"))["nonce"], "n")

    def test_only_what_is_known_is_answered(self) -> None:
        for offer in (
            'Digest realm="r", nonce="n", algorithm=SHA-512-256',
            'Digest realm="r", nonce="n", qop="auth-conf"',
            'Digest realm="r", nonce=""',
            'Digest realm="r"',
            'Digest nonce="n"',
            b'Digest realm="\xff", nonce="n"',
            "Digest",
            "Negotiate",
            'Bearer realm="r"',
            "",
        ):
            ours = client(basic_allowed=True)
            self.assertFalse(ours.challenged([offer]), offer)
            self.assertTrue(ours.reason)
            self.assertIsNone(ours.authorization("POST", "/"))
        self.assertFalse(client().challenged([]))

    def test_the_unknown_one_is_passed_over(self) -> None:
        ours = client()
        self.assertTrue(
            ours.challenged(['Digest realm="r", nonce="x", algorithm=SHA-512-256, qop=auth', self.OK.format("n")])
        )
        self.assertEqual(parameters(ours.authorization("POST", "/"))["nonce"], "n")

    def test_reasons_do_not_repeat_what_the_server_likes(self) -> None:
        ours = client()
        ours.challenged([b'Digest realm="r", nonce="n", algorithm="' + b"\xc2\x9b31m" * 500 + b'"'])
        self.assertLess(len(ours.reason), 300)
        self.assertTrue(ours.reason.isascii() and ours.reason.isprintable())

    def test_basic_only_where_allowed(self) -> None:
        ours = client(basic_allowed=False)
        self.assertFalse(ours.challenged(['Basic realm="r"']))
        self.assertIn("clear", ours.reason)
        ours = client(basic_allowed=True)
        self.assertTrue(ours.challenged(['Basic realm="r"']))
        first = ours.authorization("POST", "/")
        self.assertEqual(first, "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl")
        self.assertEqual(ours.authorization("POST", "/"), first)
        self.assertFalse(ours.challenged(['Basic realm="r"']))
        self.assertIn("refused", ours.reason)

    def test_digest_before_basic(self) -> None:
        ours = client(basic_allowed=True)
        self.assertTrue(ours.challenged(['Basic realm="r"', self.OK.format("n")]))
        self.assertEqual(parameters(ours.authorization("POST", "/"))["nonce"], "n")

    def test_a_refused_digest_is_not_followed_by_the_password_in_the_clear(self) -> None:
        ours = client(basic_allowed=True)
        ours.challenged([self.OK.format("n")])
        ours.authorization("POST", "/")
        self.assertFalse(ours.challenged(['Basic realm="r"']))

    def test_basic_cannot_carry_a_colon_in_the_name(self) -> None:
        ours = client(Credentials("a:b", "p"), basic_allowed=True)
        self.assertFalse(ours.challenged(['Basic realm="r"']))
        self.assertIn("colon", ours.reason)

    def test_first_requests_without_an_answer_prove_nothing(self) -> None:
        ours = client()
        for _ in range(3):
            ours.authorization("POST", "/")
        self.assertTrue(ours.challenged([self.OK.format("n")]))

    @settings(deadline=None, max_examples=300)
    @given(
        st.lists(
            st.one_of(
                st.text().map(lambda tail: "Digest realm=r, nonce=n, " + tail),
                st.tuples(st.text(), st.text()).map(lambda pair: f'Digest realm="{pair[0]}", nonce="{pair[1]}"'),
                st.binary(),
                st.just('Basic realm="r"'),
            ),
            max_size=4,
        ),
        st.one_of(st.text(), st.binary(), st.text().map(lambda text: f'nextnonce="{text}"')),
        TEXT,
    )
    def test_nothing_is_raised_and_nothing_unsendable_made(
        self, headers: list[str | bytes], info: str | bytes, username: str
    ) -> None:
        ours = client(Credentials(username, "p"), basic_allowed=True)
        for _ in range(3):
            worth_it = ours.challenged(headers)
            self.assertEqual(worth_it, not ours.reason)
            header = ours.authorization("POST", "/")
            self.assertEqual(worth_it, header is not None)
            if header is not None:
                header.encode()
                self.assertFalse([char for char in header if (char < " " and char != "\t") or char == "\x7f"])
            ours.informed(info)


class ServerTests(SynchronousTestCase):
    """The server: accepted and refused credentials."""

    def setUp(self) -> None:
        self.users = {"Mufasa": "Circle of Life", "Scar": "hyena"}
        self.now = 1000.0

    def server(
        self, *algorithms: str, qop: tuple[str, ...] = ("auth",), limit: int = 1024, prefix: str = "s"
    ) -> DigestServer:
        return DigestServer(
            "realm",
            algorithms=algorithms or ("MD5",),
            qop=qop,
            nonce=counter(prefix),
            lifetime=60.0,
            limit=limit,
        )

    def check(
        self,
        server: DigestServer,
        header: str | bytes | None,
        *,
        uri: str = "/x",
        method: str = "GET",
        body: bytes = b"",
    ) -> DigestVerdict:
        return server.check(header, method=method, uri=uri, body=body, password_of=self.users.get, now=self.now)

    def answer(self, server: DigestServer, credentials: Credentials = MUFASA, uri: str = "/x") -> str:
        ours = client(credentials)
        self.assertTrue(ours.challenged(server.challenges(self.now)))
        return str(ours.authorization("GET", uri))

    def sign(self, **changes: str) -> str:
        """Build an MD5 answer without the client under test; an empty value omits a parameter."""
        server_nonce = changes.pop("nonce")
        given = {
            "username": '"Mufasa"',
            "realm": '"realm"',
            "nonce": f'"{server_nonce}"',
            "uri": '"/x"',
            "qop": "auth",
            "nc": "00000001",
            "cnonce": '"c"',
        } | changes
        bare = {name: value.strip('"') for name, value in given.items()}
        middle = f"{server_nonce}:{bare['nc']}:{bare['cnonce']}:{bare['qop']}" if bare["qop"] else server_nonce
        a2 = md5(f"GET:{bare['uri']}")
        response = md5(f"{md5(bare['username'] + ':' + bare['realm'] + ':Circle of Life')}:{middle}:{a2}")
        given.setdefault("response", f'"{response}"')
        return "Digest " + ", ".join(f"{name}={value}" for name, value in given.items() if value)

    def nonce(self, server: DigestServer) -> str:
        return parameters(server.challenges(self.now)[0])["nonce"]

    def test_the_challenge(self) -> None:
        first, second = self.server("SHA-256", "MD5").challenges(self.now, stale=True)
        one, two = parameters(first), parameters(second)
        self.assertEqual((one["algorithm"], two["algorithm"]), ("SHA-256", "MD5"))
        self.assertEqual((one["realm"], one["qop"], one["stale"]), ("realm", "auth", "true"))
        self.assertNotEqual(one["nonce"], two["nonce"])
        self.assertNotIn("stale", parameters(self.server().challenges(self.now)[0]))

    def test_missing(self) -> None:
        for header in (None, "", "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl", b"\xff", "Negotiate x"):
            self.assertEqual(self.check(self.server(), header), DigestVerdict.MISSING, header)

    def test_an_answer_written_by_hand(self) -> None:
        server = self.server()
        self.assertEqual(self.check(server, self.sign(nonce=self.nonce(server))), DigestVerdict.ACCEPTED)

    def test_liberal_forms(self) -> None:
        server = self.server()
        for changes in (
            {"qop": '"auth"'},
            {"algorithm": "md5"},
            {"algorithm": '"MD5"'},
            {"uri": '"http://box:7547/x"'},
            {"username": "Mufasa"},
            {"opaque": '"anything"'},
        ):
            header = self.sign(nonce=self.nonce(server), **changes)
            self.assertEqual(self.check(server, header), DigestVerdict.ACCEPTED, changes)
        header = self.sign(nonce=self.nonce(server))
        name, _, response = header.rpartition("response=")
        self.assertEqual(self.check(server, f"{name}response={response.upper()}"), DigestVerdict.ACCEPTED)
        absolute = self.sign(nonce=self.nonce(server))
        self.assertEqual(self.check(server, absolute, uri="HTTP://box:7547/x"), DigestVerdict.ACCEPTED)

    def test_the_extended_user_name(self) -> None:
        self.users["Jäsøn, Doe"] = "Circle of Life"
        server = self.server()
        for value, verdict in (
            ("UTF-8''J%c3%a4s%C3%B8n%2C%20Doe", DigestVerdict.ACCEPTED),
            ("utf-8'en'J%C3%A4s%C3%B8n%2c%20Doe", DigestVerdict.ACCEPTED),
            ("ISO-8859-1''J%E4s%F8n%2C%20Doe", DigestVerdict.REFUSED),
            ("UTF-8''%ff%zz%", DigestVerdict.REFUSED),
            ("Mufasa", DigestVerdict.REFUSED),
        ):
            header = self.sign(nonce=self.nonce(server), username='"Jäsøn, Doe"')
            header = header.replace('username="Jäsøn, Doe"', f"username*={value}")
            self.assertEqual(self.check(server, header), verdict, value)

    def test_what_is_refused(self) -> None:
        server = self.server()
        for changes in (
            {"username": '"Simba"'},
            {"username": '""'},
            {"username": ""},
            {"realm": '"other"'},
            {"realm": ""},
            {"uri": '"/y"'},
            {"uri": '"/x?"'},
            {"uri": '"//box/x"'},
            {"uri": '"http://box/y"'},
            {"uri": ""},
            {"algorithm": "SHA-256"},
            {"algorithm": "MD5-sess"},
            {"algorithm": "SHA-512-256"},
            {"qop": "auth-int"},
            {"qop": "auth-conf"},
            {"qop": '""'},
            {"nc": ""},
            {"nc": "1"},
            {"nc": "000000001"},
            {"nc": "0000000g"},
            {"nc": "-0000001"},
            {"nc": "0x000001"},
            {"nc": "\u0660" * 7 + "\u0661"},
            {"cnonce": ""},
            {"cnonce": f'"{"c" * 257}"'},
            {"response": '""'},
            {"response": '"0"'},
            {"response": '"ü"'},
            {"response": ""},
        ):
            header = self.sign(nonce=self.nonce(server), **changes)
            self.assertEqual(self.check(server, header), DigestVerdict.REFUSED, changes)
        self.assertEqual(self.check(server, self.sign(nonce=self.nonce(server)), method="POST"), DigestVerdict.REFUSED)
        self.assertEqual(self.check(server, self.sign(nonce=self.nonce(server)), uri="/x?a"), DigestVerdict.REFUSED)
        good = self.sign(nonce=self.nonce(server))
        self.assertEqual(self.check(server, good.replace('realm="realm"', 'realm="other"')), DigestVerdict.REFUSED)
        old = self.sign(nonce=self.nonce(server), qop="", nc="", cnonce=f'"{"c" * 257}"')
        self.assertEqual(self.check(server, old), DigestVerdict.REFUSED)

    def test_the_query_belongs_to_the_uri(self) -> None:
        server = self.server()
        self.assertEqual(
            self.check(server, self.answer(server, uri="/x?a=b,c"), uri="/x?a=b,c"), DigestVerdict.ACCEPTED
        )

    def test_no_credentials_are_set(self) -> None:
        self.users.clear()
        server = self.server()
        for credentials in (MUFASA, Credentials("", ""), Credentials("Mufasa", "")):
            self.assertEqual(self.check(server, self.answer(server, credentials)), DigestVerdict.REFUSED)

    def test_input_that_upsets_others(self) -> None:
        complete = 'Digest username="Mufasa", realm="realm", nonce="x.y", uri="/x", response="z"'
        for algorithm in ALGORITHMS:
            for header in (
                "Digest",
                "Digest ",
                "Digest username",
                "Digest =",
                'Digest username="',
                "Digest ,,,",
                'Digest username="Mufasa"',
                'Digest username="Mufasa", nonce="x"',
                'Digest username="Mufasa", nonce="x", opaque="y", uri="/x", response="z", realm="realm"',
                'Digest username="Mufasa", realm="realm", nonce="", uri="/x", response="z"',
                complete + ", algorithm=sha",
                complete + ", qop=auth-int, nc=1, cnonce=c",
                complete + ", qop=auth-int, nc=00000001, cnonce=c",
                'Digest username="Mufasa", realm="realm", nonce="..", uri="http://[/x", response="z"',
                b'Digest username="\xff", realm="\xff", nonce="\xff", uri="\xff", response="\xff"',
                "Digest " + ",".join(f'a{number}="b"' for number in range(2000)),
                'Digest username="' + "\\" * 5001,
            ):
                server = self.server(algorithm, qop=("auth", "auth-int"))
                self.assertIn(self.check(server, header), (DigestVerdict.REFUSED, DigestVerdict.MISSING), header[:80])

    def test_replay(self) -> None:
        for algorithm, qop in itertools.product(ALGORITHMS, QOPS):
            server = self.server(algorithm, qop=qop)
            header = self.answer(server)
            self.assertEqual(self.check(server, header), DigestVerdict.ACCEPTED)
            for _ in range(2):
                self.assertEqual(self.check(server, header), DigestVerdict.STALE)

    def test_counts_must_rise_but_may_leap(self) -> None:
        server = self.server()
        nonce = self.nonce(server)
        for nc, verdict in (
            ("00000003", DigestVerdict.ACCEPTED),
            ("00000002", DigestVerdict.STALE),
            ("00000003", DigestVerdict.STALE),
            ("0000000a", DigestVerdict.ACCEPTED),
            ("FFFFFFFF", DigestVerdict.ACCEPTED),
            ("00000001", DigestVerdict.STALE),
        ):
            self.assertEqual(self.check(server, self.sign(nonce=nonce, nc=nc)), verdict, nc)

    def test_a_refused_answer_uses_no_count_up(self) -> None:
        server = self.server()
        nonce = self.nonce(server)
        self.assertEqual(
            self.check(server, self.sign(nonce=nonce, response='"bad"', nc="ffffffff")), DigestVerdict.REFUSED
        )
        self.assertEqual(self.check(server, self.sign(nonce=nonce)), DigestVerdict.ACCEPTED)

    def test_an_answer_without_a_count_is_good_once(self) -> None:
        server = self.server()
        nonce = self.nonce(server)
        old = self.sign(nonce=nonce, qop="", nc="", cnonce="")
        self.assertEqual(self.check(server, old), DigestVerdict.ACCEPTED)
        self.assertEqual(self.check(server, old), DigestVerdict.STALE)
        self.assertEqual(self.check(server, self.sign(nonce=nonce, nc="00000002")), DigestVerdict.STALE)
        counted = self.nonce(server)
        self.assertEqual(self.check(server, self.sign(nonce=counted)), DigestVerdict.ACCEPTED)
        self.assertEqual(self.check(server, self.sign(nonce=counted, qop="", nc="", cnonce="")), DigestVerdict.STALE)

    def test_auth_int_cannot_be_left_out(self) -> None:
        server = self.server(qop=("auth-int",))
        header = self.sign(nonce=self.nonce(server), qop="", nc="", cnonce="")
        self.assertEqual(self.check(server, header), DigestVerdict.REFUSED)

    def test_auth_int_covers_the_body(self) -> None:
        for algorithm in ALGORITHMS:
            server = self.server(algorithm, qop=("auth-int",))
            ours = client()
            ours.challenged(server.challenges(self.now))
            header = ours.authorization("POST", "/x", b"body")
            self.assertEqual(self.check(server, header, method="POST", body=b"Body"), DigestVerdict.REFUSED)
            self.assertEqual(self.check(server, header, method="POST", body=b"body"), DigestVerdict.ACCEPTED)

    def test_expiry(self) -> None:
        server = self.server()
        fresh, used = self.nonce(server), self.nonce(server)
        self.assertEqual(self.check(server, self.sign(nonce=used)), DigestVerdict.ACCEPTED)
        self.now += 60
        self.assertEqual(self.check(server, self.sign(nonce=used, nc="00000002")), DigestVerdict.ACCEPTED)
        self.now += 0.01
        self.assertEqual(self.check(server, self.sign(nonce=used, nc="00000003")), DigestVerdict.STALE)
        self.assertEqual(self.check(server, self.sign(nonce=fresh)), DigestVerdict.STALE)
        self.assertEqual(self.check(server, self.sign(nonce=fresh, response='"bad"')), DigestVerdict.REFUSED)

    def test_a_nonce_of_somebody_else(self) -> None:
        server = self.server()
        nonce = self.nonce(server)
        forged = [
            self.nonce(self.server(prefix="other")),
            "x",
            "." * 5,
            nonce[:-1] + ("0" if nonce[-1] != "0" else "1"),
            "f" + nonce,
            nonce.partition(".")[2],
        ]
        for foreign in forged:
            self.assertEqual(self.check(server, self.sign(nonce=foreign)), DigestVerdict.STALE, foreign)
            self.assertEqual(self.check(server, self.sign(nonce=foreign, response='"bad"')), DigestVerdict.REFUSED)

    def test_a_nonce_is_good_for_its_own_algorithm(self) -> None:
        server = self.server("SHA-256", "MD5")
        strong, weak = (parameters(challenge)["nonce"] for challenge in server.challenges(self.now))
        self.assertEqual(self.check(server, self.sign(nonce=strong)), DigestVerdict.STALE)
        self.assertEqual(self.check(server, self.sign(nonce=weak)), DigestVerdict.ACCEPTED)

    def test_a_nonce_does_not_tell_how_long_this_machine_runs(self) -> None:
        stamps = set()
        for prefix in ("one", "two"):
            stamps.add(self.nonce(self.server(prefix=prefix)).partition(".")[0])
        self.assertEqual(len(stamps), 2)
        self.assertNotIn(f"{int(self.now * 1000):x}", stamps)

    def test_one_user_does_not_become_another(self) -> None:
        """The stored cnonce of a -sess nonce does not authenticate another user."""
        for algorithm in ALGORITHMS:
            server = self.server(algorithm)
            ours = client()
            ours.challenged(server.challenges(self.now))
            self.assertEqual(self.check(server, ours.authorization("GET", "/x")), DigestVerdict.ACCEPTED)
            second = str(ours.authorization("GET", "/x")).replace('"Mufasa"', '"Scar"')
            self.assertEqual(self.check(server, second), DigestVerdict.REFUSED)

    def test_sess_goes_on_with_the_first_cnonce(self) -> None:
        """RFC 7616 section 3.4.2. Clients that use the cnonce of each request are accepted as well."""
        for own in (False, True):
            server = self.server("MD5-sess")
            nonce = self.nonce(server)
            for number in (1, 2):
                key = md5(f"{md5('Mufasa:realm:Circle of Life')}:{nonce}:c{number if own else 1}")
                response = md5(f"{key}:{nonce}:0000000{number}:c{number}:auth:{md5('GET:/x')}")
                header = self.sign(
                    nonce=nonce,
                    nc=f"0000000{number}",
                    cnonce=f'"c{number}"',
                    algorithm="MD5-sess",
                    response=f'"{response}"',
                )
                self.assertEqual(self.check(server, header), DigestVerdict.ACCEPTED, (own, number))

    def test_the_flood_leaves_those_with_the_password_alone(self) -> None:
        server = self.server(limit=3)
        waiting, used = self.nonce(server), self.nonce(server)
        self.assertEqual(self.check(server, self.sign(nonce=used)), DigestVerdict.ACCEPTED)
        for _ in range(2000):
            self.check(server, self.sign(nonce=self.nonce(server), response='"bad"'))
        self.assertEqual(self.check(server, self.sign(nonce=used, nc="00000002")), DigestVerdict.ACCEPTED)
        self.assertEqual(self.check(server, self.sign(nonce=waiting)), DigestVerdict.ACCEPTED)
        self.assertEqual(self.check(server, self.sign(nonce=used, nc="00000002")), DigestVerdict.STALE)

    def test_the_flood_costs_no_memory(self) -> None:
        server = self.server()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(500):
            self.check(server, self.sign(nonce=self.nonce(server), response='"bad"', cnonce=f'"{"c" * 200}"'))
        self.assertLess(tracemalloc.get_traced_memory()[0] - before, 20_000)

    def test_a_forgotten_nonce_is_not_new_again(self) -> None:
        server = self.server(limit=2)
        headers = []
        for _ in range(4):
            headers.append(self.sign(nonce=self.nonce(server)))
            self.now += 1
            self.assertEqual(self.check(server, headers[-1]), DigestVerdict.ACCEPTED)
        for header in headers:
            self.assertEqual(self.check(server, header), DigestVerdict.STALE)
        last = parameters(headers[-1])["nonce"]
        self.assertEqual(self.check(server, self.sign(nonce=last, nc="00000002")), DigestVerdict.ACCEPTED)
        first = parameters(headers[0])["nonce"]
        self.assertEqual(self.check(server, self.sign(nonce=first, nc="00000002")), DigestVerdict.STALE)
        fresh = self.nonce(server)
        self.assertEqual(self.check(server, self.sign(nonce=fresh)), DigestVerdict.ACCEPTED)

    def test_expired_ones_make_room(self) -> None:
        server = self.server(limit=100)
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        sizes = []
        for _ in range(4):
            for _ in range(50):
                self.assertEqual(self.check(server, self.sign(nonce=self.nonce(server))), DigestVerdict.ACCEPTED)
            sizes.append(tracemalloc.get_traced_memory()[0])
            self.now += 61
        self.assertLess(sizes[3] - sizes[0], 10_000)

    def test_the_comparison_takes_the_same_time_wherever_they_differ(self) -> None:
        compared: list[bytes] = []
        original = hmac.compare_digest
        self.patch(hmac, "compare_digest", lambda a, b: (compared.append(b), original(a, b))[1])
        server = self.server()
        self.check(server, self.sign(nonce="x", response='"abcdef"'))
        self.assertIn(b"abcdef", compared)

    def test_misuse(self) -> None:
        for arguments in ({"algorithms": ()}, {"algorithms": ("SHA-1",)}, {"qop": ("auth-conf",)}):
            self.assertRaises(MisuseError, lambda given=arguments: DigestServer("r", nonce=counter(), **given))
        self.assertRaises(MisuseError, lambda: DigestServer("a\nb", nonce=counter()))

    @settings(deadline=None, max_examples=300)
    @given(st.data(), st.sampled_from(ALGORITHMS))
    def test_nothing_is_raised(self, data: st.DataObject, algorithm: str) -> None:
        server = self.server(algorithm, qop=("auth", "auth-int"))
        good = self.answer(server)
        at = data.draw(st.integers(0, len(good)))
        length = data.draw(st.integers(0, 20))
        junk = data.draw(st.one_of(st.text(max_size=20), st.text('",=\\. \x00', max_size=5)))
        for header in (good[:at] + junk + good[at + length :], junk, "Digest " + junk, data.draw(st.binary())):
            uri = data.draw(st.sampled_from(["/x", "*", "", "http://[", junk]))
            self.assertIsInstance(
                self.check(server, header, uri=uri, body=junk.encode(errors="replace")), DigestVerdict
            )


class BothTests(SynchronousTestCase):
    """The client against the server."""

    @settings(deadline=None, max_examples=300)
    @given(
        algorithms=st.lists(st.sampled_from(ALGORITHMS), min_size=1, unique=True),
        qop=st.sampled_from(QOPS),
        username=TEXT,
        password=TEXT,
        realm=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20),
        uri=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20).map("/{}".format),
        method=st.sampled_from(["GET", "POST"]),
        bodies=st.lists(st.binary(max_size=20), min_size=1, max_size=4),
    )
    def test_every_combination(
        self,
        algorithms: list[str],
        qop: tuple[str, ...],
        username: str,
        password: str,
        realm: str,
        uri: str,
        method: str,
        bodies: list[bytes],
    ) -> None:
        server = DigestServer(realm, algorithms=algorithms, qop=qop, nonce=counter())
        ours = client(Credentials(username, password))
        other = client(Credentials(username, password + "x"))

        def judge(header: str | None, body: bytes, now: float) -> DigestVerdict:
            return server.check(
                header.encode() if header else None,
                method=method,
                uri=uri,
                body=body,
                password_of={username: password}.get,
                now=now,
            )

        self.assertIs(judge(ours.authorization(method, uri), b"", 0), DigestVerdict.MISSING)
        self.assertTrue(ours.challenged([", ".join(server.challenges(0))]))
        self.assertTrue(other.challenged(server.challenges(0)))
        self.assertIs(judge(other.authorization(method, uri, b""), b"", 0), DigestVerdict.REFUSED)
        self.assertFalse(other.challenged(server.challenges(0)))
        for number, body in enumerate(bodies):
            header = ours.authorization(method, uri, body)
            verdict = judge(header, body, number)
            if not qop and number:
                self.assertIs(verdict, DigestVerdict.STALE)  # without a nonce count each request needs a new nonce
                self.assertTrue(ours.challenged(server.challenges(number, stale=True)))
                header = ours.authorization(method, uri, body)
                verdict = judge(header, body, number)
            self.assertIs(verdict, DigestVerdict.ACCEPTED)
            self.assertIs(judge(header, body, number), DigestVerdict.STALE)
        late = judge(ours.authorization(method, uri, b""), b"", 1000)
        self.assertIs(late, DigestVerdict.STALE)
        self.assertTrue(ours.challenged(server.challenges(1000, stale=True)))
        self.assertIs(judge(ours.authorization(method, uri, b""), b"", 1000), DigestVerdict.ACCEPTED)
