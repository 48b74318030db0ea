"""UDP ConnectionRequests: accepted forms, and rejection of all others."""

from __future__ import annotations

import hmac
from itertools import count
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.connection_request.udp import MOST_BYTES, UdpRequest, UdpRequests, build, parse

WHO = ("cpe", "secret")
VECTOR = (
    b"GET http://192.0.2.7:7547?ts=1700000000&id=42&un=cpe&cn=abc123&sig=0ed210f1e61fc840b1953c478394a40fd4df34fe"
    b" HTTP/1.1\r\nHost: 192.0.2.7:7547\r\nContent-Length: 0\r\n\r\n"
)


def request(
    timestamp: int = 1_700_000_000, request_id: str = "42", username: str = "cpe", password: str = "secret"
) -> bytes:
    return build(
        "192.0.2.7:7547",
        timestamp=timestamp,
        request_id=request_id,
        username=username,
        cnonce="abc123",
        password=password,
    )


def accepts(
    requests: UdpRequests, datagram: bytes, who: tuple[str, str] | None = WHO, wall: float | None = None
) -> bool:
    return requests.refusal(datagram, who, wall) is None


class AcceptedTests(SynchronousTestCase):
    def accepts(self, datagram: bytes, who: tuple[str, str] | None = WHO) -> bool:
        return accepts(UdpRequests(), datagram, who)

    def test_the_vector_of_the_reference(self) -> None:
        self.assertEqual(request(), VECTOR)
        self.assertTrue(self.accepts(VECTOR))

    def test_the_forms_that_acss_write(self) -> None:
        query = VECTOR.partition(b"?")[2].partition(b" ")[0]
        upper = query.replace(b"0ed210f1e61fc840b1953c478394a40fd4df34fe", b"0ED210F1E61FC840B1953C478394A40FD4DF34FE")
        for first in (b"http://192.0.2.7:7547?", b"http://192.0.2.7:7547/?", b"http://box/?", b"/?", b"?", b"/x/y?"):
            for each in (query, upper, query + b"&more=1", b"&".join(reversed(query.split(b"&")))):
                for end in (b"\r\n\r\n", b"\r\nHost: x\r\n\r\n", b"\r\n", b"\n", b""):
                    self.assertTrue(self.accepts(b"GET " + first + each + b" HTTP/1.1" + end), (first, each, end))

    def test_as_genieacs_sends_it(self) -> None:
        """Recorded from GenieACS 1.2.16, with the password "s3cret": without Content-Length, and a slash."""
        datagram = (
            b"GET http://127.0.0.1:37621?ts=1795652033&id=806933285&un=acs&cn=60c68a7e7b766f12"
            b"&sig=53d84e965ee1450e4cd8e9e794b74157a25bafd9 HTTP/1.1\r\nHost: 127.0.0.1:37621\r\n\r\n"
        )
        self.assertTrue(self.accepts(datagram, ("acs", "s3cret")))
        self.assertFalse(self.accepts(datagram, ("acs", "S3cret")))

    def test_milliseconds(self) -> None:
        requests = UdpRequests()
        self.assertTrue(accepts(requests, request(1_700_000_000_123, "1"), WHO))
        self.assertFalse(accepts(requests, request(1_700_000_000, "2"), WHO), "the same second, but earlier in it")
        self.assertTrue(accepts(requests, request(1_700_000_001, "3"), WHO), "one ACS in seconds, one in milliseconds")
        self.assertTrue(accepts(requests, request(1_700_000_001_001, "4"), WHO))

    def test_user_names_that_need_escapes(self) -> None:
        for name in ("a b", "a&b=c", "ü", "00D09E-Box%2F1-SN 1", "x" * 200):
            self.assertTrue(self.accepts(request(username=name), (name, "secret")), name)

    def test_a_user_name_that_was_signed_before_it_was_escaped(self) -> None:
        signature = hmac.new(b"secret", b"1700000000" + b"42" + "a ü".encode() + b"abc123", "sha1").hexdigest()
        escaped = f"GET /?ts=1700000000&id=42&un=a%20%C3%BC&cn=abc123&sig={signature} HTTP/1.1\r\n\r\n".encode()
        self.assertTrue(self.accepts(escaped, ("a ü", "secret")))
        raw = f"GET /?ts=1700000000&id=42&un=a ü&cn=abc123&sig={signature} HTTP/1.1\r\n\r\n".encode()
        self.assertTrue(self.accepts(raw, ("a ü", "secret")))

    def test_passwords_of_any_script(self) -> None:
        for password in ("pässwörd", "p w", "\N{KEY}" * 30, "x" * 200):
            self.assertTrue(self.accepts(request(password=password), ("cpe", password)))


class IgnoredTests(SynchronousTestCase):
    def assertIgnored(self, datagram: bytes, who: tuple[str, str] | None = WHO) -> None:
        requests = UdpRequests()
        self.assertFalse(accepts(requests, datagram, who), datagram)
        self.assertTrue(accepts(requests, VECTOR, WHO), "and it changes nothing")

    def test_credentials(self) -> None:
        self.assertIgnored(VECTOR, ("cpe", "other"))
        self.assertIgnored(VECTOR, ("other", "secret"))
        self.assertIgnored(request(username="CPE"), ("cpe", "secret"))
        for unset in (None, ("", ""), ("cpe", ""), ("", "secret")):
            self.assertIgnored(VECTOR, unset)
            self.assertIgnored(request(username=(unset or ("", ""))[0], password=(unset or ("", ""))[1]), unset)

    def test_each_field_missing_twice_or_changed(self) -> None:
        line = VECTOR.partition(b"\r\n")[0]
        fields = line.partition(b"?")[2].partition(b" ")[0].split(b"&")
        for number, each in enumerate(fields):
            name, _, value = each.partition(b"=")
            for instead in (
                [],
                [each, each],
                [name],
                [name + b"="],
                [name + b"=x" + value],
                [name + b"=" + value + b"x"],
                [name + b"=" + value[:-1]],
                [name.upper() + b"=" + value],
                [name + b"=" + b"1" * 5000],
            ):
                query = b"&".join([*fields[:number], *instead, *fields[number + 1 :]])
                self.assertIgnored(b"GET /?" + query + b" HTTP/1.1\r\n\r\n")

    def test_other_methods_versions_and_shapes(self) -> None:
        for wrong in (
            VECTOR.replace(b"GET", b"POST", 1),
            VECTOR.replace(b"GET", b"get", 1),
            VECTOR.replace(b"HTTP/1.1", b"HTTP/1.0"),
            VECTOR.replace(b"HTTP/1.1", b"HTTP/2"),
            VECTOR.replace(b" HTTP/1.1", b""),
            VECTOR.replace(b"?", b"", 1),
            b" " + VECTOR,
            b"\r\n" + VECTOR,
            VECTOR + b"x" * MOST_BYTES,
            b"",
            b"GET",
            b"GET /? HTTP/1.1\r\n\r\n",
            b"\0" * 100,
        ):
            self.assertIgnored(wrong)

    def test_time_stamps(self) -> None:
        for stamp in ("-1", "1.5", "", "1e9", "\N{ARABIC-INDIC DIGIT ONE}", " 1", "9" * 21):
            text = f"{stamp}42cpeabc123".encode()
            signature = hmac.new(b"secret", text, "sha1").hexdigest()
            self.assertIgnored(f"GET /?ts={stamp}&id=42&un=cpe&cn=abc123&sig={signature} HTTP/1.1\r\n\r\n".encode())


class ReplayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.requests = UdpRequests()

    def accepts(self, timestamp: int, request_id: str, who: tuple[str, str] = WHO) -> bool:
        return accepts(self.requests, request(timestamp, request_id, *who), who)

    def test_three_copies_are_one(self) -> None:
        self.assertEqual([self.accepts(100, "1") for _ in range(3)], [True, False, False])

    def test_an_earlier_or_equal_time_stamp(self) -> None:
        self.assertTrue(self.accepts(100, "1"))
        for stamp in (0, 99, 100):
            self.assertFalse(self.accepts(stamp, "2"))
        self.assertTrue(self.accepts(101, "3"))

    def test_the_same_id(self) -> None:
        self.assertTrue(self.accepts(100, "1"))
        self.assertFalse(self.accepts(101, "1"))
        self.assertTrue(self.accepts(101, "2"))
        self.assertTrue(self.accepts(102, "1"), "it was another one in between")

    def test_what_is_refused_is_not_remembered(self) -> None:
        self.assertTrue(self.accepts(100, "1"))
        self.assertFalse(accepts(self.requests, request(10**12, "9", "cpe", "wrong"), WHO))
        self.assertFalse(self.accepts(99, "7"))
        self.assertTrue(self.accepts(101, "7"))

    def test_new_credentials_begin_anew(self) -> None:
        """An ACS whose clock was wrong and is corrected gets accepted again after new credentials."""
        self.assertTrue(self.accepts(10**10, "1"))
        self.assertFalse(self.accepts(100, "2"))
        self.assertTrue(self.accepts(100, "3", ("cpe", "new secret")))

    def test_back_to_former_credentials(self) -> None:
        other = ("cpe", "other")
        self.assertTrue(self.accepts(100, "1"))
        self.assertTrue(self.accepts(50, "2", other))
        self.assertFalse(self.accepts(100, "1"), "a replay")
        self.assertTrue(self.accepts(101, "3"))
        for number in range(20):
            self.assertTrue(self.accepts(100, "1", ("cpe", f"password {number}")))
        self.assertLessEqual(len(self.requests._last), 4)


class FutureTests(SynchronousTestCase):
    """Validly signed requests with time stamps that no right clock shows."""

    NOW = 1_800_000_000

    def setUp(self) -> None:
        self.requests = UdpRequests()
        self.ids = count(1)
        self.wall: float | None = self.NOW

    def accepts(self, timestamp: int, request_id: str = "") -> bool:
        datagram = request(timestamp, request_id or f"r{next(self.ids)}")
        return accepts(self.requests, datagram, WHO, self.wall)

    def test_one_of_them_shuts_out_nothing(self) -> None:
        far = (10**20 - 1, 10**19, 10**15, 9 * 10**13, (self.NOW + 90_000) * 1000)
        for wall in (self.NOW, None):
            for stamp in far if wall is not None else far[:3]:
                self.requests, self.wall = UdpRequests(), wall
                self.assertTrue(self.accepts(self.NOW - 5))
                self.assertTrue(self.accepts(stamp, "far"))
                for second in range(3):
                    self.assertTrue(self.accepts(self.NOW + second), (wall, stamp))
                    self.assertFalse(self.accepts(self.NOW + second), "the others are checked as before")
                self.assertFalse(self.accepts(stamp, "far"), "a copy")
                self.assertFalse(self.accepts(stamp, "another"))

    def test_as_the_very_first(self) -> None:
        self.assertTrue(self.accepts(10**20 - 1))
        self.assertTrue(self.accepts(self.NOW))
        self.assertFalse(self.accepts(self.NOW - 1))

    def test_an_acs_whose_clock_is_always_ahead(self) -> None:
        """The clock of the device does not matter: its requests are accepted in their own order."""
        year = 365 * 86400
        for second in (0, 1, 100):
            self.assertTrue(self.accepts(self.NOW + year + second))
            self.assertFalse(self.accepts(self.NOW + year + second))
        self.assertTrue(self.accepts(self.NOW + 101), "its clock is put right")
        self.assertFalse(self.accepts(self.NOW + year + 100))

    def test_a_day_is_no_mistake(self) -> None:
        """The order holds among all time stamps up to a day ahead, as Annex G wants it."""
        self.assertTrue(self.accepts(self.NOW + 86_000))
        self.assertFalse(self.accepts(self.NOW))
        self.wall = self.NOW + 86_000
        self.assertTrue(self.accepts(self.NOW + 86_001))

    def test_no_replay_once_the_time_has_come(self) -> None:
        later = self.NOW + 200_000
        self.assertTrue(self.accepts(later, "1"))
        self.assertTrue(self.accepts(self.NOW, "2"))
        self.wall = later
        self.assertFalse(self.accepts(later, "1"))
        self.assertFalse(self.accepts(later - 10, "3"))
        self.assertTrue(self.accepts(later + 1, "4"))

    def test_a_device_clock_that_is_wrong(self) -> None:
        for wall in (0.0, -1e9, 4e9):
            self.requests, self.wall = UdpRequests(), wall
            self.assertTrue(self.accepts(self.NOW))
            self.assertFalse(self.accepts(self.NOW - 1))
            self.assertTrue(self.accepts(self.NOW + 1))

    @given(
        st.lists(
            st.tuples(st.integers(0, 10**20 - 1) | st.integers(NOW, NOW + 10), st.sampled_from("ab")), max_size=12
        ),
        st.none() | st.integers(0, 4 * 10**9),
    )
    def test_no_request_is_accepted_twice_in_a_row_of_any(
        self, requests: list[tuple[int, str]], wall: int | None
    ) -> None:
        self.requests, self.wall = UdpRequests(), wall
        for stamp, request_id in requests:
            self.accepts(stamp, request_id)
            self.assertFalse(self.accepts(stamp, request_id))
            self.assertLessEqual(max(map(len, self.requests._last.values())), 2)


class HostileTests(SynchronousTestCase):
    @given(st.binary(max_size=300))
    def test_any_bytes(self, data: bytes) -> None:
        self.assertIn(type(parse(data)), (UdpRequest, type(None)))
        self.assertFalse(accepts(UdpRequests(), data, WHO))

    @given(
        st.fixed_dictionaries(
            {
                name: st.binary(max_size=60) | st.text(max_size=20).map(str.encode)
                for name in ("ts", "id", "un", "cn", "sig")
            }
        )
    )
    def test_any_fields(self, fields: dict[str, bytes]) -> None:
        query = b"&".join(name.encode() + b"=" + value for name, value in fields.items())
        self.assertFalse(accepts(UdpRequests(), b"GET http://box?" + query + b" HTTP/1.1\r\n\r\n", WHO))

    def test_any_other_bit(self) -> None:
        """A changed bit matters only inside the five fields."""
        line = VECTOR.partition(b"\r\n")[0]
        start, end = line.index(b"?"), line.rindex(b" ")
        random = Random(20261126)
        for place in range(start + 1, end):
            broken = bytearray(line)
            broken[place] ^= 1 << random.randrange(8)
            if broken.lower() != line.lower():  # the hexadecimal digits of the signature may be upper case
                self.assertFalse(accepts(UdpRequests(), bytes(broken) + b"\r\n\r\n", WHO), bytes(broken))
