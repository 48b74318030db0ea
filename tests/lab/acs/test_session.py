"""Tests of a session of the ACS, over a connection in memory and with a Clock."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import MisuseError
from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.session import METHODS
from cwmpagent.lab.acs.tasks import Unanswered
from cwmpagent.protocol.rpc import (
    AddObject,
    AddObjectResponse,
    BadRequest,
    Download,
    Fault,
    FaultStruct,
    GenericRequest,
    GenericResponse,
    GetParameterNames,
    GetParameterValues,
    GetParameterValuesResponse,
    GetRPCMethods,
    GetRPCMethodsResponse,
    InformResponse,
    Kicked,
    KickedResponse,
    Reboot,
    RebootResponse,
    RequestDownload,
    RequestDownloadResponse,
    SetParameterValues,
    SetParameterValuesResponse,
    SoapFault,
    TransferComplete,
    TransferCompleteResponse,
)
from cwmpagent.protocol.soap import CWMP_1_0, Envelope, encode
from tests.lab.cpe import DEVICE, Cpe, inform, string


class SessionCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.lab = LabAcs(self.clock, wall=lambda: 1_750_000_000 + self.clock.seconds())
        self.cpe = Cpe(self.lab.site())

    @property
    def trace(self):
        return self.lab.sessions[-1]


class Flow(SessionCase):
    def test_without_tasks(self) -> None:
        answer = self.cpe.inform("1 BOOT")
        self.assertEqual((answer.status, answer.message), (200, InformResponse()))
        self.assertEqual(answer.envelope.id, "cpe-1")
        self.assertEqual(self.trace.ended, "")
        self.clock.advance(1.5)
        last = self.cpe.post()
        self.assertEqual((last.status, last.body), (204, b""))
        self.assertEqual((self.trace.ended, self.trace.duration), ("complete", 1.5))
        self.assertEqual(self.trace.event_codes, ("1 BOOT",))
        self.assertEqual(self.trace.violations, [])
        self.assertEqual(self.trace.informs, [inform("1 BOOT")])

    def test_a_namespace_that_is_no_uri(self) -> None:
        whole = encode(Envelope(body=inform("1 BOOT"), id="1"))
        odd = whole.replace(b"<soap-env:Envelope", b'<soap-env:Envelope xmlns:schemaLocation="urn:a ..\\b.xsd"')
        self.assertEqual(self.cpe.post(b"\xef\xbb\xbf\r\n" + odd + b"\0").status, 200)
        self.assertEqual(self.trace.informs, [inform("1 BOOT")])

    def test_tasks_one_by_one(self) -> None:
        first = self.lab.queue(DEVICE, GetParameterValues(("Device.",)))
        second = self.lab.queue(DEVICE, Reboot("k"))
        self.cpe.inform()
        asked = self.cpe.post()
        self.assertEqual(asked.message, GetParameterValues(("Device.",)))
        self.clock.advance(0.25)
        told = GetParameterValuesResponse((string("Device.A", "x"),))
        then = self.cpe.answer(asked, told)
        self.assertEqual(self.successResultOf(first), told)
        self.assertEqual(then.message, Reboot("k"))
        self.assertNotEqual(then.envelope.id, asked.envelope.id)
        self.assertNoResult(second)
        self.assertEqual(self.cpe.answer(then, RebootResponse()).status, 204)
        self.assertEqual(self.successResultOf(second), RebootResponse())
        self.assertEqual(
            [tuple(call) for call in self.trace.calls],
            [(GetParameterValues(("Device.",)), told, 0.25), (Reboot("k"), RebootResponse(), 0.0)],
        )
        self.assertEqual(self.trace.ended, "complete")

    def test_fault_is_an_answer_and_the_session_goes_on(self) -> None:
        refused = self.lab.queue(DEVICE, SetParameterValues((string("Device.X", "1"),), ""))
        after = self.lab.queue(DEVICE, Reboot(""))
        self.cpe.inform()
        fault = Fault(9003, "Invalid arguments")
        asked = self.cpe.answer(self.cpe.post(), fault)
        self.assertEqual(self.successResultOf(refused), fault)
        self.assertEqual(self.trace.faults, [fault])
        self.assertEqual(self.lab.devices[DEVICE].faults[0].fault, fault)
        self.assertEqual(self.lab.devices[DEVICE].faults[0].rpc, "SetParameterValues")
        self.cpe.answer(asked, SoapFault("MustUnderstand", "x"))
        self.assertEqual(self.successResultOf(after), SoapFault("MustUnderstand", "x"))

    def test_vendor_rpc(self) -> None:
        done = self.lab.queue(DEVICE, GenericRequest("X_ACME_Blink", (("Times", "3"),)))
        self.cpe.inform()
        asked = self.cpe.post()
        self.assertEqual(asked.message, GenericRequest("X_ACME_Blink", (("Times", "3"),)))
        self.cpe.answer(asked, GenericResponse("X_ACME_BlinkResponse", (("Done", "1"),)))
        self.assertEqual(self.successResultOf(done), GenericResponse("X_ACME_BlinkResponse", (("Done", "1"),)))

    def test_requests_of_the_cpe(self) -> None:
        unknown = "0001-01-01T00:00:00Z"
        self.cpe.inform()
        for request, response in (
            (TransferComplete("k", FaultStruct(), unknown, unknown), TransferCompleteResponse()),
            (GetRPCMethods(), GetRPCMethodsResponse(METHODS)),
            (Kicked("c", "r", "a", "n"), KickedResponse("")),
            (RequestDownload("1 Firmware Upgrade Image", ()), RequestDownloadResponse()),
        ):
            answer = self.cpe.say(request)
            self.assertEqual((answer.message, answer.envelope.id), (response, f"cpe-{self.cpe.ids}"))
            self.assertEqual(self.trace.requests[-1], request)
        self.assertEqual(self.cpe.say(GenericRequest("X_ACME_Hello")).message.code, 8000)
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(self.trace.ended, "complete")

    def test_a_next_url_for_each_kicked(self) -> None:
        self.lab.next_url = lambda kicked: f"http://{kicked.command}.example/"
        self.cpe.inform()
        self.assertEqual(self.cpe.say(Kicked("c", "r", "a", "n")).message, KickedResponse("http://c.example/"))
        self.lab.send_browsers_to("http://all.example/")
        self.assertEqual(self.cpe.say(Kicked("c", "r", "a", "n")).message, KickedResponse("http://all.example/"))
        self.assertRaises(MisuseError, self.lab.send_browsers_to, "http://a.example/\0")

    def test_bad_arguments_of_the_cpe_are_fault_8003(self) -> None:
        self.cpe.inform()
        whole = encode(Envelope(body=RequestDownload("f", ()), id="1"))
        answer = self.cpe.post(whole.replace(b"<FileType>f</FileType>", b"<FileType>" + b"f" * 99 + b"</FileType>"))
        self.assertEqual(answer.message.code, 8003)
        self.assertIsInstance(self.trace.requests[0], BadRequest)
        self.assertEqual(self.cpe.post().status, 204)

    def test_unknown_mandatory_header_in_a_request(self) -> None:
        self.cpe.inform()
        whole = encode(Envelope(body=GetRPCMethods(), id="1"))
        header = (
            b'<v:New xmlns:v="urn:v" xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" e:mustUnderstand="1">1</v:New>'
        )
        at = whole.index(b"Header>") + len(b"Header>")
        answer = self.cpe.post(whole[:at] + header + whole[at:])
        self.assertIsInstance(answer.message, SoapFault)
        self.assertEqual(answer.message.faultcode, "MustUnderstand")

    def test_events_without_serial_number_are_refused(self) -> None:
        answer = self.cpe.inform(serial="")
        self.assertEqual(answer.message.code, 8003)
        self.assertEqual(len(self.lab.devices), 0)

    def test_namespace_of_the_cpe(self) -> None:
        self.cpe.namespace = CWMP_1_0
        self.lab.queue(DEVICE, Reboot(""))
        self.assertEqual(self.cpe.inform().envelope.namespace, CWMP_1_0)
        self.assertEqual(self.cpe.post().envelope.namespace, CWMP_1_0)

    def test_use_version_only_where_the_cpe_lists_versions(self) -> None:
        self.assertIsNone(self.cpe.inform().envelope.use_version)
        for offered, chosen in ((("1.0", "1.2", "1.4"), "1.4"), (("1.0", "1.2"), "1.2"), (("2.0", "x"), None)):
            self.cpe.cookie = ""
            self.assertEqual(self.cpe.say(inform(), supported_versions=offered).envelope.use_version, chosen)
        old = Cpe(LabAcs(self.clock, version="1.2").site())
        self.assertEqual(old.say(inform(), supported_versions=("1.0", "1.2", "1.4")).envelope.use_version, "1.2")
        silent = Cpe(LabAcs(self.clock, version="").site())
        self.assertIsNone(silent.say(inform(), supported_versions=("1.0",)).envelope.use_version)

    def test_tasks_of_an_unknown_device_wait_for_it(self) -> None:
        done = self.lab.queue("00D09E-Gateway-SN2", Reboot(""))
        self.assertEqual(self.cpe.session().status, 204)
        self.cpe.inform(serial="SN2")
        self.cpe.answer(self.cpe.post(), RebootResponse())
        self.assertEqual(self.successResultOf(done), RebootResponse())

    def test_a_cancelled_task_is_not_sent(self) -> None:
        done = self.lab.queue(DEVICE, Reboot(""))
        done.addErrback(lambda _: None)
        done.cancel()
        self.assertEqual(self.cpe.session().status, 204)

    def test_a_task_that_no_message_can_carry(self) -> None:
        from cwmpagent.errors import MisuseError

        self.assertRaises(MisuseError, self.lab.queue, DEVICE, Reboot("\x00"))

    def test_download_with_an_ampersand_is_well_formed(self) -> None:
        url = "http://127.0.0.1/file?a=1&b=2"
        self.lab.queue(DEVICE, Download("k", "1 Firmware Upgrade Image", url, "", "", 0, "", 0, "", ""))
        self.cpe.inform()
        self.assertEqual(self.cpe.post().message.url, url)


class Violations(SessionCase):
    """Violations: the answer is 400 with one line of text, and the session is broken."""

    def broken(self, answer, *words: str) -> None:
        self.assertEqual(answer.status, 400)
        for word in words:
            self.assertIn(word, answer.body.decode())
        self.assertEqual(self.trace.ended, "broken")
        self.assertEqual(self.trace.violations, [answer.body.decode().strip()])
        self.assertFalse(self.lab.devices[DEVICE].in_session)

    def asked(self):
        self.done = self.lab.queue(DEVICE, Reboot("k"))
        self.cpe.inform()
        return self.cpe.post()

    def test_wrong_id(self) -> None:
        self.asked()
        self.broken(self.cpe.say(RebootResponse(), id="wrong"), "ID", "wrong")
        self.assertIsInstance(self.successResultOf(self.done), Unanswered)

    def test_wrong_response(self) -> None:
        self.broken(
            self.cpe.answer(self.asked(), SetParameterValuesResponse(0)), "SetParameterValuesResponse", "Reboot"
        )

    def test_wrong_vendor_response(self) -> None:
        self.broken(self.cpe.answer(self.asked(), GenericResponse("X_OtherResponse")), "X_OtherResponse", "Reboot")

    def test_empty_in_place_of_an_answer(self) -> None:
        self.asked()
        self.broken(self.cpe.post(), "empty POST in place of the answer to Reboot")

    def test_request_in_place_of_an_answer(self) -> None:
        self.asked()
        self.broken(self.cpe.say(GetRPCMethods()), "GetRPCMethods in place of the answer")

    def test_answer_to_nothing(self) -> None:
        self.cpe.inform()
        self.broken(self.cpe.say(RebootResponse()), "RebootResponse without a request of the ACS")

    def test_fault_to_nothing(self) -> None:
        self.cpe.inform()
        self.broken(self.cpe.say(Fault(9002)), "a fault without a request of the ACS")

    def test_second_inform(self) -> None:
        self.cpe.inform()
        self.broken(self.cpe.say(inform()), "second Inform")

    def test_request_of_an_acs(self) -> None:
        self.cpe.inform()
        self.broken(self.cpe.say(AddObject("Device.X.", "")), "AddObject is a request of an ACS")

    def test_namespaces_that_expand(self) -> None:
        whole = encode(Envelope(body=inform(), id="1"))
        many = b"".join(b"<p:n%d/>" % number for number in range(4000))
        for size in (6000, 200_000):
            bomb = whole.replace(b"<DeviceId>", b'<b xmlns:p="%s">%s</b><DeviceId>' % (b"u" * size, many))
            answer = self.cpe.post(bomb)
            self.assertEqual(answer.status, 400)
            self.assertIn(b"longer than", answer.body)

    def test_not_xml(self) -> None:
        self.cpe.inform()
        self.broken(self.cpe.post(b"\x00\xff<<<"), "not an envelope")

    def test_not_xml_while_a_task_is_out(self) -> None:
        self.asked()
        self.broken(self.cpe.post(b"<a"), "not an envelope")
        self.assertIn("not an envelope", self.successResultOf(self.done).reason)

    def test_no_session(self) -> None:
        for first in (b"", encode(Envelope(body=RebootResponse(), id="1")), b"nonsense"):
            answer = self.cpe.post(first)
            self.assertEqual(answer.status, 400)
        self.assertEqual(len(self.lab.sessions), 0)

    def test_unknown_cookie(self) -> None:
        self.cpe.cookie = "session=ffff"
        self.assertEqual(self.cpe.post().status, 400)

    def test_after_the_end(self) -> None:
        self.cpe.session()
        self.assertEqual(self.cpe.post().status, 400)
        self.assertEqual(self.trace.ended, "complete")

    def test_headers_are_noted_but_read(self) -> None:
        body = encode(Envelope(body=inform(), id="1"))
        self.assertEqual(self.cpe.post(body, headers={"Content-Type": "-", "SOAPAction": "-"}).status, 200)
        self.assertEqual(self.cpe.post(headers={"SOAPAction": "", "Content-Type": "text/xml"}).status, 204)
        self.assertEqual(
            self.trace.violations,
            [
                "Content-Type is missing",
                "SOAPAction is missing",
                "Content-Type on an empty POST",
                "SOAPAction on an empty POST",
            ],
        )
        self.assertEqual(self.trace.ended, "complete")


class Endings(SessionCase):
    def test_silence_breaks_a_session(self) -> None:
        done = self.lab.queue(DEVICE, Reboot(""))
        self.cpe.inform()
        self.cpe.post()
        self.assertTrue(self.lab.devices[DEVICE].in_session)
        self.clock.advance(29)
        self.assertEqual(self.trace.ended, "")
        self.clock.advance(2)
        self.assertEqual((self.trace.ended, self.trace.reason), ("broken", "no POST within 30 s"))
        self.assertIn("no POST within", self.successResultOf(done).reason)
        self.assertFalse(self.lab.devices[DEVICE].in_session)
        self.cpe.wire.transport.loseConnection()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_session_timeout_header(self) -> None:
        self.cpe.say(inform(), session_timeout=90)
        self.clock.advance(80)
        self.assertEqual(self.trace.ended, "")
        self.clock.advance(11)
        self.assertEqual(self.trace.ended, "broken")

    def test_a_new_session_of_the_same_device_breaks_the_old(self) -> None:
        done = self.lab.queue(DEVICE, Reboot(""))
        self.cpe.inform()
        self.cpe.post()
        self.cpe.inform("1 BOOT", retries=1)
        self.assertEqual(self.lab.sessions[0].ended, "broken")
        self.assertIn("another session", self.successResultOf(done).reason)
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(self.lab.sessions[1].ended, "complete")

    def test_two_devices_at_once(self) -> None:
        other = Cpe(self.lab.site())
        self.cpe.inform()
        other.inform(serial="SN2")
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(other.post().status, 204)
        self.assertEqual([trace.ended for trace in self.lab.sessions], ["complete", "complete"])

    def test_a_session_goes_on_over_another_connection(self) -> None:
        self.cpe.inform()
        self.cpe.wire.connect()
        self.assertEqual(self.cpe.post().status, 204)
        self.assertEqual(self.trace.ended, "complete")

    def test_close(self) -> None:
        waiting = self.lab.queue("other", Reboot(""))
        sent = self.lab.queue(DEVICE, Reboot(""))
        self.cpe.inform()
        self.cpe.post()
        self.lab.close()
        self.assertEqual(self.trace.ended, "broken")
        for done in (waiting, sent):
            self.assertEqual(self.successResultOf(done).reason, "the lab was closed")
        self.cpe.wire.transport.loseConnection()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_wait_for_session(self) -> None:
        anything = self.lab.wait_for_session()
        boot = self.lab.wait_for_session(DEVICE, event="1 BOOT")
        other = self.lab.wait_for_session("other")
        broken = self.lab.wait_for_session(ended="broken")
        self.cpe.session("2 PERIODIC")
        self.assertIs(self.successResultOf(anything), self.lab.sessions[0])
        self.assertNoResult(boot)
        self.cpe.session("1 BOOT")
        self.assertIs(self.successResultOf(boot), self.lab.sessions[1])
        self.assertNoResult(broken)
        self.assertNoResult(other)
        self.assertIs(self.successResultOf(self.lab.wait_for_session(since=1)), self.lab.sessions[1])
        self.assertNoResult(self.lab.wait_for_session(since=2))
        other.addErrback(lambda _: None)
        other.cancel()
        self.cpe.session(serial="SN2")

    def test_observers_are_told(self) -> None:
        seen = []
        self.lab.observers.append(seen.append)
        self.cpe.session()
        self.assertEqual(seen, [self.trace])

    def test_trace_of_every_message(self) -> None:
        self.lab.queue(DEVICE, GetParameterNames("", False))
        self.cpe.inform()
        self.clock.advance(2)
        self.cpe.answer(self.cpe.post(), Fault(9002, "why"))
        first, empty, last = self.trace.exchanges
        self.assertEqual(first.at, 1_750_000_000)
        self.assertEqual(empty.at, 1_750_000_002)
        self.assertEqual((first.received.body, first.sent.body), (inform(), InformResponse()))
        self.assertEqual((empty.received, empty.body, empty.sent.body), (None, b"", GetParameterNames("", False)))
        self.assertEqual((last.received.body, last.sent, last.status), (Fault(9002, "why"), None, 204))

    def test_summary(self) -> None:
        self.lab.queue(DEVICE, AddObject("Device.X.", ""))
        self.cpe.inform("1 BOOT", serial="SN0001", retries=2)
        self.clock.advance(1)
        self.cpe.answer(self.cpe.post(), AddObjectResponse(1, 0))
        self.assertEqual(
            self.trace.summary(),
            [f"session 1 of {DEVICE}: 1 BOOT, RetryCount 2; complete in 1.00 s", "  AddObject: ok (0.000 s)"],
        )
