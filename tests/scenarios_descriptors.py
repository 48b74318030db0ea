"""Programs that work with each number of free descriptors: ``python -m tests.scenarios_descriptors NAME DIRECTORY``.

A scenario is tried with only so many descriptors free, where it may be refused, and then again, where it must succeed.
It prints one line with the refusals, and fails by an exception.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

from OpenSSL import SSL
from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.protocol import DatagramProtocol, Factory
from twisted.internet.task import deferLater, react
from twisted.python import log

from cwmpagent.control.recent_facts import RecentFacts
from cwmpagent.control.service import ControlSocket
from cwmpagent.device.clock import SystemClock
from cwmpagent.device.machine import run_program
from cwmpagent.device.models import find_model
from cwmpagent.errors import CwmpAgentError
from cwmpagent.lab.acs import LabAcs
from cwmpagent.records import Batch
from cwmpagent.store import Store
from cwmpagent.transport.addresses import resolved
from cwmpagent.transport.connection_request.endpoints import Endpoints
from cwmpagent.transport.deadline import within
from cwmpagent.transport.http.acs_client import AcsClient
from cwmpagent.transport.local_address import source_address
from cwmpagent.transport.tls.trust import TlsTrust
from cwmpagent.transport.udp.port import DatagramPort
from cwmpagent.transport.udp.sender import DatagramSender
from tests.control.client import Client
from tests.descriptors import FREE, only_free

reactor: Any = global_reactor
Attempt = Callable[[], Awaitable[str]]
"""Does the work; returns the refusal, empty after a success. CwmpAgentError is a refusal as well."""


async def store_opened(directory: Path) -> Attempt:
    """Opening of a state with content: it must never count as damaged."""
    store = Store.open(directory, reactor=reactor)
    await store.save(Batch(values={f"Device.{number}": "x" * 100 for number in range(2000)}))
    await store.close()

    async def attempt() -> str:
        store = Store.open(directory, reactor=reactor)
        saved = store.load()
        await store.save(Batch(values={"Device.last": "x"}))
        await store.close()
        assert store.moved_aside is None and len(saved.values) >= 2000, "the state is lost"
        return ""

    return attempt


async def control_socket(directory: Path) -> Attempt:
    """The control socket, and a client that it accepts."""
    lines: list[str] = []
    path = directory / "control.sock"

    async def attempt() -> str:
        lines.clear()
        agent: Any = None
        control = ControlSocket(reactor, path, agent, RecentFacts(reactor.seconds), SystemClock(), lines.append)
        control.open()
        try:
            if not lines:
                client = await Client.connected(reactor, path)
                client.say(b"nonsense")
                line = await client.line()
                assert line is None or "error" in line, line
                return str(line and line["error"]["reason"]) if lines else ""
        except (ConnectError, OSError) as error:  # of the client
            return str(error)
        finally:
            await control.close()
            assert not path.exists()
        return lines[0]

    return attempt


async def store_created(directory: Path) -> Attempt:
    """Creation of a state."""
    numbers = iter(range(100))

    async def attempt() -> str:
        store = Store.open(directory / str(next(numbers)), reactor=reactor)
        await store.close()
        return ""

    return attempt


async def store_written(directory: Path) -> Attempt:
    """Commits, small and large, of a store that is open."""
    store = Store.open(directory, reactor=reactor)
    numbers = iter(range(10**6))

    async def attempt() -> str:
        number = next(numbers)
        await store.save(Batch(values={"Device.number": str(number)}))
        await store.save(Batch(values={f"Device.{number}.{row}": "x" * 300 for row in range(3000)}))
        assert store.load().values["Device.number"] == str(number)
        return ""

    return attempt


async def http_endpoint(directory: Path) -> Attempt:
    """The first opening, and opening again, of the port for ConnectionRequests."""

    async def attempt() -> str:
        endpoints = Endpoints(reactor, ["tcp:0:interface=127.0.0.1", "tcp:0:interface=127.0.0.1"], "key")
        await endpoints.open(Factory())
        await endpoints.close()
        return ""

    return attempt


async def udp_port(directory: Path) -> Attempt:
    """The UDP port."""

    async def attempt() -> str:
        port = DatagramPort(reactor, 0, "127.0.0.1")
        port.bind()
        await port.close()
        return ""

    return attempt


async def udp_sender(directory: Path) -> Attempt:
    """Datagrams to a host by name."""
    received: list[bytes] = []

    class Receiver(DatagramProtocol):
        def datagramReceived(self, datagram: bytes, addr: Any) -> None:
            received.append(datagram)

    port = reactor.listenUDP(0, Receiver(), interface="127.0.0.1").getHost().port

    async def attempt() -> str:
        lines: list[str] = []
        sender = DatagramSender(reactor, monotonic=reactor.seconds, warn=lines.append)
        received.clear()
        sender.send("127.0.0.1", port, [b"datagram"])
        await until(lambda: bool(received or lines))
        await sender.close()
        return lines[0] if lines else ""

    return attempt


async def name_resolved(directory: Path) -> Attempt:
    """Resolution of a name."""

    async def attempt() -> str:
        found = await within(5, resolved(reactor.nameResolver, "localhost"), reactor, reactor.seconds, "not in time")
        return "" if found else "no address"

    return attempt


async def session(directory: Path) -> Attempt:
    """A POST to the ACS by name, over a new connection."""
    lab = LabAcs(reactor)
    port = reactor.listenTCP(0, lab.site(), interface="127.0.0.1").getHost().port
    client = AcsClient(reactor, TlsTrust(), random=Random(1), cnonce=lambda: "x", warn=print, monotonic=reactor.seconds)

    async def attempt() -> str:
        exchange = client.open(f"http://localhost:{port}/", "", "")
        try:
            await exchange.post(b"<not an envelope")
        finally:
            await exchange.close()
        return ""

    return attempt


async def large_body(directory: Path) -> Attempt:
    """A large POST to the lab, whose body is not kept in memory."""
    lab = LabAcs(reactor)
    port = reactor.listenTCP(0, lab.site(), interface="127.0.0.1").getHost().port
    client = AcsClient(reactor, TlsTrust(), random=Random(1), cnonce=lambda: "x", warn=print, monotonic=reactor.seconds)

    async def attempt() -> str:
        exchange = client.open(f"http://127.0.0.1:{port}/", "", "")
        try:
            reply = await exchange.post(b"<not an envelope" + b" " * 300_000)
        finally:
            await exchange.close()
        assert reply.status in (400, 500), reply
        return ""

    return attempt


async def certificates(directory: Path) -> Attempt:
    """Reading of the system's certificates at SIGHUP: a refusal keeps those that are in force."""
    trust = TlsTrust()
    trusted = number_of(trust)

    async def attempt() -> str:
        try:
            trust.read_again()()
        finally:
            assert number_of(trust) == trusted, "nobody is trusted any more"
        return ""

    return attempt


def number_of(trust: TlsTrust) -> int:
    """Certificates of authorities that are trusted."""
    library: Any = SSL._lib
    store = library.SSL_CTX_get_cert_store(trust._context._context)
    return int(library.sk_X509_OBJECT_num(library.X509_STORE_get0_objects(store)))


async def source(directory: Path) -> Attempt:
    """The address of this machine towards another."""

    async def attempt() -> str:
        return "" if source_address("127.0.0.1") else "no address"

    return attempt


async def program(directory: Path) -> Attempt:
    """A program of ``[hooks]``."""

    async def attempt() -> str:
        return await run_program(reactor, ["/bin/true"])

    return attempt


async def model(directory: Path) -> Attempt:
    """Model files, of the package and others."""
    file = directory / "model.csv"
    file.write_text("Parameter,Object,Writable,Value,Value type\nDevice.X,false,false,1,xsd:string\n")

    async def attempt() -> str:
        find_model(["device2", str(file)])
        return ""

    return attempt


SCENARIOS: Mapping[str, Callable[[Path], Awaitable[Attempt]]] = {
    each.__name__: each
    for each in (
        control_socket, store_opened, store_created, store_written, http_endpoint, udp_port, udp_sender, name_resolved,
        session, large_body, certificates, source, program, model,
    )
}  # fmt: skip


async def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until ``condition`` holds."""
    end = reactor.seconds() + seconds
    while not condition():
        assert reactor.seconds() < end, "it does not happen"
        await deferLater(reactor, 0.01)


async def main(name: str, directory: str) -> None:
    """Run a scenario."""
    log.startLogging(sys.stderr, setStdout=False)
    await deferLater(reactor, 0)  # until it runs
    attempt = await SCENARIOS[name](Path(directory))
    reactor.getThreadPool().adjustPoolsize(1)
    refusals: dict[int, str] = {}
    for number in FREE:
        with only_free(number):
            try:
                refusal = await attempt()
            except CwmpAgentError as error:
                refusal = str(error)
            # The reactor goes on, and deferreds that nobody has are collected.
            await deferLater(reactor, 0.02)
        if refusal:
            refusals[number] = refusal
        refusal = await attempt()
        assert not refusal, f"{number} free: afterwards: {refusal}"
    print(json.dumps(refusals))


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(*sys.argv[1:])), ())
