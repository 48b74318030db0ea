"""SCRAM: the examples of its RFCs, and servers that violate the protocol."""

from __future__ import annotations

from base64 import b64encode

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.auth.scram import LEAST_ITERATIONS, MOST_ITERATIONS, ScramClient, ScramError

NONCE = "fyko+d2lbbFgONRv9qkxdawL"
FIRST = b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
FINAL = b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ="


def client(username: str = "user", password: str = "pencil") -> ScramClient:
    return ScramClient("SCRAM-SHA-1", username, password, NONCE)


class PublishedTests(SynchronousTestCase):
    def test_sha_1(self) -> None:
        scram = client()
        self.assertEqual(scram.first(), b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")
        self.assertEqual(
            scram.final(FIRST),
            b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        )
        scram.verify(FINAL)

    def test_sha_256(self) -> None:
        scram = ScramClient("SCRAM-SHA-256", "user", "pencil", "rOprNGfwEbeRWgbNEkqO")
        self.assertEqual(scram.first(), b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
        self.assertEqual(
            scram.final(b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
            b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        )
        scram.verify(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


class ServerTests(SynchronousTestCase):
    def test_names_are_escaped_and_prepared(self) -> None:
        self.assertEqual(client("a=b,c").first(), b"n,,n=a=3Db=2Cc,r=" + NONCE.encode())
        self.assertEqual(client("I\u00adX\u00a0\u2168").first(), b"n,,n=IX IX,r=" + NONCE.encode())
        for username, password in (("bad\x07", "p"), ("u", "\u0627\u0031")):
            self.assertRaises(ValueError, client, username, password)

    def test_challenges_that_are_refused(self) -> None:
        more = NONCE + "x"
        for challenge in (
            b"",
            b"\xff",
            b"r" * 5000,
            FIRST.replace(b"r=f", b"r=g"),
            f"r={NONCE},s=QSXCR+Q6sek8bf92,i=4096".encode(),
            f"m=ext,r={more},s=QSXCR+Q6sek8bf92,i=4096".encode(),
            f"r={more},s=,i=4096".encode(),
            f"r={more},s=?,i=4096".encode(),
            f"r={more},s=QSXCR+Q6sek8bf92".encode(),
            *(
                f"r={more},s=QSXCR+Q6sek8bf92,i={count}".encode()
                for count in (
                    "0",
                    "1",
                    LEAST_ITERATIONS - 1,
                    MOST_ITERATIONS + 1,
                    "9" * 400,
                    "-4096",
                    "4096 ",
                    "\u0664",
                )
            ),
        ):
            with self.subTest(challenge=challenge[:60]):
                error = self.assertRaises(ScramError, client().final, challenge)
                self.assertNotIn(NONCE, str(error))

    def test_a_server_that_does_not_know_the_password(self) -> None:
        for final in (b"", b"v=", b"v=?", b"e=other-error", b"v=" + b64encode(bytes(20)), b"\xff", FINAL[:-4]):
            with self.subTest(final=final):
                scram = client()
                scram.final(FIRST)
                self.assertRaises(ScramError, scram.verify, final)

    def test_no_last_word_counts_before_the_challenge(self) -> None:
        self.assertRaises(ScramError, client().verify, FINAL)

    @settings(max_examples=200, deadline=None)
    @given(st.binary(max_size=200))
    def test_any_bytes(self, content: bytes) -> None:
        scram = client()
        self.assertRaises(ScramError, scram.final, content)
        self.assertRaises(ScramError, scram.verify, content)
