"""The names of a certificate: each by itself, unfit ones are skipped, one match is enough (RFC 9525 section 6)."""

from __future__ import annotations

from ipaddress import ip_address

from cryptography import x509
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import crypto
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.transport.tls.certificate_check import CertificateCheck
from cwmpagent.transport.tls.subject_names import subject_names
from cwmpagent.transport.tls.trust import TlsTrust
from tests.transport.certificates import Authority, Signed, element

CA = Authority()
DNS, URI, IP, EMAIL, OTHER = 0x82, 0x86, 0x87, 0x81, 0xA0
GOOD = (DNS, b"acs.example.test")
UNFIT = (
    (DNS, b"192.0.2.1"),
    (DNS, b"2001:db8::1"),
    (DNS, b"17"),
    (DNS, b"*"),
    (DNS, b"*.lan"),
    (DNS, b"*.*.example.test"),
    (DNS, b"acs.*.test"),
    (DNS, b""),
    (DNS, b"."),
    (DNS, b" "),
    (DNS, b"a\0.example.test"),
    (DNS, "bücher.test".encode()),
    (DNS, b"\xff\xfe"),
    (DNS, b"x" * 300),
    (URI, b"http://acs.example.test:7547:1/"),
    (URI, b"sip:a:b"),
    (URI, b""),
    (URI, b"\xff"),
    (IP, b""),
    (IP, b"\x01\x02\x03"),
    (IP, bytes(8)),
    (IP, b"192.0.2.1"),
    (EMAIL, "müller@example.test".encode()),
    (OTHER, b""),
    (0x88, b""),
    (0x85, b"x"),
)


def refusal(shown: Signed, host: str) -> str:
    check = TlsTrust().check(host, f"{host}:443")
    passed = check._verify(None, crypto.X509.from_cryptography(shown.certificate), 0, 0, 1)  # type: ignore[arg-type]
    assert passed == (not check.refusal)
    return check.refusal


class NameTests(SynchronousTestCase):
    def test_one_unfit_name_among_good_ones(self) -> None:
        for unfit in UNFIT:
            for names in ((GOOD, unfit), (unfit, GOOD)):
                shown = CA.sign_raw(*names)
                self.assertEqual(refusal(shown, "acs.example.test"), "", unfit)
                self.assertEqual(
                    refusal(shown, "other.test"), "its certificate is refused: it is not for other.test", unfit
                )

    def test_an_address_beside_the_same_as_a_name(self) -> None:
        shown = CA.sign_raw((DNS, b"192.0.2.1"), (IP, ip_address("192.0.2.1").packed))
        self.assertEqual(refusal(shown, "192.0.2.1"), "")
        alone = CA.sign_raw((DNS, b"192.0.2.1"))
        self.assertEqual(refusal(alone, "192.0.2.1"), "its certificate is refused: it is not for 192.0.2.1")

    def test_unfit_names_match_nothing(self) -> None:
        everything = CA.sign_raw(*UNFIT)
        for host in ("acs.lan", "lan", "acs.x.test", "a.b.example.test", "192.0.2.1", "1.2.3.4", "0.0.0.0", "a"):
            self.assertEqual(refusal(everything, host), f"its certificate is refused: it is not for {host}")

    def test_wildcards(self) -> None:
        shown = CA.sign_raw((DNS, b"*.example.test"), (DNS, b"*"))
        self.assertEqual(refusal(shown, "ACS.example.test"), "")
        for host in ("example.test", "a.b.example.test", "acs.test"):
            self.assertIn("it is not for", refusal(shown, host))

    def test_addresses(self) -> None:
        shown = CA.sign("2001:db8::1", "fe80::1", "192.0.2.7")
        for host in ("2001:db8::1", "2001:DB8:0::1", "fe80::1", "fe80::1%eth0", "192.0.2.7"):
            self.assertEqual(refusal(shown, host), "", host)
        self.assertIn("it is not for fe80::2%eth0", refusal(shown, "fe80::2%eth0"))

    def test_a_common_name_alone(self) -> None:
        self.assertEqual(
            refusal(CA.sign_without_names("acs.example.test"), "acs.example.test"),
            "its certificate is refused: it has no subjectAltName (its common name does not count, RFC 9525)",
        )

    def test_a_common_name_beside_other_names(self) -> None:
        for names in ((), ((IP, bytes(4)),)):
            shown = CA.sign_raw(*names, common_name="acs.example.test")
            self.assertEqual(
                refusal(shown, "acs.example.test"), "its certificate is refused: it is not for acs.example.test"
            )

    def test_a_host_that_is_no_name(self) -> None:
        for host in ("acs!", "17"):
            self.assertEqual(refusal(CA.sign_raw(GOOD), host), f"its certificate is refused: it is not for {host}")

    def test_many_names(self) -> None:
        shown = CA.sign_raw(*((DNS, b"n%d.example.test" % number) for number in range(900)), GOOD)
        self.assertEqual(refusal(shown, "acs.example.test"), "")

    def test_as_a_library_reads_them(self) -> None:
        shown = CA.sign("acs.test", "*.example.test", "192.0.2.1", "2001:db8::1").certificate
        library = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        ours = subject_names(shown.tbs_certificate_bytes)
        assert ours is not None
        self.assertEqual([pattern.pattern.decode() for pattern in ours.dns], library.get_values_for_type(x509.DNSName))
        self.assertEqual(list(ours.addresses), library.get_values_for_type(x509.IPAddress))

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=60))
    def test_any_bytes_in_the_extension(self, noise: bytes) -> None:
        """Whatever the extension contains: no exception, and no match that is not there."""
        oid = element(0x06, bytes.fromhex("551d11"))
        extension = element(0x30, oid + element(0x04, noise))
        names = subject_names(element(0x30, element(0xA3, element(0x30, extension))))
        assert names is not None
        self.assertLess(len(names.dns) + len(names.addresses), 30)

    @settings(deadline=None, max_examples=300)
    @given(st.binary(max_size=60))
    def test_any_bytes_instead_of_a_certificate(self, noise: bytes) -> None:
        try:
            subject_names(noise)
        except ValueError:
            return

    def test_a_certificate_that_cannot_be_read(self) -> None:
        check = CertificateCheck(None, "acs.test", "acs.test:443", lambda: True, print)  # type: ignore[arg-type]
        self.assertFalse(check._verify(None, None, 0, 0, 1))  # type: ignore[arg-type]
        self.assertIn("its certificate cannot be read", check.refusal)
