"""Envelopes to and from bytes: the one place from which others take them."""

from cwmpagent.protocol.envelope import CWMP_1_0 as CWMP_1_0
from cwmpagent.protocol.envelope import CWMP_1_1 as CWMP_1_1
from cwmpagent.protocol.envelope import CWMP_1_2 as CWMP_1_2
from cwmpagent.protocol.envelope import Envelope as Envelope
from cwmpagent.protocol.envelope import Limits as Limits
from cwmpagent.protocol.reader import decode as decode
from cwmpagent.protocol.writer import encode as encode
