"""FTP without input or output: paths, arguments, replies and what they mean."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.transfers import ftp
from cwmpagent.protocol.transfers.ftp import Reply


class PathTests(SynchronousTestCase):
    def test_accepted(self) -> None:
        for url, path in (
            ("ftp://h/f", b"f"),
            ("ftp://h/a/b%20c", b"a/b c"),
            ("ftp://h/%2Fetc/x", b"/etc/x"),
            ("ftp://h//etc/x", b"/etc/x"),
            ("ftps://h/f;TYPE=I", b"f"),
            ("ftp://h/f%3Btype=a", b"f;type=a"),
            ("ftp://h/f%3F%23", b"f?#"),
            ("ftp://h/\u00fc%c3%bc%fc", b"\xc3\xbc\xc3\xbc\xfc"),
        ):
            self.assertEqual(ftp.path_of(url), path, url)

    def test_refused(self) -> None:
        for url in (
            "ftp://h",
            "ftp://h/",
            "ftp://h/d/",
            "ftp://h/;type=i",
            "ftp://h/f;type=a",
            "ftp://h/d;type=d",
            "ftp://h/f?q",
            *(f"ftp://h/f%{octet:02x}" for octet in (*range(32), 127, 255)),
        ):
            self.assertRaises(ValueError, ftp.path_of, url)


class ArgumentTests(SynchronousTestCase):
    def test_utf_8(self) -> None:
        self.assertEqual(ftp.argument("a b\u00fc", "password"), b"a b\xc3\xbc")

    def test_refused_without_repeating_it(self) -> None:
        for text in ("secret\r\nDELE f", "secret\n", "secret\0", "secret\x7f", "secret\udc80"):
            error = self.assertRaises(ValueError, ftp.argument, text, "password")
            self.assertIn("password", str(error))
            self.assertNotIn("secret", str(error))


class ReplyTests(SynchronousTestCase):
    def test_ports(self) -> None:
        for text, port in (
            ("Entering Passive Mode (203,0,113,7,4,1).", 1025),
            ("203,0,113,7,4,1", 1025),
            ("(203,0,113,7,256,1)", 0),
            ("(203,0,113,7,0,0)", 0),
            ("(203,0,113,7,4)", 0),
            ("(1,203,0,113,7,4,1)", 0),
            ("(a,b,c,d,e,f)", 0),
            ("(\u0661,0,0,1,4,1)", 0),
            ("", 0),
        ):
            self.assertEqual(ftp.passive_port(Reply(227, text)), port, text)
        self.assertEqual(ftp.passive_port(Reply(500, "(203,0,113,7,4,1)")), 0)

    def test_extended_ports(self) -> None:
        for text, port in (
            ("Entering Extended Passive Mode (|||6446|)", 6446),
            ("(!!!6446!)", 6446),
            ("(|||65535|)", 65535),
            ("(|||65536|)", 0),
            ("(|||0|)", 0),
            ("(|1|203.0.113.7|6446|)", 0),
            ("(|||6446)", 0),
            ("(||!6446|)", 0),
            ("6446", 0),
            ("(|||123456789|)", 0),
        ):
            self.assertEqual(ftp.extended_port(Reply(229, text)), port, text)
        self.assertEqual(ftp.extended_port(Reply(227, "(|||6446|)")), 0)

    def test_size(self) -> None:
        for reply, size in (
            (Reply(213, "17"), 17),
            (Reply(213, " 17 "), 17),
            (Reply(213, "-1"), None),
            (Reply(213, "17 octets"), None),
            (Reply(213, "9" * 19), None),
            (Reply(213, "\u0661"), None),
            (Reply(550, "17"), None),
        ):
            self.assertEqual(ftp.size_in(reply), size, reply)

    def test_validator(self) -> None:
        size, time = Reply(213, "17"), Reply(213, "20240229121314.5")
        self.assertEqual(ftp.validator(size, time), "17 octets of 20240229121314.5")
        for other in (Reply(213, "yesterday"), Reply(550, "20240229121314"), Reply(213, "2024")):
            self.assertEqual(ftp.validator(size, other), "")
        self.assertEqual(ftp.validator(Reply(502), time), "")


class FailureTests(SynchronousTestCase):
    def test_refused(self) -> None:
        for code, fault, permanent in (
            (120, 9015, False),
            (150, 9015, False),
            (226, 9015, False),
            (331, 9015, False),
            (332, 9012, True),
            (421, 9015, False),
            (425, 9015, False),
            (426, 9015, False),
            (430, 9012, True),
            (450, 9016, False),
            (452, 9016, False),
            (500, 9016, True),
            (522, 9015, True),
            (530, 9012, True),
            (534, 9015, True),
            (550, 9016, True),
            (553, 9016, True),
        ):
            failure = ftp.refused(Reply(code, "secret text of the server"))
            self.assertEqual((failure.code, failure.permanent), (fault, permanent), code)
            self.assertNotIn("secret", str(failure))

    def test_login(self) -> None:
        for code, fault, permanent in ((501, 9012, True), (550, 9012, True), (534, 9015, True), (421, 9015, False)):
            failure = ftp.refused_login(Reply(code))
            self.assertEqual((failure.code, failure.permanent), (fault, permanent), code)

    def test_ended(self) -> None:
        for code, download, upload in ((426, 9017, 9011), (421, 9017, 9011), (552, 9016, 9016), (522, 9015, 9015)):
            self.assertEqual(ftp.ended(Reply(code)).code, download)
            self.assertEqual(ftp.ended(Reply(code), upload=True).code, upload)
