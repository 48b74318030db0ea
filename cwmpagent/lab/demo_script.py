"""The script of the demonstration: the RPCs of the ACS, and the checks of their results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
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


Ask = Callable[[AcsRequest], Awaitable[Answer]]
"""Sends a request in a session that a connection request opens, and returns the answer."""
Step = Callable[[Ask], Awaitable[None]]


class ExpectationError(Exception):
    """The agent did not do what is expected; the message has the expected and the actual result."""


@dataclass(frozen=True, slots=True)
class Script:
    """The sequence: bootstrap; read; change and add; check and use the new object; reboot; check again; ``further``.

    ``word``: the value to write and to read back. ``key``: the CommandKey of the reboot. ``further``: steps at the end,
    such as those of :class:`~cwmpagent.lab.demo_transfers.TransferSteps`.
    """

    lab: LabAcs
    device: str
    word: str
    key: str
    further: Sequence[Step] = ()

    async def play(self) -> None:
        """Run the script. Raises :class:`ExpectationError` at the first result that differs."""
        first = await self.lab.wait_for_session(self.device, event=BOOTSTRAP, since=0)
        expect(first.ended == "complete", f"the first session should be complete, but it is {first.reason}")

        everything = await self._ask(GetParameterValues(("Device.",)))
        expect(
            isinstance(everything, GetParameterValuesResponse) and len(everything.parameter_list) > 50,
            f"GetParameterValues of the whole device should list it, but it answered {everything}",
        )
        row = await self._change_and_add()
        await self._check_values(row)
        await self._reboot()
        await self._check_values(row)
        for step in self.further:
            await step(self._ask)

    async def _change_and_add(self) -> str:
        changed = self.lab.queue(self.device, _setting(CHANGED, self.word))
        added = await self._ask(AddObject(TABLE, "demo"))
        expect(
            await changed == SetParameterValuesResponse(0), f"{CHANGED} should be set, the answer is {await changed}"
        )
        if not isinstance(added, AddObjectResponse):
            raise ExpectationError(f"AddObject of {TABLE} should give an instance number, but it answered {added}")
        row = f"{TABLE}{added.instance_number}."
        used = await self._ask(_setting(row + "Description", self.word))
        expect(used == SetParameterValuesResponse(0), f"the new {row} should be usable, but it answered {used}")
        return row

    async def _check_values(self, row: str) -> None:
        """Check both values in a session of its own."""
        names = (CHANGED, row + "Description")
        answer = await self._ask(GetParameterValues(names))
        expected = tuple(ParameterValueStruct(name, Value(ValueType.STRING, self.word)) for name in names)
        expect(
            answer == GetParameterValuesResponse(expected), f"{names} should both be {self.word!r}, but are {answer}"
        )

    async def _reboot(self) -> None:
        number = self.lab.sessions.seen
        rebooted = self.lab.queue(self.device, Reboot(self.key))
        await self._open_session()
        answer = await rebooted
        expect(answer == RebootResponse(), f"Reboot should be answered with an empty response, but it was {answer}")
        boot = await self.lab.wait_for_session(self.device, event=BOOT, since=number)
        events = {(event.event_code, event.command_key) for event in boot.events}
        expect((M_REBOOT, self.key) in events, f"{M_REBOOT} ({self.key}) should come with {BOOT}, not {events}")

    async def _ask(self, request: AcsRequest) -> Answer:
        """Send ``request`` in a session opened by a connection request; return the answer."""
        answer = self.lab.queue(self.device, request)
        await self._open_session()
        return await answer

    async def _open_session(self) -> SessionTrace:
        number = self.lab.sessions.seen
        status = await self.lab.connection_request(self.device)
        expect(status in (200, 204), f"a connection request should be answered with 200, but it was {status}")
        return await self.lab.wait_for_session(self.device, since=number)


def _setting(name: str, text: str) -> SetParameterValues:
    return SetParameterValues((ParameterValueStruct(name, Value(ValueType.STRING, text)),), "demo")


def expect(met: bool, otherwise: str) -> None:
    """Raise :class:`ExpectationError` with the sentence ``otherwise`` unless ``met``."""
    if not met:
        raise ExpectationError(otherwise)
