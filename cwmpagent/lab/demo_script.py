"""What the demonstration has the ACS do, and how the lab's own record of it is judged."""

from __future__ import annotations

from dataclasses import dataclass

from cwmpagent.lab.acs import LabAcs
from cwmpagent.lab.acs.session_trace import SessionTrace
from cwmpagent.lab.acs.tasks import Answer
from cwmpagent.protocol.agenda.events import BOOT, BOOTSTRAP, M_REBOOT
from cwmpagent.protocol.rpc import (
    AcsRequest,
    AddObject,
    AddObjectResponse,
    GetParameterValues,
    GetParameterValuesResponse,
    ParameterValueStruct,
    Reboot,
    RebootResponse,
    SetParameterValues,
    SetParameterValuesResponse,
)
from cwmpagent.values import Value, ValueType

CHANGED = "Device.DeviceInfo.ProvisioningCode"
TABLE = "Device.NAT.PortMapping."


class Shortcoming(Exception):
    """The agent did not do what it should; the message says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class Script:
    """Bootstrap; read; change, add; look again and use the new object; reboot; look again.

    ``word`` is what is written and must come back, ``key`` the CommandKey of the reboot.
    """

    lab: LabAcs
    device: str
    word: str
    key: str

    async def play(self) -> None:
        """Raises :class:`Shortcoming` at the first thing that is not as it should be."""
        first = await self.lab.wait_for_session(self.device, event=BOOTSTRAP, since=0)
        _expect(first.ended == "complete", f"the first session should be complete, but it is {first.reason}")

        everything = await self._ask(GetParameterValues(("Device.",)))
        _expect(
            isinstance(everything, GetParameterValuesResponse) and len(everything.parameter_list) > 50,
            f"GetParameterValues of the whole device should list it, but it answered {everything}",
        )
        row = await self._change_and_add()
        await self._look_again(row)
        await self._reboot()
        await self._look_again(row)

    async def _change_and_add(self) -> str:
        changed = self.lab.queue(self.device, _setting(CHANGED, self.word))
        added = await self._ask(AddObject(TABLE, "demo"))
        _expect(
            await changed == SetParameterValuesResponse(0), f"{CHANGED} should be set, the answer is {await changed}"
        )
        if not isinstance(added, AddObjectResponse):
            raise Shortcoming(f"AddObject of {TABLE} should give an instance number, but it answered {added}")
        row = f"{TABLE}{added.instance_number}."
        used = await self._ask(_setting(row + "Description", self.word))
        _expect(used == SetParameterValuesResponse(0), f"the new {row} should be usable, but it answered {used}")
        return row

    async def _look_again(self, row: str) -> None:
        """In a session of its own, both values must be there."""
        names = (CHANGED, row + "Description")
        answer = await self._ask(GetParameterValues(names))
        wanted = tuple(ParameterValueStruct(name, Value(ValueType.STRING, self.word)) for name in names)
        _expect(answer == GetParameterValuesResponse(wanted), f"{names} should both be {self.word!r}, but are {answer}")

    async def _reboot(self) -> None:
        number = self.lab.sessions.seen
        asked = self.lab.queue(self.device, Reboot(self.key))
        await self._call()
        answer = await asked
        _expect(answer == RebootResponse(), f"Reboot should be answered with an empty response, but it was {answer}")
        boot = await self.lab.wait_for_session(self.device, event=BOOT, since=number)
        told = {(event.event_code, event.command_key) for event in boot.events}
        _expect((M_REBOOT, self.key) in told, f"{M_REBOOT} ({self.key}) should come with {BOOT}, not {told}")

    async def _ask(self, request: AcsRequest) -> Answer:
        """The answer to ``request``, for which the device is called."""
        answer = self.lab.queue(self.device, request)
        await self._call()
        return await answer

    async def _call(self) -> SessionTrace:
        number = self.lab.sessions.seen
        status = await self.lab.connection_request(self.device)
        _expect(status in (200, 204), f"a connection request should be answered with 200, but it was {status}")
        return await self.lab.wait_for_session(self.device, since=number)


def _setting(name: str, text: str) -> SetParameterValues:
    return SetParameterValues((ParameterValueStruct(name, Value(ValueType.STRING, text)),), "demo")


def _expect(met: bool, otherwise: str) -> None:
    if not met:
        raise Shortcoming(otherwise)
