"""Tests of the console: access, its JSON interface and its page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any, get_type_hints
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.connection_request.errors import UnreachableError
from cwmpagent.lab.acs.misbehaviour import KINDS, Delay, WrongId
from cwmpagent.lab.console.from_json import PlainError, misbehaviour_from, request_from
from cwmpagent.lab.console.resource import Console
from cwmpagent.lab.network.stun_server import StunServer
from cwmpagent.protocol.auth import Authenticator, Credentials
from cwmpagent.protocol.rpc import (
    REQUESTS,
    AcsRequest,
    AddObject,
    ChangeDUState,
    Download,
    Fault,
    FaultStruct,
    GenericRequest,
    GetParameterNames,
    GetParameterValues,
    GetParameterValuesResponse,
    GetRPCMethods,
    InstallOpStruct,
    Kicked,
    KickedResponse,
    ParameterValueStruct,
    Reboot,
    RebootResponse,
    SetParameterAttributes,
    SetParameterAttributesStruct,
    SetParameterValues,
    SetParameterValuesResponse,
    TransferComplete,
    UninstallOpStruct,
)
from cwmpagent.values import Value, ValueType
from tests.lab.cpe import DEVICE, Answer, Cpe, Wire, parsed, request, string

NOON = 1_750_000_000


class ConsoleCase(SynchronousTestCase):
    password = ""
    hosts: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.clock = Clock()
        self.lab = LabAcs(self.clock, wall=lambda: NOON + self.clock.seconds())
        self.cpe = Cpe(self.lab.site())
        console = Console(self.lab, self.clock, password=self.password, hosts=self.hosts, monotonic=self.clock.seconds)
        self.wire = Wire(console.site())

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        given = {"Host": "127.0.0.1:8071", "Content-Type": "application/json" if body else "-", "SOAPAction": "-"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return parsed(self.wire.send(request(body, method=method, path=path, headers=given)))

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        self.assertEqual(answer.status, 200, answer.body)
        return json.loads(answer.body)

    def post(self, path: str, data: object, status: int = 202) -> Any:
        answer = self.ask("POST", path, json.dumps(data).encode())
        self.assertEqual(answer.status, status, answer.body)
        return json.loads(answer.body)

    def refused(self, path: str, data: object, status: int = 400) -> str:
        return str(self.post(path, data, status)["error"])


class Doors(ConsoleCase):
    def test_hosts(self) -> None:
        for host, status in (
            ("127.0.0.1", 200),
            ("127.0.0.1:8071", 200),
            ("127.9.9.9", 200),
            ("localhost:1", 200),
            ("LOCALHOST", 200),
            ("[::1]:8071", 200),
            ("evil.example", 403),
            ("127.0.0.1.evil.example", 403),
            ("localhost.evil.example", 403),
            ("192.168.1.1", 403),
            ("[::2]", 403),
            ("", 403),
        ):
            self.assertEqual(self.ask("GET", "/devices", Host=host).status, status, host)

    def test_posts_need_json_and_a_loopback_host(self) -> None:
        self.cpe.session()
        path, body = f"/devices/{DEVICE}/tasks", b'{"rpc": "Reboot"}'
        for content_type, status in (
            ("application/json", 202),
            ("application/json; charset=utf-8", 202),
            ("Application/JSON", 202),
            ("text/plain", 415),
            ("application/x-www-form-urlencoded", 415),
            ("-", 415),
        ):
            self.assertEqual(self.ask("POST", path, body, Content_Type=content_type).status, status, content_type)
        self.assertEqual(self.ask("POST", path, body, Host="evil.example").status, 403)
        self.assertEqual(len(self.lab.tasks.of(DEVICE)), 3)

    def test_connection_requests_and_misbehaviours_are_posts_too(self) -> None:
        self.cpe.session()
        for path in (f"/devices/{DEVICE}/connection-request", "/misbehaviours"):
            self.assertEqual(self.ask("POST", path, b"{}", Content_Type="text/plain").status, 415)
            self.assertEqual(self.ask("POST", path, b"", Content_Type="-").status, 415)
            self.assertEqual(self.ask("POST", path, b"{}", Host="evil.example").status, 403)
        self.assertEqual(self.ask("DELETE", "/misbehaviours", Host="evil.example").status, 403)

    def test_bounds(self) -> None:
        self.assertEqual(self.ask("POST", "/misbehaviours", b" " * 1_100_000).status, 413)
        self.assertEqual(self.ask("GET", "/devices/" + "a" * 3000).status, 414)

    def test_methods_and_paths(self) -> None:
        self.assertEqual(self.ask("PUT", "/devices").status, 405)
        self.assertEqual(self.ask("BREW", "/").status, 405)
        self.assertEqual(self.ask("POST", "/devices", b"{}").status, 404)
        for path in ("/nothing", "/devices/a/b/c/d", "/sessions/1/2", "/..", "//x", "/sessions/-1", "/sessions/9" * 1):
            answer = self.ask("GET", path)
            self.assertEqual(answer.status, 404, path)
            self.assertIn("error", json.loads(answer.body))

    def test_headers(self) -> None:
        for path in ("/", "/devices", "/nothing"):
            answer = self.ask("GET", path)
            self.assertIn("default-src 'none'", answer.header("Content-Security-Policy"))
            self.assertEqual(answer.header("X-Content-Type-Options"), "nosniff")
            self.assertEqual(answer.header("Cache-Control"), "no-store")
            self.assertEqual(answer.header("Server"), "")

    def test_head(self) -> None:
        answer = self.ask("HEAD", "/devices")
        self.assertEqual((answer.status, answer.body), (200, b""))


class Password(ConsoleCase):
    password = "secret"
    hosts = ("lab.example",)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        answer = super().ask(method, path, body, **headers)
        if answer.status != 401 or "Authorization" in headers:
            return answer
        authenticator = Authenticator(Credentials("lab", self.tried), cnonce=lambda: "c", basic_allowed=False)
        self.assertTrue(authenticator.challenged([answer.header("WWW-Authenticate").encode()]))
        authorization = authenticator.authorization(method, path, body) or ""
        return super().ask(method, path, body, Authorization=authorization, **headers)

    tried = "secret"

    def test_right(self) -> None:
        self.assertEqual(self.ask("GET", "/").status, 200)

    def test_wrong(self) -> None:
        self.tried = "guess"
        self.assertEqual(self.ask("GET", "/").status, 401)
        self.assertEqual(self.ask("POST", "/misbehaviours", b'{"kind": "close"}').status, 401)
        self.assertEqual(self.lab.misbehaviours.waiting(), ())

    def test_hosts(self) -> None:
        body = b'{"kind": "close"}'
        self.assertEqual(self.ask("GET", "/", Host="10.0.0.1").status, 200)
        self.assertEqual(self.ask("POST", "/misbehaviours", body, Host="10.0.0.1").status, 403)
        self.assertEqual(self.ask("POST", "/misbehaviours", body, Host="lab.example:80").status, 202)


class Json(ConsoleCase):
    def test_devices(self) -> None:
        self.assertEqual(self.get("/devices"), [])
        self.cpe.session("0 BOOTSTRAP", "1 BOOT")
        (one,) = self.get("/devices")
        self.assertEqual(
            one,
            {
                "id": DEVICE,
                "manufacturer": "Acme",
                "oui": "00D09E",
                "product_class": "Gateway",
                "serial_number": "SN0001",
                "online": True,
                "first_inform": "2025-06-15T15:06:40.000Z",
                "last_inform": "2025-06-15T15:06:40.000Z",
                "events": [
                    {"event_code": "0 BOOTSTRAP", "command_key": ""},
                    {"event_code": "1 BOOT", "command_key": ""},
                ],
            },
        )
        self.clock.advance(10_000)
        self.assertFalse(self.get("/devices")[0]["online"])

    def test_one_device(self) -> None:
        self.lab.queue(DEVICE, GetParameterValues(("Device.",)))
        self.lab.queue(DEVICE, Reboot("k"))
        self.cpe.inform()
        told = (
            ParameterValueStruct("Device.N", Value(ValueType.UNSIGNED_INT, "7")),
            string("Device.WiFi.Password", "pw"),
        )
        asked = self.cpe.answer(self.cpe.post(), GetParameterValuesResponse(told))
        self.cpe.answer(asked, Fault(9001, "no"))
        self.assertIn("Device.WiFi.Password", self.get("/sessions/1")["exchanges"][2]["received"])
        self.assertNotIn(">pw<", json.dumps(self.get("/sessions/1")))
        self.lab.queue(DEVICE, GetRPCMethods())
        found = self.get(f"/devices/{DEVICE}")
        self.assertEqual(found["parameters"]["Device.N"], {"value": "7", "type": "unsignedInt"})
        self.assertEqual(found["parameters"]["Device.WiFi.Password"]["value"], "***")
        self.assertEqual([fault["code"] for fault in found["faults"]], [9001])
        self.assertEqual([task["state"] for task in found["tasks"]], ["answered", "answered", "queued"])
        self.assertEqual(found["tasks"][1]["answer"]["rpc"], "Fault")
        self.assertNotIn("pw", json.dumps(found))

    def test_ids_with_escapes(self) -> None:
        self.cpe.session(serial="a/b-c d", product_class="%41")
        (key,) = self.lab.devices
        self.assertEqual(key, "00D09E-%2541-a%2Fb%2Dc%20d")
        self.assertEqual(self.get(f"/devices/{key}")["id"], key)
        self.assertEqual(self.get("/devices/" + quote(key, safe=""))["id"], key)
        self.assertEqual(self.ask("GET", "/devices/00D09E-A-a").status, 404)

    def test_task(self) -> None:
        self.cpe.session()
        (task,) = self.post(f"/devices/{DEVICE}/tasks", {"rpc": "Reboot", "command_key": "k"})
        self.assertEqual((task["state"], task["request"]), ("queued", {"rpc": "Reboot", "command_key": "k"}))
        self.cpe.inform()
        asked = self.cpe.post()
        self.assertEqual(asked.message, Reboot("k"))
        self.cpe.answer(asked, RebootResponse())
        task = self.get(f"/devices/{DEVICE}/tasks/{task['number']}")
        self.assertEqual((task["state"], task["answer"]), ("answered", {"rpc": "RebootResponse"}))
        self.assertEqual(self.ask("GET", f"/devices/{DEVICE}/tasks/99").status, 404)

    def test_several_tasks_all_or_none(self) -> None:
        self.cpe.session()
        path = f"/devices/{DEVICE}/tasks"
        self.refused(path, [{"rpc": "Reboot"}, {"rpc": "Rebot"}])
        self.refused(path, [])
        self.assertEqual(self.lab.tasks.of(DEVICE), [])
        self.assertEqual(len(self.post(path, [{"rpc": "Reboot"}, {"rpc": "FactoryReset"}])), 2)

    def test_types_that_the_device_told(self) -> None:
        self.lab.queue(DEVICE, GetParameterValues(("Device.",)))
        self.cpe.inform()
        told = (ParameterValueStruct("Device.N", Value(ValueType.INT, "7")),)
        self.cpe.answer(self.cpe.post(), GetParameterValuesResponse(told))
        wanted = {"rpc": "SetParameterValues", "parameter_list": [{"name": "Device.N", "value": "8"}]}
        self.post(f"/devices/{DEVICE}/tasks", wanted)
        self.cpe.inform()
        asked = self.cpe.post().message
        self.assertEqual(asked.parameter_list[0].value, Value(ValueType.INT, "8"))

    def test_passwords_do_not_come_back(self) -> None:
        self.cpe.session()
        parameters = [{"name": "Device.ManagementServer.ConnectionRequestPassword", "value": "hush-hush"}]
        self.post(f"/devices/{DEVICE}/tasks", {"rpc": "SetParameterValues", "parameter_list": parameters})
        self.cpe.inform()
        self.cpe.answer(self.cpe.post(), SetParameterValuesResponse(0))
        for path in (f"/devices/{DEVICE}", "/sessions", "/sessions/2", f"/devices/{DEVICE}/tasks/1"):
            self.assertNotIn(b"hush-hush", self.ask("GET", path).body, path)
        self.assertIn(b"***", self.ask("GET", "/sessions/2").body)

    def test_bad_tasks(self) -> None:
        self.cpe.session()
        path = f"/devices/{DEVICE}/tasks"
        for data, words in (
            ({}, ['{"rpc": "Reboot"']),
            ("Reboot", ['{"rpc": "Reboot"']),
            ({"rpc": 1}, ['{"rpc": "Reboot"']),
            ({"rpc": "Rebot"}, ["Rebot is not one of", "Reboot", "X_<VENDOR>_<Name>"]),
            ({"rpc": "Inform"}, ["Inform is not one of"]),
            ({"rpc": "X_ACME_Blink", "times": 3}, ["no 'times'", "arguments"]),
            ({"rpc": "X_ACME_Blink", "arguments": {"a": 1}}, ["object of texts"]),
            ({"rpc": "Reboot", "key": "k"}, ["Reboot has no 'key'", "command_key"]),
            ({"rpc": "Reboot", "command_key": 5}, ["Reboot.command_key must be a text"]),
            ({"rpc": "GetParameterValues"}, ["parameter_names is missing"]),
            ({"rpc": "GetParameterValues", "parameter_names": "Device."}, ["parameter_names must be a list"]),
            ({"rpc": "GetParameterValues", "parameter_names": [1]}, ["parameter_names[0] must be a text"]),
            ({"rpc": "GetParameterNames", "parameter_path": "", "next_level": 1}, ["true or false"]),
            ({"rpc": "ScheduleInform", "delay_seconds": True}, ["delay_seconds must be a whole number"]),
            ({"rpc": "ScheduleInform", "delay_seconds": 1.5}, ["delay_seconds must be a whole number"]),
            ({"rpc": "SetParameterValues", "parameter_list": [3]}, ["parameter_list[0] must be an object"]),
            ({"rpc": "SetParameterValues", "parameter_list": [{"value": ""}]}, ["parameter_list[0].name"]),
            ({"rpc": "SetParameterValues", "parameter_list": [{"name": "A"}]}, ["[0].value is missing"]),
            ({"rpc": "SetParameterValues", "parameter_list": [{"name": "A", "value": 1.5}]}, ["[0].value must be"]),
            (
                {"rpc": "SetParameterValues", "parameter_list": [{"name": "A", "value": "", "type": "float"}]},
                ["type must be one of string, int"],
            ),
            (
                {"rpc": "SetParameterValues", "parameter_list": [{"name": "A", "value": "", "typ": "int"}]},
                ["no 'typ'"],
            ),
            ({"rpc": "ChangeDUState", "operations": [{"url": "x"}]}, ["operations[0].type must be one of install"]),
            ({"rpc": "Reboot", "command_key": "\x00"}, ["Reboot: "]),
            ({"rpc": "Reboot", "command_key": "\ud800"}, ["Reboot: "]),
        ):
            sentence = self.refused(path, data)
            for word in words:
                self.assertIn(word, sentence)
        self.assertEqual(self.lab.tasks.of(DEVICE), [])

    def test_not_json(self) -> None:
        self.cpe.session()
        for body in (b"{", b"\xff\xfe", b"[" * 100_000, b"NaN", b"9" * 10_000):
            answer = self.ask("POST", f"/devices/{DEVICE}/tasks", body)
            self.assertEqual(answer.status, 400)
            self.assertIn("error", json.loads(answer.body))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_unknown_device(self) -> None:
        self.refused("/devices/nobody/tasks", {"rpc": "Reboot"}, 404)

    def test_too_many_tasks(self) -> None:
        self.cpe.session()
        many = [{"rpc": "Reboot"}] * 1000
        self.post(f"/devices/{DEVICE}/tasks", many)
        self.assertIn("waiting", self.refused(f"/devices/{DEVICE}/tasks", many))

    def test_sessions(self) -> None:
        self.lab.queue(DEVICE, GetParameterNames("Device.X", False))
        self.cpe.inform("1 BOOT")
        self.cpe.say(TransferComplete("k", FaultStruct(), "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"))
        asked = self.cpe.post()
        self.clock.advance(0.5)
        self.cpe.answer(asked, Fault(9005, "no such name"))
        self.cpe.inform("2 PERIODIC")
        latest, first = self.get("/sessions")
        self.assertEqual((latest["number"], latest["ended"]), (2, ""))
        self.assertEqual(first["calls"], [{"request": "GetParameterNames", "ok": False, "seconds": 0.5}])
        self.assertEqual(first["requests"], ["TransferComplete"])
        self.assertEqual([fault["code"] for fault in first["faults"]], [9005])
        self.assertEqual((first["ended"], first["duration"], first["violations"]), ("complete", 0.5, []))
        whole = self.get("/sessions/1")
        self.assertEqual([each["status"] for each in whole["exchanges"]], [200, 200, 200, 204])
        self.assertIn("<cwmp:Inform>", whole["exchanges"][0]["received"])
        self.assertIn("InformResponse", whole["exchanges"][0]["sent"])
        self.assertEqual(whole["exchanges"][2]["received"], "")
        self.assertEqual(whole["calls"][0]["answer"]["code"], 9005)

    def test_a_session_with_bytes_that_are_no_envelope(self) -> None:
        self.cpe.inform()
        self.cpe.post(b"<a><Password>hush</Password><b>\x00\xff")
        whole = self.get("/sessions/1")
        self.assertIn("<a>", whole["exchanges"][1]["received"])
        self.assertNotIn("hush", whole["exchanges"][1]["received"])
        self.assertEqual(whole["ended"], "broken")

    def test_misbehaviours(self) -> None:
        self.assertEqual(self.get("/misbehaviours"), [])
        told = self.post(
            "/misbehaviours", [{"kind": "delay", "seconds": 3, "at": "inform"}, {"kind": "wrong-id", "id": None}]
        )
        self.assertEqual([one["kind"] for one in told], ["delay", "wrong-id"])
        self.assertEqual(self.lab.misbehaviours.waiting(), ((Delay(3.0, at="inform"), 1), (WrongId(None), 1)))
        self.assertEqual(self.get("/misbehaviours"), told)
        self.assertEqual(self.ask("DELETE", "/misbehaviours").status, 200)
        self.assertEqual(self.lab.misbehaviours.waiting(), ())

    def test_the_next_url(self) -> None:
        self.assertEqual(
            self.post("/next-url", {"next_url": "http://portal.example/"}), {"next_url": "http://portal.example/"}
        )
        self.cpe.inform()
        self.assertEqual(self.cpe.say(Kicked("c", "r", "a", "n")).message, KickedResponse("http://portal.example/"))
        for data in ({}, [], "http://a.example/", {"next_url": 1}, {"next_url": "", "more": ""}):
            self.assertIn("next_url", self.refused("/next-url", data))
        self.assertIn("KickedResponse", self.refused("/next-url", {"next_url": "http://a.example/\0"}))
        self.post("/next-url", {"next_url": ""})
        self.assertEqual(self.cpe.say(Kicked("c", "r", "a", "n")).message, KickedResponse(""))

    def test_every_number_of_a_misbehaviour_has_bounds(self) -> None:
        for kind, cls in KINDS.items():
            for name, hint in get_type_hints(cls, include_extras=True).items():
                if hint in (int, float):
                    self.fail(f"{kind}.{name} has none")

    def test_numbers_of_tasks_may_be_wrong_for_the_device_but_not_of_another_type(self) -> None:
        self.cpe.session()
        path = f"/devices/{DEVICE}/tasks"
        for number in (-5, 10**400):  # a wrong one tests the device
            self.post(path, {"rpc": "ScheduleInform", "delay_seconds": number})
        for number in (1e308, 0.5, True, "5", None):
            refusal = self.refused(path, {"rpc": "ScheduleInform", "delay_seconds": number})
            self.assertIn("ScheduleInform.delay_seconds must be a whole number", refusal)
        self.cpe.session()
        self.get(f"/devices/{DEVICE}")
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_numbers_of_stun(self) -> None:
        lab = LabAcs(self.clock, stun=StunServer(self.clock, wall=self.clock.seconds))
        self.wire = Wire(Console(lab, self.clock).site())
        for times in (-1, 10**400, 1.5, True):
            self.assertIn("times", self.refused("/stun", {"spoil": "late", "times": times}))

    def test_bad_misbehaviours(self) -> None:
        for data, word in (
            ({"kind": "explode"}, "kind must be one of delay, drop"),
            ({"kind": ["delay"]}, "kind must be one of"),
            ([1], "kind must be one of"),
            ({"kind": "delay"}, "delay.seconds is missing"),
            ({"kind": "delay", "seconds": "3"}, "delay.seconds must be a number"),
            ({"kind": "delay", "seconds": float("inf")}, "delay.seconds must be a number"),
            ({"kind": "delay", "seconds": True}, "delay.seconds must be a number"),
            ({"kind": "close", "at": 1.5}, "close.at must be a text or a whole number"),
            ({"kind": "close", "at": None}, "close.at must be a text or a whole number"),
            ({"kind": "close", "when": "inform"}, "close has no 'when'"),
            ({"kind": "status", "status": -5}, "status.status must be from 200 to 599"),
            ({"kind": "status", "status": 10**400}, "status.status must be from 200 to 599"),
            ({"kind": "status", "body": "\ud800"}, "status.body must be a text that can be encoded"),
            ({"kind": "delay", "seconds": 1e308}, "delay.seconds must be from 0 to 86400"),
            ({"kind": "delay", "seconds": -1}, "delay.seconds must be from 0 to 86400"),
            ({"kind": "delay", "seconds": 10**400}, "delay.seconds must be a number"),
            ({"kind": "drip", "size": 0}, "drip.size must be from 1 to 65536"),
            ({"kind": "drip", "seconds": 1e300}, "drip.seconds must be from 0 to 86400"),
            ({"kind": "truncate", "keep": -1}, "truncate.keep must be from 0 to"),
            ({"kind": "huge", "size": -1}, "huge.size must be from 0 to"),
            ({"kind": "huge", "size": 10**18}, "huge.size must be from 0 to"),
            ({"kind": "fault", "code": -1}, "fault.code must be from 0 to"),
            ({"kind": "fault", "text": "\0"}, "fault.text must be a text that XML 1.0 can contain"),
            ({"kind": "wrong-id", "id": "\x01"}, "wrong-id.id must be a text that XML 1.0 can contain"),
            ({"kind": "redirect", "status": 200}, "redirect.status must be one of 301, 302, 303, 307, 308"),
            ({"kind": "redirect", "to": "/\r\nX: y"}, "redirect.to must be printable ASCII"),
            ({"kind": "close", "spelling": "close\n"}, "close.spelling must be printable ASCII"),
            ({"kind": "foreign-header", "name": "a b"}, "foreign-header.name must be a name of XML"),
            ({"kind": "close", "times": -1}, "close.times must be from 0 to 1000000"),
            ({"kind": "close", "at": 0}, "close.at must be from 1 to 1000000"),
            ({"kind": "close", "at": -3}, "close.at must be from 1 to 1000000"),
        ):
            self.assertIn(word, self.refused("/misbehaviours", data))
        self.assertEqual(self.lab.misbehaviours.waiting(), ())

    def test_connection_request(self) -> None:
        self.cpe.session()
        asked: list[str] = []
        answers: list[object] = [200, 401, UnreachableError("no connection: refused"), RuntimeError("boom")]

        async def connection_request(device: str) -> int:
            asked.append(device)
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.lab.connection_request = connection_request
        path = f"/devices/{DEVICE}/connection-request"
        self.assertEqual(self.post(path, {}, 200), {"status": 200, "accepted": True})
        self.assertEqual(self.post(path, {}, 200), {"status": 401, "accepted": False})
        self.assertEqual(self.refused(path, {}, 502), "no connection: refused")
        self.assertIn("the lab failed", self.refused(path, {}, 500))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(asked, [DEVICE] * 4)

    def test_who_does_not_wait_for_the_answer(self) -> None:
        self.cpe.session()
        later: Deferred[int] = Deferred()
        self.lab.connection_request = lambda device: later
        self.wire.send(
            request(b"{}", path=f"/devices/{DEVICE}/connection-request", headers={"Content-Type": "application/json"})
        )
        self.wire.transport.loseConnection()
        later.callback(200)
        self.assertEqual(self.flushLoggedErrors(), [])


class Requests(SynchronousTestCase):
    """Requests built from the JSON of a task."""

    def test_requests(self) -> None:
        for data, expected in (
            ({"rpc": "GetRPCMethods"}, GetRPCMethods()),
            ({"rpc": "AddObject", "object_name": "Device.X."}, AddObject("Device.X.", "")),
            (
                {
                    "rpc": "SetParameterValues",
                    "parameter_list": [
                        {"name": "A", "value": True},
                        {"name": "B", "value": 5},
                        {"name": "C", "value": -5},
                        {"name": "D", "value": "x"},
                        {"name": "E", "value": "abc", "type": "int"},
                        {"name": "F", "value": "x", "typed": False},
                    ],
                    "parameter_key": "k",
                },
                SetParameterValues(
                    (
                        ParameterValueStruct("A", Value(ValueType.BOOLEAN, "true")),
                        ParameterValueStruct("B", Value(ValueType.UNSIGNED_INT, "5")),
                        ParameterValueStruct("C", Value(ValueType.INT, "-5")),
                        ParameterValueStruct("D", Value(ValueType.STRING, "x")),
                        ParameterValueStruct("E", Value(ValueType.INT, "abc")),
                        ParameterValueStruct("F", Value(ValueType.STRING, "x"), False),
                    ),
                    "k",
                ),
            ),
            (
                {
                    "rpc": "SetParameterAttributes",
                    "parameter_list": [
                        {
                            "name": "A",
                            "notification_change": True,
                            "notification": 2,
                            "access_list_change": False,
                            "access_list": [],
                        }
                    ],
                },
                SetParameterAttributes((SetParameterAttributesStruct("A", True, 2, False, ()),)),
            ),
            (
                {
                    "rpc": "ChangeDUState",
                    "operations": [{"type": "install", "url": "http://a/"}, {"type": "uninstall", "uuid": "u"}],
                },
                ChangeDUState((InstallOpStruct(url="http://a/"), UninstallOpStruct(uuid="u"))),
            ),
            (
                {"rpc": "X_ACME_Blink", "arguments": {"Times": "3", "Color": "red"}},
                GenericRequest("X_ACME_Blink", (("Times", "3"), ("Color", "red"))),
            ),
            (
                {
                    "rpc": "Download",
                    "file_type": "1 Firmware Upgrade Image",
                    "url": "http://a/",
                    "username": "",
                    "password": "",
                    "file_size": 0,
                    "target_file_name": "",
                    "delay_seconds": 0,
                    "success_url": "",
                    "failure_url": "",
                },
                Download("", "1 Firmware Upgrade Image", "http://a/", "", "", 0, "", 0, "", ""),
            ),
        ):
            self.assertEqual(request_from(data, {}), expected)

    def test_every_request_of_an_acs_is_known(self) -> None:
        for name, cls in REQUESTS.items():
            if issubclass(cls, AcsRequest):
                try:
                    request_from({"rpc": name}, {})
                except PlainError as error:
                    self.assertIn("missing", str(error))

    @settings(max_examples=200, deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
            max_leaves=8,
        ),
        st.sampled_from(sorted(REQUESTS)),
        st.sampled_from(sorted(KINDS)),
        st.sampled_from(["parameter_list", "parameter_names", "operations", "at", "seconds", "command_key"]),
    )
    def test_nothing_else_is_raised(self, value: object, rpc: str, kind: str, key: str) -> None:
        for build in (
            lambda: request_from({"rpc": rpc, key: value}, {}),
            lambda: request_from(value, {}),
            lambda: misbehaviour_from({"kind": kind, key: value}),
            lambda: misbehaviour_from(value),
        ):
            try:
                build()
            except PlainError as error:
                self.assertTrue(str(error))


class Elements(HTMLParser):
    """The elements of an HTML page, each with the names of its attributes, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))


class Page(ConsoleCase):
    def page(self) -> str:
        answer = self.ask("GET", "/")
        self.assertEqual((answer.status, answer.header("Content-Type")), (200, "text/html; charset=utf-8"))
        return answer.body.decode()

    def test_empty(self) -> None:
        self.assertIn("No device has sent an Inform yet", self.page())

    def test_device_and_session(self) -> None:
        self.lab.queue(DEVICE, AddObject("Device.X.", ""))
        self.cpe.inform("1 BOOT", "6 CONNECTION REQUEST")
        self.cpe.answer(self.cpe.post(), Fault(9005))
        self.clock.advance(125)
        page = self.page()
        for text in ("SN0001", "Acme", "online", "2 min ago", "6 CONNECTION REQUEST", "AddObject", "9005", "complete"):
            self.assertIn(text, page)
        self.assertIn(f'href="/devices/{DEVICE}"', page)
        self.assertIn('http-equiv="refresh"', page)
        self.clock.advance(100_000)
        self.assertIn("offline", self.page())

    def test_a_violation_is_marked_and_said_once(self) -> None:
        self.cpe.session()
        self.cpe.inform()
        self.cpe.post(b"no envelope")
        self.lab.sessions[0].violations.append("<late>")
        page = self.page()
        self.assertEqual(page.count('<span class="wrong">violation:</span> <span class="soft">&lt;late&gt;</span>'), 1)
        self.assertEqual(page.count("not an envelope"), 1)

    def test_every_string_of_a_device_is_escaped(self) -> None:
        evil = "<script>alert(1)</script>"
        self.lab.queue("x", Reboot(""))
        self.cpe.inform(
            evil,
            serial=evil,
            product_class='"onmouseover="x',
            parameters={"Device.DeviceInfo.SoftwareVersion": "</style><b>&\x7f\u202e"},
        )
        self.cpe.say(GenericRequest("X_EVIL_Script", ()))
        self.cpe.post(b"<img src=x onerror=alert(1)>")
        page = self.page()
        self.assertNotIn("<script", page)
        self.assertIn("&lt;script&gt;alert(1)&lt;/script&gt;", page)
        elements = Elements(page).found
        self.assertEqual({tag for tag, _ in elements} & {"script", "img"}, set())
        attributes = {name for _, names in elements for name in names}
        self.assertEqual(attributes, {"lang", "charset", "name", "content", "http-equiv", "class", "href", "title"})
        self.assertNotIn("<img", page)
        self.assertNotIn("<b>&", page)
        self.assertNotIn("\u202e", page)
        self.assertEqual(page.count("</style>"), 1)

    def test_links_of_odd_devices_lead_to_them(self) -> None:
        self.cpe.session(serial="<script>/../%2F")
        link = re.search(r'href="(/devices/[^"]+)"', self.page())
        assert link
        self.assertEqual(self.get(link[1])["serial_number"], "<script>/../%2F")

    def test_policy_allows_the_style_and_nothing_else(self) -> None:
        answer = self.ask("GET", "/")
        style = re.search(r"<style>(.*)</style>", answer.body.decode(), re.DOTALL)
        assert style
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        policy = answer.header("Content-Security-Policy")
        self.assertIn(f"style-src 'sha256-{digest}'", policy)
        self.assertNotIn("unsafe", policy)
        self.assertNotIn("style=", answer.body.decode())

    def test_a_failure_of_the_page_is_logged_and_answered(self) -> None:
        self.cpe.session()
        self.lab.devices[DEVICE].identity = None
        answer = self.ask("GET", "/")
        self.assertEqual(answer.status, 500)
        self.assertIn("the lab failed", json.loads(answer.body)["error"])
        self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_head(self) -> None:
        self.cpe.session()
        answer = self.ask("HEAD", "/")
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_many_devices(self) -> None:
        site = self.lab.site()
        for number in range(230):
            Cpe(site).session(serial=f"SN{number}")
        page = self.page()
        self.assertIn("30 more devices", page)
        self.assertLess(len(page), 300_000)
