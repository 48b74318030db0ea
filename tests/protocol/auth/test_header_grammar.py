"""The parser of authentication headers, with input of real servers and of attackers."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.auth.basic import Credentials, basic_authorization, parse_basic
from cwmpagent.protocol.auth.header_grammar import (
    parse_challenges,
    parse_credentials,
    parse_parameters,
    quoted,
    sendable,
)

DIGEST = 'Digest realm="r", nonce="n"'


class ChallengeTests(SynchronousTestCase):
    """Parsing of WWW-Authenticate."""

    def read(self, *headers: str | bytes) -> list[tuple[str, dict[str, str], str]]:
        return [(each.scheme, dict(each.parameters), each.token) for each in parse_challenges(headers)]

    def test_one(self) -> None:
        self.assertEqual(self.read(DIGEST), [("digest", {"realm": "r", "nonce": "n"}, "")])

    def test_several_in_one_header(self) -> None:
        read = self.read('Digest realm="a", qop="auth, auth-int" , nonce=x, Basic realm="b",Negotiate, NTLM abc==')
        self.assertEqual(
            read,
            [
                ("digest", {"realm": "a", "qop": "auth, auth-int", "nonce": "x"}, ""),
                ("basic", {"realm": "b"}, ""),
                ("negotiate", {}, ""),
                ("ntlm", {}, "abc=="),
            ],
        )

    def test_several_headers(self) -> None:
        self.assertEqual(
            [each[0] for each in self.read(DIGEST, b'BASIC realm="x"', DIGEST)], ["digest", "basic", "digest"]
        )

    def test_a_lone_header_is_not_taken_apart(self) -> None:
        self.assertEqual(len(parse_challenges(DIGEST)), 1)

    def test_commas_and_escapes_in_quotes(self) -> None:
        read = self.read(r'Digest realm="a, \"b\", Basic realm=\\", nonce = "n"')
        self.assertEqual(read, [("digest", {"realm": 'a, "b", Basic realm=\\', "nonce": "n"}, "")])

    def test_empty_quotes_and_stray_commas(self) -> None:
        self.assertEqual(self.read(',, Digest realm="",,nonce=n ,'), [("digest", {"realm": "", "nonce": "n"}, "")])

    def test_names_without_regard_to_case_the_first_counts(self) -> None:
        self.assertEqual(self.read("Digest NONCE=a, nonce=b"), [("digest", {"nonce": "a"}, "")])

    def test_forgotten_quotes_around_a_list(self) -> None:
        digest = next(each for each in self.read("Digest realm=r, qop=auth,auth-int, nonce=n") if each[0] == "digest")
        self.assertEqual(digest[1], {"realm": "r", "qop": "auth", "nonce": "n"})

    def test_forgotten_quotes_around_padding(self) -> None:
        self.assertEqual(self.read("Digest nonce=dGVzdA==, realm=r")[0][1], {"nonce": "dGVzdA==", "realm": "r"})

    def test_control_characters_are_no_value(self) -> None:
        for bad in ("a\rb", "a\nb", "a\x00b", "\\\n"):
            read = self.read(f'Digest nonce="n", realm="{bad}"')
            self.assertNotIn("realm", read[0][1], repr(bad))

    def test_an_open_quote_takes_nothing_with_it_that_came_before(self) -> None:
        self.assertEqual(self.read('Digest nonce="n", realm="abc'), [("digest", {"nonce": "n"}, "")])

    def test_bytes_need_not_be_utf8(self) -> None:
        realm = self.read(b'Digest realm="\xfc", nonce="\xc3\xbc"')[0][1]
        self.assertEqual(realm, {"realm": "\udcfc", "nonce": "ü"})
        self.assertEqual((sendable(realm["realm"]), sendable(realm["nonce"])), (False, True))

    def test_a_parameter_without_a_scheme_belongs_to_nothing(self) -> None:
        self.assertEqual(self.read('realm="r"'), [])

    def test_bare_parameters(self) -> None:
        self.assertEqual(
            parse_parameters(b'nextnonce="a,b", qop=auth, rubbish, ="", rspauth=""'),
            {"nextnonce": "a,b", "qop": "auth", "rspauth": ""},
        )

    @settings(deadline=None, max_examples=200)
    @given(
        st.text(st.characters(exclude_categories=["Cc", "Cs"])), st.text(st.characters(exclude_categories=["Cc", "Cs"]))
    )
    def test_what_is_quoted_is_read_back(self, one: str, two: str) -> None:
        header = f"Digest realm={quoted(one)}, nonce={quoted(two)}"
        self.assertEqual(self.read(header.encode()), [("digest", {"realm": one, "nonce": two}, "")])

    @settings(deadline=None, max_examples=300)
    @given(st.lists(st.one_of(st.text(), st.binary(), st.text('Digest realm="\\,= \tx\x00'))))
    def test_nothing_is_raised(self, headers: list[str | bytes]) -> None:
        for header in headers:
            parse_credentials(header)
            parse_parameters(header)
        for challenge in parse_challenges(headers):
            self.assertTrue(challenge.scheme)
            self.assertFalse([value for value in challenge.parameters.values() if set("\r\n\x00") & set(value)])


class BasicTests(SynchronousTestCase):
    """Basic credentials (RFC 7617)."""

    def test_published_examples(self) -> None:
        for user, password, expected in (
            ("Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            ("test", "123£", "Basic dGVzdDoxMjPCow=="),
        ):
            credentials = Credentials(user, password)
            self.assertEqual(basic_authorization(credentials), expected)
            self.assertEqual(parse_basic(expected.encode()), credentials)

    def test_a_password_may_have_colons_and_be_empty(self) -> None:
        for credentials in (Credentials("u", "a:b:"), Credentials("u", ""), Credentials("", "")):
            self.assertEqual(parse_basic(basic_authorization(credentials)), credentials)

    def test_what_is_none(self) -> None:
        for header in (
            None,
            "",
            "Basic",
            "Basic ====",
            "Basic YQ",
            "Basic YQ==",
            "Basic ü",
            "Digest YTpi",
            "Basic a=b",
        ):
            self.assertIsNone(parse_basic(header), header)

    def test_match(self) -> None:
        one = Credentials("ü", "\udcff")
        self.assertTrue(one.match(Credentials("ü", "\udcff")))
        for other in (Credentials("ü", "x"), Credentials("u", "\udcff"), Credentials("", "")):
            self.assertFalse(one.match(other))

    def test_the_password_is_in_no_repr(self) -> None:
        self.assertNotIn("geheim", repr(Credentials("u", "geheim")))

    @settings(deadline=None, max_examples=200)
    @given(st.one_of(st.text(), st.binary(), st.binary().map(lambda tail: b"Basic " + tail)))
    def test_nothing_is_raised(self, header: str | bytes) -> None:
        parse_basic(header)
