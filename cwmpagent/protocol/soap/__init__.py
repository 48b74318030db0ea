"""Encoding and decoding of SOAP envelopes (TR-069 3.5)."""

from cwmpagent.protocol.soap.envelope import CWMP_1_0, CWMP_1_1, CWMP_1_2, Envelope, EnvelopeLimits
from cwmpagent.protocol.soap.reader import decode
from cwmpagent.protocol.soap.writer import encode

__all__ = ["CWMP_1_0", "CWMP_1_1", "CWMP_1_2", "Envelope", "EnvelopeLimits", "decode", "encode", "writer"]
