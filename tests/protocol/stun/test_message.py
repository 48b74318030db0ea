"""STUN messages: test vectors, also those of RFC 5769, in both directions, and hostile bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.protocol.stun.message import (
    MOST_BYTES,
    Address,
    MessageType,
    StunMessage,
    decode,
    encode,
    looks_like_stun,
    signature_holds,
)

TRANSACTION = bytes(range(1, 17))
CHANGE = StunMessage(
    kind=MessageType.REQUEST,
    transaction=TRANSACTION,
    connection_request_binding=True,
    binding_change=True,
    username="user",
)
SIGNED = bytes.fromhex(
    "0001003c0102030405060708090a0b0c0d0e0f10c001001464736c666f72756d2e6f72672f54522d31313120c002000000060004"
    "757365720008" + "0014ca38c570740e10b92526af312d0129a72646d405"
)
RFC_5769_RESPONSE = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91"
    "f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
"""RFC 5769 section 2.2: response to an IPv4 client, key "VOkJxbRl1RmTxUk/WvJxBt", with FINGERPRINT at the end."""

ADDRESSES = st.one_of(
    st.builds(Address, st.ip_addresses(v=4).map(str), st.integers(0, 65535)),
    st.builds(Address, st.ip_addresses(v=6).map(str), st.integers(0, 65535)),
)
MESSAGES = st.builds(
    StunMessage,
    kind=st.sampled_from(MessageType),
    transaction=st.binary(min_size=16, max_size=16),
    mapped=st.none() | ADDRESSES,
    response_address=st.none() | ADDRESSES,
    source=st.none() | ADDRESSES,
    changed=st.none() | ADDRESSES,
    username=st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60).map(str.rstrip),
    error=st.none() | st.integers(300, 699),
    connection_request_binding=st.booleans(),
    binding_change=st.booleans(),
)


class VectorTests(SynchronousTestCase):
    def test_the_signed_request_of_the_reference(self) -> None:
        self.assertEqual(encode(CHANGE, password="pass").hex(), SIGNED.hex())
        unfilled = encode(CHANGE, password="pass", filled=False)
        self.assertEqual(unfilled[-20:].hex(), "2670ad64f2ebc718a2a4912fbbf2fd2f86dee877")
        self.assertEqual(unfilled[:-20], SIGNED[:-20])

    def test_it_is_read_again(self) -> None:
        message = decode(SIGNED)
        assert message is not None
        self.assertTrue(message.signed)
        self.assertEqual(
            (message.kind, message.transaction, message.username), (MessageType.REQUEST, TRANSACTION, "user")
        )
        self.assertTrue(message.connection_request_binding and message.binding_change)
        self.assertEqual(message.unknown, ())

    def test_either_way_of_signing_holds(self) -> None:
        for filled in (True, False):
            data = encode(CHANGE, password="pass", filled=filled)
            self.assertTrue(signature_holds(data, "pass"))
            for wrong in ("", "Pass", "pass "):
                self.assertFalse(signature_holds(data, wrong))

    def test_any_flipped_bit_breaks_the_signature(self) -> None:
        for bit in range(len(SIGNED) * 8):
            broken = bytearray(SIGNED)
            broken[bit // 8] ^= 1 << bit % 8
            self.assertFalse(signature_holds(bytes(broken), "pass"), bit)

    def test_what_follows_a_signature_is_not_signed(self) -> None:
        self.assertFalse(signature_holds(RFC_5769_RESPONSE, "VOkJxbRl1RmTxUk/WvJxBt"))
        longer = SIGNED[:2] + (len(SIGNED) - 20 + 4).to_bytes(2, "big") + SIGNED[4:] + b"\xc0\x02\0\0"
        self.assertIsNotNone(decode(longer))
        self.assertFalse(signature_holds(longer, "pass"))
        self.assertFalse(signature_holds(encode(CHANGE), "pass"))

    def test_the_hidden_address_of_rfc_5769(self) -> None:
        message = decode(RFC_5769_RESPONSE)
        assert message is not None
        self.assertEqual(message.mapped, Address("192.0.2.1", 32853))

    def test_the_hidden_address_beside_a_plain_one(self) -> None:
        """XOR-MAPPED-ADDRESS counts only with the magic cookie of RFC 5389, else MAPPED-ADDRESS."""
        hidden = RFC_5769_RESPONSE[36:48]
        plain = bytes.fromhex("00010008000104d2c0000263")  # 192.0.2.99:1234
        for transaction, expected in (
            (RFC_5769_RESPONSE[4:20], Address("192.0.2.1", 32853)),
            (TRANSACTION, Address("192.0.2.99", 1234)),
        ):
            message = decode(bytes.fromhex("01010018") + transaction + plain + hidden)
            assert message is not None
            self.assertEqual(message.mapped, expected)
        early = b"\x80\x20" + hidden[2:]
        message = decode(bytes.fromhex("0101000c") + TRANSACTION + early)
        assert message is not None
        self.assertEqual(message.mapped, Address("192.0.2.1", 32853))

    def test_an_error(self) -> None:
        data = encode(StunMessage(kind=MessageType.ERROR, transaction=TRANSACTION, error=401, reason="Unauthorized"))
        self.assertEqual(data[20:28].hex(), "0009001000000401")
        message = decode(data)
        assert message is not None
        self.assertEqual((message.error, message.reason), (401, "Unauthorized"))

    def test_attributes_that_a_server_does_not_know(self) -> None:
        data = bytes.fromhex("00010010") + TRANSACTION + bytes.fromhex("7ffe0004000000008001000400000000")
        message = decode(data)
        assert message is not None
        self.assertEqual(message.unknown, (0x7FFE,))
        refusal = StunMessage(kind=MessageType.ERROR, transaction=TRANSACTION, error=420, unknown=message.unknown)
        self.assertIn(bytes.fromhex("000a00047ffe7ffe"), encode(refusal))

    def test_addresses_as_people_write_them(self) -> None:
        self.assertEqual(str(Address("192.0.2.1", 80)), "192.0.2.1:80")
        self.assertEqual(str(Address("2001:db8::1", 80)), "[2001:db8::1]:80")


class PropertyTests(SynchronousTestCase):
    @given(MESSAGES, st.none() | st.text(max_size=40))
    def test_there_and_back(self, message: StunMessage, password: str | None) -> None:
        data = encode(message, password=password)
        self.assertEqual(len(data) % 4, 0)
        self.assertTrue(looks_like_stun(data))
        read = decode(data)
        assert read is not None
        for name in (field for field in StunMessage.__slots__ if field != "signed"):
            self.assertEqual(getattr(read, name), getattr(message, name), name)
        self.assertEqual(read.signed, password is not None)
        if password is not None:
            self.assertTrue(signature_holds(data, password))

    @given(st.binary(max_size=120))
    def test_any_bytes(self, data: bytes) -> None:
        self.assertIn(type(decode(data)), (StunMessage, type(None)))
        self.assertFalse(signature_holds(data, "pass"))

    @given(st.sampled_from(MessageType), st.binary(min_size=16, max_size=16), st.data())
    def test_any_attributes(self, kind: MessageType, transaction: bytes, data: st.DataObject) -> None:
        parts = data.draw(
            st.lists(
                st.tuples(
                    st.sampled_from((1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 32, 0x8020, 0xC001)), st.binary(max_size=24)
                ),
                max_size=6,
            )
        )
        body = b"".join(
            code.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value + bytes(-len(value) % 4)
            for code, value in parts
        )
        message = kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + transaction + body
        self.assertIn(type(decode(message)), (StunMessage, type(None)))
        self.assertIn(signature_holds(message, "pass"), (False,))

    def test_what_is_none(self) -> None:
        for data in (
            b"",
            SIGNED[:-1],
            SIGNED[:19],
            SIGNED + b"\0\0\0\0",
            b"\x00\x02" + SIGNED[2:],  # Shared Secret Request
            b"\x00\x01\x00\x02" + TRANSACTION + b"\0\0",
            b"\x00\x01\x00\x04" + TRANSACTION + b"\x00\x06\xff\xfc",
            bytes.fromhex("01010008") + TRANSACTION + bytes.fromhex("0001000400010000"),
            bytes.fromhex("0111000400010000") + TRANSACTION[:12] + bytes.fromhex("00090000"),
            bytes.fromhex("00010000")[:2] + (MOST_BYTES).to_bytes(2, "big") + TRANSACTION + bytes(MOST_BYTES),
        ):
            self.assertIsNone(decode(data), data.hex())
            self.assertFalse(signature_holds(data, "pass"))
        self.assertFalse(looks_like_stun(b""))
        self.assertFalse(looks_like_stun(b"GET "))
