"""Encoding and decoding of SOAP envelopes (TR-069 3.5)."""

from cwmpagent.protocol.soap.envelope import CWMP_1_0, CWMP_1_1, CWMP_1_2, Envelope, EnvelopeLimits
from cwmpagent.protocol.soap.reader import decode, decode_gradually
from cwmpagent.protocol.soap.writer import encode, encode_gradually

__all__ = [
    "CWMP_1_0",
    "CWMP_1_1",
    "CWMP_1_2",
    "Envelope",
    "EnvelopeLimits",
    "decode",
    "decode_gradually",
    "encode",
    "encode_gradually",
    "writer",
]
