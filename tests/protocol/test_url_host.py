"""Hosts of URLs: IPv6 zones (RFC 4007 section 11, RFC 6874)."""

from __future__ import annotations

from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.url_host import encoded_host, url_host


class UrlHostTests(SynchronousTestCase):
    def test_hosts(self) -> None:
        for text, host in (
            ("acs.test", "acs.test"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("fe80::1%25eth0", "fe80::1%eth0"),
            ("fe80::1%eth0", "fe80::1%eth0"),
            ("febf::1%25br-lan.100", "febf::1%br-lan.100"),
            ("fe80::1%253", "fe80::1%3"),
            ("fe80::1%25Wan_1", "fe80::1%Wan_1"),
            ("fe80::1%2525", "fe80::1%25"),
            ("a%25b", "a%25b"),
        ):
            self.assertEqual(url_host(text), host)

    def test_what_cannot_be_reached_is_refused_with_the_remedy(self) -> None:
        for text, reason in (
            ("fe80::1", "has a link-local IPv6 address without its zone: add the interface, as in "),
            ("FE80::1", "has a link-local IPv6 address without its zone"),
            ("2001:db8::1%25eth0", "has an IPv6 zone, which only a link-local address (fe80::/10) can have: remove "),
            ("::1%25lo", "has an IPv6 zone, which only a link-local address"),
            ("fe80::1%25", "has an IPv6 zone that is no name of an interface"),
            ("fe80::1%", "has an IPv6 zone that is no name of an interface"),
            ("fe80::1%25a/b", "has an IPv6 zone that is no name of an interface"),
            ("fe80::1%25a b", "has an IPv6 zone that is no name of an interface"),
            ("fe80::1%25a%00", "has an IPv6 zone that is no name of an interface"),
            ("fe80::1%25" + "x" * 70, "has an IPv6 zone that is no name of an interface"),
        ):
            self.assertIn(reason, str(self.assertRaises(ValueError, url_host, text)))

    @given(st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,14}\Z"))
    def test_there_and_back(self, zone: str) -> None:
        host = f"fe80::1%{zone}"
        hostname = urlsplit(f"http://[{encoded_host(host)}]:1/").hostname
        self.assertEqual(url_host(hostname or ""), host)
