"""URLs of files: what is accepted, and the fault for everything else."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.transfers.url import parse_file_url, shown_url

SUM = "0123456789abcdef" * 4


class Urls(SynchronousTestCase):
    def test_accepted(self) -> None:
        for url in (
            "http://acs.example/f",
            "HTTPS://[::1]:8443/a?b=c",
            "http://host/dir/file",
            "ftp://host/dir/f",
            "ftps://host:990/f",
        ):
            found = parse_file_url(url)
            self.assertEqual((found.url.lower(), found.sha256), (url.lower(), ""))

    def test_checksum_is_taken_off(self) -> None:
        found = parse_file_url(f"http://host/f?x=1#sha256={SUM.upper()}")
        self.assertEqual((found.url, found.scheme, found.sha256), ("http://host/f?x=1", "http", SUM))

    def test_another_fragment_is_taken_off(self) -> None:
        self.assertEqual(parse_file_url("http://host/f#top").url, "http://host/f")

    def test_the_type_of_ftp_is_taken_off(self) -> None:
        """So that the URL of the signature is that of the file and an ending."""
        self.assertEqual(parse_file_url("ftp://host/d/f;TYPE=i#top").url, "ftp://host/d/f")
        self.assertEqual(parse_file_url("http://host/d/f;type=i").url, "http://host/d/f;type=i")

    def test_unknown_scheme(self) -> None:
        for url in ("tftp://host/f", "sftp://host/f", "file:///etc/passwd", "javascript:1"):
            self.assertEqual(self.assertRaises(CwmpFault, parse_file_url, url).code, 9013, url)

    def test_invalid(self) -> None:
        for url in (
            "",
            "host/f",
            "http:///f",
            "http://host:0/f",
            "http://host:99999/f",
            "http://host:x/f",
            "http://[::1/f",
            "http://host/a b",
            "http://host/a\r\nX: y",
            "http://host/\x00",
            "http://host/\x85",
            "http://host/f#sha256=12",
            f"http://host/f#sha256={SUM}0",
            "http://@host/f",
            "ftp://host/",
            "ftp://host",
            "ftp://host/dir/",
            "ftp://host/f%0d%0aDELE%20f",
            "ftp://host/f%00",
            "ftps://host/f%ff",
            "ftp://host/f?a=b",
            "ftp://host/f;type=a",
        ):
            self.assertEqual(self.assertRaises(CwmpFault, parse_file_url, url).code, 9003, url)

    def test_credentials_are_refused_and_not_repeated(self) -> None:
        fault = self.assertRaises(CwmpFault, parse_file_url, "http://user:secret@host/f")
        self.assertEqual(fault.code, 9003)
        self.assertNotIn("secret", str(fault))

    def test_shown_without_what_may_be_secret(self) -> None:
        self.assertEqual(shown_url("https://u:p@h:1/a/b?token=t#x"), "https://h:1/a/b")
        self.assertEqual(shown_url("http://[x/"), "")
