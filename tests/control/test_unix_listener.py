"""The socket file: clients that may connect, other files at its path, and its removal."""

from __future__ import annotations

import errno
import os
import socket
import stat
from pathlib import Path
from unittest.mock import patch

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.control import unix_listener
from cwmpagent.control.socket_path import LONGEST, address, user_of
from cwmpagent.control.unix_listener import PAUSE, UnixListener
from cwmpagent.errors import ConfigError


class Reactor(Clock):
    """A reactor that records its readers."""

    def __init__(self) -> None:
        super().__init__()
        self.reading: list[object] = []

    def addReader(self, reader: object) -> None:
        self.reading.append(reader)

    def removeReader(self, reader: object) -> None:
        if reader in self.reading:
            self.reading.remove(reader)


class DoorTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.directory.mkdir(0o700)
        self.path = self.directory / "control.sock"
        self.reactor = Reactor()
        self.came: list[socket.socket] = []

    def open(self, path: Path | None = None) -> UnixListener:
        made = UnixListener(
            self.reactor, path or self.path, lambda peer: self.came.append(peer.dup()), lambda line: None
        )
        self.addCleanup(made.close)
        return made

    def call(self, path: Path | None = None) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        with address(path or self.path) as where:
            peer.connect(where)
        return peer

    def refused(self, path: Path | None = None) -> str:
        error = self.assertRaises(ConfigError, self.open, path)
        self.assertEqual(error.key, "control.socket")
        self.assertEqual(self.reactor.reading, [])
        return error.reason

    def enter(self, made: UnixListener) -> None:
        before = len(self.came)
        made.doRead()
        for peer in self.came[before:]:
            self.addCleanup(peer.close)

    def test_only_its_owner_whatever_the_mask(self) -> None:
        for mask in (0, 0o077, 0o777):
            before = os.umask(mask)
            try:
                made = self.open()
                self.assertEqual(os.umask(mask), mask)
            finally:
                os.umask(before)
            self.assertEqual(stat.S_IMODE(self.path.stat().st_mode), 0o600)
            made.close()
            self.assertFalse(self.path.exists())

    def test_it_is_never_open_to_others_even_for_a_moment(self) -> None:
        seen: list[int] = []
        listen = socket.socket.listen

        def spy(made: socket.socket, backlog: int) -> None:
            seen.append(stat.S_IMODE(self.path.stat().st_mode))
            listen(made, backlog)

        class Spied(socket.socket):
            listen = spy

        with patch.object(unix_listener.socket, "socket", Spied):
            self.open()
        self.assertEqual(seen, [0o600])

    def test_whoever_comes_in(self) -> None:
        made = self.open()
        self.call()
        self.enter(made)
        self.assertEqual([user_of(peer) for peer in self.came], [os.geteuid()])
        self.assertFalse(self.came[0].getblocking())

    def test_another_user_is_not_let_in(self) -> None:
        made = self.open()
        with patch.object(unix_listener, "user_of", lambda peer: os.geteuid() + 4711):
            peer = self.call()
            self.enter(made)
        self.assertEqual((self.came, peer.recv(1)), ([], b""))

    def test_a_path_longer_than_an_address(self) -> None:
        path = self.directory / ("x" * 80) / ("y" * 80) / "control.sock"
        path.parent.mkdir(parents=True)
        self.assertGreater(len(os.fsencode(path)), LONGEST)
        made = self.open(path)
        self.call(path)
        self.enter(made)
        self.assertEqual(len(self.came), 1)
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        self.assertIn("in use", str(self.assertRaises(ConfigError, UnixListener, self.reactor, path, print, print)))
        made.close()
        self.assertFalse(path.exists())

    def test_a_stale_one_is_replaced(self) -> None:
        with socket.socket(socket.AF_UNIX) as dead, address(self.path) as where:
            dead.bind(where)
        made = self.open()
        self.call()
        self.enter(made)
        self.assertEqual(len(self.came), 1)

    def test_a_living_one_is_not(self) -> None:
        made = self.open()
        self.reactor.reading.clear()
        self.assertIn("in use by another process", self.refused())
        self.call()
        self.enter(made)
        self.assertIn(self.directory, self.path.parents)

    def test_other_things_are_not_touched(self) -> None:
        self.path.write_text("mine")
        self.assertIn("is not a socket", self.refused())
        self.assertEqual(self.path.read_text(), "mine")
        self.path.unlink()
        self.path.symlink_to(self.directory / "elsewhere")
        self.assertIn("is not a socket", self.refused())

    def test_the_socket_of_another_user_is_not_touched(self) -> None:
        with socket.socket(socket.AF_UNIX) as dead, address(self.path) as where:
            dead.bind(where)
        owner = os.geteuid() + 4711
        self.directory.chmod(0o1777)
        lstat = Path.lstat

        def foreign(path: Path) -> os.stat_result:
            found = list(lstat(path))
            found[stat.ST_UID] = owner
            return os.stat_result(found)

        with patch.object(Path, "lstat", foreign):
            self.assertIn(f"belongs to user {owner}", self.refused())
        self.assertTrue(self.path.exists())

    def test_a_directory_that_others_may_change(self) -> None:
        self.directory.chmod(0o777)
        self.assertIn("other users can write", self.refused())
        self.directory.chmod(0o1777)
        self.open()

    def test_no_directory(self) -> None:
        self.assertRaises(FileNotFoundError, self.open, self.directory / "none" / "control.sock")

    def test_what_took_its_place_stays(self) -> None:
        made = self.open()
        self.path.unlink()
        made.close()
        made = self.open()
        self.path.unlink()
        self.path.write_text("another program's")
        made.close()
        self.assertEqual(self.path.read_text(), "another program's")

    def test_without_descriptors_it_rests(self) -> None:
        made = self.open()

        class Exhausted:
            def __getattr__(self, name: str) -> object:
                return getattr(real, name)

            def accept(self) -> object:
                raise OSError(24, "Too many open files")

        real = made._socket
        made._socket = Exhausted()  # type: ignore[assignment]  # replaces the real one
        made.doRead()
        self.assertEqual(self.reactor.reading, [])
        self.reactor.advance(PAUSE)
        self.assertEqual(self.reactor.reading, [made])
        made.doRead()
        made.close()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_a_connection_that_no_descriptor_is_left_for_does_not_end_the_listening(self) -> None:
        lines: list[str] = []
        shortage: list[OSError] = [OSError(errno.EMFILE, "Too many open files")] * 2

        def welcome(peer: socket.socket) -> None:
            if shortage:
                raise shortage.pop()
            self.came.append(peer.dup())

        made = UnixListener(self.reactor, self.path, welcome, lines.append)
        self.addCleanup(made.close)
        for _ in range(2):
            peer = self.call()
            self.enter(made)
            self.assertEqual(self.reactor.reading, [])
            self.assertEqual(peer.recv(1), b"", "it is closed, not left waiting")
            self.reactor.advance(PAUSE)
            self.assertEqual(self.reactor.reading, [made])
        self.assertEqual(
            lines, ["the control socket cannot accept connections: Too many open files; it tries again every 1 s"]
        )
        self.call()
        self.enter(made)
        self.assertEqual(len(self.came), 1)
        made.close()
        self.assertEqual(self.reactor.getDelayedCalls(), [])
