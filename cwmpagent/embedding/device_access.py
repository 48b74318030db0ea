"""Access of a program to its running device: it reads and sets values, announces changes, and raises events."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, succeed

from cwmpagent.agent.device_identity import manufacturer_oui
from cwmpagent.agent.parameters.changes import Origin
from cwmpagent.agent.transfers.autonomous import AutonomousOrder
from cwmpagent.datamodel.identifiers import ANY, segments
from cwmpagent.datamodel.plan import ParameterAssignment
from cwmpagent.datamodel.resolve import Resolver
from cwmpagent.embedding.arguments import check_text, check_type
from cwmpagent.embedding.extensions import Extensions
from cwmpagent.embedding.python_values import python_value, text_of
from cwmpagent.errors import CwmpFault, MisuseError
from cwmpagent.protocol.agenda.events import EVENTS, LONGEST_CODE, LONGEST_COMMAND_KEY, Event
from cwmpagent.protocol.software.operation import Operation
from cwmpagent.runtime.agent_runtime import AgentRuntime
from cwmpagent.runtime.lifecycle import Lifecycle
from cwmpagent.runtime.transfers import Transfers

_PATH = 'as in "Device.Time.Enable"'
NOT_RUNNING = "the device is rebooting, or the agent has been stopped"
_OUI = re.compile("[0-9A-F]{6} ")


class DeviceAccess:
    """The values and events of one agent. ``lifecycle`` returns its lifecycle, None before the first start."""

    def __init__(self, extensions: Extensions, lifecycle: Callable[[], Lifecycle | None]) -> None:
        self._extensions = extensions
        self._lifecycle = lifecycle
        self._readings: set[Deferred[None]] = set()

    @property
    def runtime(self) -> AgentRuntime:
        """The present runtime. Raises MisuseError before the first start."""
        lifecycle = self._lifecycle()
        if lifecycle is None:
            raise MisuseError("the agent has not been started")
        return lifecycle.runtime

    async def get(self, path: str) -> Any:
        """See :meth:`cwmpagent.Agent.get`."""
        check_text(path, "the path", _PATH)
        runtime = self.runtime
        tree = runtime.tree
        if self._is_running():
            await runtime.refresher.read([path])
        names = [name for full_path in Resolver(tree).paths(path) for name in tree.parameters(full_path)]
        texts = {name: tree.value(name) for name in names}
        values = {name: python_value(value.kind, value.text) for name, value in texts.items()}
        several = not path or path.endswith(".") or ANY in segments(path)
        return values if several else values[names[0]]

    async def set(self, path: str, value: object) -> None:
        """See :meth:`cwmpagent.Agent.set`."""
        check_text(path, "the path", _PATH)
        if self._extensions.has_parameter(path):
            raise MisuseError(f"{path}: its function supplies the value: change it there, and call changed()")
        runtime = self.runtime
        if not self._is_running():
            raise CwmpFault(9002, NOT_RUNNING)
        text = text_of(runtime.tree.definition(path).kind, value)
        try:
            await runtime.changes.set_values([ParameterAssignment(path, text)], Origin.DEVICE)
        except CwmpFault as fault:
            for parameter in fault.parameters:
                raise CwmpFault(parameter.code, parameter.text) from fault
            raise
        await self.changed(path)

    def changed(self, path: str) -> Deferred[None]:
        """See :meth:`cwmpagent.Agent.changed`."""
        check_text(path, "the path", _PATH)
        model = self._extensions.model
        if model.definition(path) is None:
            raise MisuseError(f"{path}: the model {model.name} has no such parameter or object")
        if not self._is_running():
            return succeed(None)
        reading = Deferred.fromCoroutine(self._read(path))
        if not reading.called:
            self._readings.add(reading)
            reading.addBoth(lambda _: self._readings.discard(reading))
        return reading

    def raise_event(self, name: str, command_key: str = "") -> Deferred[None]:
        """See :meth:`cwmpagent.Agent.raise_event`."""
        event = self._event(name, command_key)
        if not self._is_running():
            return fail(CwmpFault(9002, NOT_RUNNING))
        return self.runtime.events.raise_event(event)

    def inform(self, about: str) -> None:
        """See :meth:`cwmpagent.Agent.inform`."""
        event = self._event(about, "")
        if self._is_running():
            self.runtime.events.raise_event(event)

    def acs_methods(self) -> Deferred[tuple[str, ...]]:
        """See :meth:`cwmpagent.Agent.acs_methods`."""
        event = self._event("Inform", "")
        if not self._is_running():
            return fail(CwmpFault(9002, NOT_RUNNING))
        return self.runtime.acs_methods.ask(event)

    def request_download(self, file_type: str, arguments: Mapping[str, str]) -> Deferred[None]:
        """See :meth:`cwmpagent.Agent.request_download`."""
        check_text(file_type, "the file type", 'as in "1 Firmware Upgrade Image"')
        for name, text in arguments.items():
            check_text(name, "the name of an argument", '{"Version": "2"}')
            check_text(text, "the value of an argument", '{"Version": "2"}')
        transfers = self._transfers()
        if not self._is_running():
            return fail(CwmpFault(9002, NOT_RUNNING))
        return transfers.download_requests.ask(file_type, arguments)

    async def transfer(self, order: AutonomousOrder) -> int:
        """See :meth:`cwmpagent.Agent.download` and :meth:`cwmpagent.Agent.upload`."""
        for text, purpose in (
            (order.file_type, "the file type"),
            (order.url, "the URL"),
            (order.username, "the user name"),
            (order.password, "the password"),
            (order.target_name, "the target name"),
        ):
            check_text(text, purpose, 'agent.upload("2 Vendor Log File", "https://files.example.net/log")')
        check_type(order.size, int, "size", "a number of octets")
        transfers = self._transfers()
        if not self._is_running():
            raise CwmpFault(9002, NOT_RUNNING)
        return await transfers.autonomous.begin(order)

    async def change_software(self, operation: Operation) -> None:
        """See :meth:`cwmpagent.Agent.change_software`."""
        texts = (operation.url, operation.uuid, operation.version, operation.username, operation.password)
        for text in texts:
            check_text(text, "an argument", 'agent.change_software("Install", url="https://files.example.net/a.tar")')
        software = self.runtime.software
        if software is None:
            raise MisuseError("the agent has no software modules: set [software] directory")
        if not self._is_running():
            raise CwmpFault(9002, NOT_RUNNING)
        await software.perform(operation)

    def sleeping(self) -> Deferred[None]:
        """See :meth:`cwmpagent.Agent.sleeping`."""
        return self.runtime.standby.sleeping() if self._is_running() else succeed(None)

    def woke(self) -> bool:
        """See :meth:`cwmpagent.Agent.woke`."""
        return self._is_running() and self.runtime.standby.woke()

    def stop(self) -> None:
        """Cancel the readings that :meth:`changed` began: all values are compared at the next start."""
        for reading in tuple(self._readings):
            reading.cancel()

    def _event(self, name: str, command_key: str) -> Event:
        """The event ``name``. Raises MisuseError where it cannot be a vendor event."""
        check_text(name, "the name of an event", 'as in "Door Open"')
        check_text(command_key, "a CommandKey", 'as in "key"')
        if not (name.isascii() and name.isprintable() and name[:1].strip()) or name in EVENTS:
            raise MisuseError(
                f"{name[:LONGEST_CODE]!r} cannot be a vendor event: use printable ASCII, and no standard EventCode"
            )
        if not command_key.isprintable():  # XML cannot carry some of the other characters
            raise MisuseError(f"the CommandKey {command_key[:LONGEST_COMMAND_KEY]!r} has an unprintable character")
        code = name if name.startswith(("X ", "M X_")) else f"X {manufacturer_oui(self.runtime.tree)} {name}"
        if code.startswith("X ") and not _OUI.match(code, 2):
            raise MisuseError(f"{name[:LONGEST_CODE]!r}: an OUI of six hexadecimal digits must follow the X")
        if len(code) > LONGEST_CODE:
            raise MisuseError(f"the event {code[:LONGEST_CODE]!r}... has more than {LONGEST_CODE} characters")
        if command_key and code.startswith("X "):
            raise MisuseError(f"the event {code} cannot have a CommandKey: only M X_<VENDOR>_<Method> can")
        return Event(code, command_key)

    def _transfers(self) -> Transfers:
        transfers = self.runtime.transfers
        assert transfers is not None, "the assembly of an Agent has transfers"
        return transfers

    def _is_running(self) -> bool:
        lifecycle = self._lifecycle()
        return lifecycle is not None and lifecycle.running

    async def _read(self, path: str) -> None:
        try:
            await self.runtime.look(path)
        except CancelledError:
            return
