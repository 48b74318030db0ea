"""The examples as child processes, managed by the ACS of the lab."""

from __future__ import annotations

import sys
from typing import Any

import treq

from cwmpagent.lab.acs import LabAcs
from cwmpagent.protocol.auth import Credentials
from cwmpagent.protocol.rpc import (
    Fault,
    GenericRequest,
    GenericResponse,
    GetParameterValues,
    GetRPCMethods,
    SetParameterAttributes,
    SetParameterAttributesStruct,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType
from tests.agent.bench import BenchCase, assign, reactor
from tests.process import ROOT, TWISTD, Child, free_port

TEMPERATURE = "Device.X_EXAMPLE_Temperature"
SETPOINT = "Device.X_EXAMPLE_Setpoint"


class ExampleCase(BenchCase):
    """A running example, with its own ports and state directory."""

    device = ""
    command: tuple[str, ...] = ()

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        await self.port.stopListening()
        self.lab.close()
        self.lab = LabAcs(reactor, auth="none", connection_request=Credentials("acs", "example"))
        self.port = self.listen()
        self.requests, self.web = free_port(), free_port()
        await self.start()

    async def start(self) -> None:
        """Start the example and wait for the end of its first session."""
        self.child = Child.start(
            reactor,
            [*self.command],
            environ={
                "EXAMPLE_ACS": self.url,
                "EXAMPLE_STATE": str(self.state),
                "EXAMPLE_REQUESTS": f"tcp:{self.requests}:interface=127.0.0.1",
                "EXAMPLE_WEB": f"tcp:{self.web}:interface=127.0.0.1",
            },
        )
        self.addCleanup(self.kill, self.child)
        seen = self.lab.sessions.seen
        await self.lab.wait_for_session(self.device, event="1 BOOT", ended="complete", since=seen)

    async def kill(self, child: Child) -> None:
        child.signal("KILL")
        if not child.ended.called:
            await child.ended

    async def stop(self) -> str:
        """Stop the example by SIGTERM; its log."""
        self.child.signal("TERM")
        await self.child.ended
        return self.child.out + self.child.err

    async def asked(self, *requests: Any) -> list[Any]:
        """The answers to ``requests``, which are sent in one session."""
        answers = [self.lab.queue(self.device, request) for request in requests]
        self.assertEqual(await self.lab.connection_request(self.device), 200)
        return [await answer for answer in answers]


class ThermostatTests(ExampleCase):
    device = "00D09E-Thermostat-T0001"
    command = (*TWISTD, "--python", str(ROOT / "examples" / "thermostat.py"))

    async def page(self, **form: str) -> tuple[int, str]:
        """Status and text of the page, or of the answer to its form."""
        url = f"http://127.0.0.1:{self.web}/"
        method = "POST" if form else "GET"
        answer = await treq.request(method, url, data=form or None, browser_like_redirects=True, persistent=False)
        return answer.code, await answer.text()

    async def test_the_acs_and_the_page_see_the_same(self) -> None:
        (answer,) = await self.asked(GetParameterValues((TEMPERATURE, SETPOINT)))
        values = {each.name: each.value for each in answer.parameter_list}
        self.assertEqual(values[SETPOINT], Value(ValueType.INT, "20"))
        self.assertIn(int(values[TEMPERATURE].text), range(18, 21))
        (done,) = await self.asked(assign(**{SETPOINT: Value(ValueType.INT, "25")}))
        self.assertEqual(done, SetParameterValuesResponse(0))
        self.assertIn('value="25"', (await self.page())[1])
        high, unlucky, read_only = await self.asked(
            assign(**{SETPOINT: Value(ValueType.INT, "31")}),
            assign(**{SETPOINT: Value(ValueType.INT, "13")}),
            assign(**{TEMPERATURE: Value(ValueType.INT, "20")}),
        )
        self.assertEqual(high.parameters[0].text, "the number must be from 5 to 30 degrees Celsius")
        self.assertEqual(unlucky.parameters[0], (SETPOINT, 9007, "13 degrees bring bad luck"))
        self.assertEqual(read_only.parameters[0].code, 9008)
        self.assertIn('value="25"', (await self.page())[1])
        log = await self.stop()
        self.assertIn("its state is saved", log)
        self.assertNotIn("Traceback", log)
        await self.start()
        self.assertIn('value="25"', (await self.page())[1])

    async def test_a_change_on_the_page_is_told_at_once(self) -> None:
        active = (SetParameterAttributesStruct(name, True, 2, False, ()) for name in (SETPOINT, TEMPERATURE))
        await self.asked(assign(**{SETPOINT: Value(ValueType.INT, "18")}), SetParameterAttributes(tuple(active)))
        self.assertEqual((await self.page(setpoint="31"))[0], 400)
        seen = self.lab.sessions.seen
        status, page = await self.page(setpoint="22")
        self.assertEqual(status, 200)
        self.assertIn('value="22"', page)
        await self.until(lambda: self.known(SETPOINT) == 22)
        codes = [trace.event_codes for trace in self.lab.sessions if trace.number > seen]
        self.assertEqual(codes, [("4 VALUE CHANGE",)] * len(codes))
        # The temperature changes by itself, which is reported too.
        await self.until(lambda: self.known(TEMPERATURE) >= 19)
        self.assertNotIn("Traceback", await self.stop())

    def known(self, name: str) -> int:
        """The last value that the ACS received, 0 where it has none."""
        value = self.lab.devices[self.device].parameters.get(name)
        return int(value.text) if value is not None else 0


class BlinkTests(ExampleCase):
    device = "00D09E-Lamp-L0001"
    command = (sys.executable, str(ROOT / "examples" / "blink.py"))

    async def test_the_answer_comes_when_it_has_blinked(self) -> None:
        methods, answer, refused = await self.asked(
            GetRPCMethods(),
            GenericRequest("X_EXAMPLE_Blink", (("Times", "3"),)),
            GenericRequest("X_EXAMPLE_Blink", (("Times", "often"),)),
        )
        self.assertIn("X_EXAMPLE_Blink", methods.method_list)
        self.assertEqual(answer, GenericResponse("X_EXAMPLE_BlinkResponse", (("Blinked", "3"),)))
        self.assertEqual(refused, Fault(code=9003, text="Times is a number from 1 to 20"))
        self.assertEqual(self.child.out.count("*"), 3)
        said = await self.stop()
        self.assertIn("AgentStopped", said)
        self.assertNotIn("Traceback", said)

    async def test_stopped_while_it_blinks(self) -> None:
        blinking = self.lab.queue(self.device, GenericRequest("X_EXAMPLE_Blink", (("Times", "20"),)))
        blinking.addErrback(lambda failure: None)
        await self.lab.connection_request(self.device)
        await self.until(lambda: "*" in self.child.out)
        said = await self.stop()
        self.assertIn("AgentStopped", said)
        self.assertNotIn("Traceback", said)
