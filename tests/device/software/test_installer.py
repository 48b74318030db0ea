"""Archives of software modules: hostile ones, replacement, and real programs under the process monitor."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.device.software.archive import ArchiveLimits, manifest_of, unpack
from cwmpagent.device.software.installer import ArchiveInstaller
from cwmpagent.device.software.manifest import read_manifest
from cwmpagent.errors import SoftwareFailure
from cwmpagent.protocol.software.unit import RunStatus
from tests.device.software.archives import GOOD, entry, manifest, write

reactor: Any = global_reactor


class ArchiveTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path, self.target = self.folder / "a.tar", self.folder / "out"

    def code(self, *entries: tuple[tarfile.TarInfo, bytes], limits: ArchiveLimits | None = None) -> int:
        """The fault of an archive, in both functions; nothing outside of the directory is there."""
        write(self.path, *entries)
        unpacking = self.assertRaises(SoftwareFailure, unpack, self.path, self.target, limits or ArchiveLimits())
        failed = self.assertRaises(SoftwareFailure, manifest_of, self.path, limits or ArchiveLimits())
        self.assertEqual(sorted({path.name for path in self.folder.iterdir()} - {"out"}), ["a.tar"])
        self.assertEqual(unpacking.code, failed.code)
        return failed.code

    def test_hostile_members(self) -> None:
        link = {"type": tarfile.SYMTYPE}
        for entries in (
            [entry("/evil", b"x")],
            [entry("../evil", b"x")],
            [entry("a/../../evil", b"x")],
            [entry("l", linkname="/etc", **link)],
            [entry("l", linkname="../x", **link)],
            [entry("a/l", linkname="../../x", **link)],
            [entry("a/l", linkname="b/../../../x", **link)],
            [entry("l", linkname="d", **link), entry("l/evil", b"x")],
            [entry("l", linkname="", **link)],
            [entry("h", linkname="unit.toml", type=tarfile.LNKTYPE)],
            [entry("n", type=tarfile.CHRTYPE, devmajor=1, devminor=3)],
            [entry("n", type=tarfile.BLKTYPE)],
            [entry("p", type=tarfile.FIFOTYPE)],
            [entry("f", b"1"), entry("f", b"2")],
            [entry("f", b"1"), entry("./f", b"2")],
            [entry("d", **link, linkname="unit.toml"), entry("d", type=tarfile.DIRTYPE)],
            [entry("d", **link, linkname="unit.toml"), entry("d", b"x")],
            [entry("f", b"1"), entry("f", **link, linkname="unit.toml")],
            [entry("f", b"1"), entry("f/g", b"2")],
            [entry("f", b"1"), entry("f", type=tarfile.DIRTYPE)],
            [entry("f/g", b"1"), entry("f", b"2")],
            [entry("a/b/c", b"1"), entry("a", **link, linkname="unit.toml")],
            [entry(".", b"1")],
            [entry("n" * 256, b"1")],
            [entry("/".join(["n" * 200] * 6), b"1")],
            [entry("l", linkname="n/" * 1000, **link)],
            [entry("f", pax_headers={"path": "/evil"})],
            [entry("f", pax_headers={"path": "../evil"})],
            [entry("l", linkname="unit.toml", pax_headers={"linkpath": "/etc/passwd"}, **link)],
            [entry("f", b"1", pax_headers={"size": "-512"})],
            [entry("f", b"1", pax_headers={"GNU.sparse.size": "100", "GNU.sparse.map": "0,1"})],
            [entry("f", bytes(512), type=tarfile.GNUTYPE_SPARSE)],
            [entry("f", b"1", type=b"\x7f")],
        ):
            with self.subTest(name=entries[0][0].name, link=entries[0][0].linkname):
                self.target = self.folder / "out"
                self.clean()
                self.assertEqual(self.code(GOOD, *entries), 9018)

    def clean(self) -> None:
        shutil.rmtree(self.target, ignore_errors=True)

    def test_limits(self) -> None:
        self.assertEqual(self.code(GOOD, entry("f", b"x" * 2000), limits=ArchiveLimits(octets=2000)), 9027)
        self.clean()
        many = [entry(f"f{number}") for number in range(10)]
        self.assertEqual(self.code(GOOD, *many, limits=ArchiveLimits(members=10)), 9027)

    def test_headers_that_are_bombs(self) -> None:
        bomb = bytes(50_000_000)
        for kind in (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK):
            with self.subTest(kind=kind):
                self.clean()
                self.assertEqual(self.code(entry("h", bomb, type=kind), GOOD), 9018)
        chain = [entry("h", b"11 path=a/b\n", type=tarfile.XHDTYPE) for _ in range(5000)]
        self.clean()
        self.assertEqual(self.code(*chain, GOOD), 9018)
        self.clean()
        self.assertEqual(self.code(GOOD, entry("f", pax_headers={"comment": "x" * 70_000})), 9018)

    def test_a_size_that_is_not_there(self) -> None:
        header, _ = entry("f")
        for size, code in ((2**33, 9027), (1000, 9018)):
            header.size = size
            self.path.write_bytes(GOOD[0].tobuf() + GOOD[1].ljust(512, b"\0") + header.tobuf() + bytes(512))
            self.clean()
            failed = self.assertRaises(SoftwareFailure, unpack, self.path, self.target, ArchiveLimits())
            self.assertEqual(failed.code, code)

    def test_a_damaged_header_is_not_the_end(self) -> None:
        whole = bytearray(write(self.path, GOOD, entry("f", b"x"), mode="w").read_bytes())
        whole[1024 + 3] ^= 1
        self.path.write_bytes(whole)
        failed = self.assertRaises(SoftwareFailure, manifest_of, self.path, ArchiveLimits())
        self.assertEqual(failed.code, 9018)

    def test_the_checksum_of_the_compressed_file_counts(self) -> None:
        whole = bytearray(write(self.path, GOOD).read_bytes())
        whole[-6] ^= 1
        self.path.write_bytes(whole)
        self.assertEqual(self.assertRaises(SoftwareFailure, manifest_of, self.path, ArchiveLimits()).code, 9018)

    def test_kinds_of_archives(self) -> None:
        for mode in ("w", "w:gz", "w:bz2", "w:xz"):
            with self.subTest(mode=mode):
                self.clean()
                more = entry("d/data", os.urandom(200_000), pax_headers={"mtime": "1.5"})
                write(
                    self.path,
                    entry("./", type=tarfile.DIRTYPE),
                    entry("./d/", type=tarfile.DIRTYPE),
                    GOOD,
                    more,
                    mode=mode,
                )
                self.assertEqual(manifest_of(self.path, ArchiveLimits()), GOOD[1])
                unpack(self.path, self.target, ArchiveLimits())
                self.assertEqual((self.target / "d/data").read_bytes(), more[1])

    def test_damaged_archives(self) -> None:
        whole = write(self.path, GOOD, entry("f", os.urandom(50_000))).read_bytes()
        for data in (b"", b"no archive", whole[:2000], whole[:-30000], b"\0" * 10240):
            with self.subTest(size=len(data)):
                self.path.write_bytes(data)
                failed = self.assertRaises(SoftwareFailure, manifest_of, self.path, ArchiveLimits())
                self.assertEqual(failed.code, 9018)

    def test_special_bits_are_not_taken_over(self) -> None:
        write(self.path, GOOD, entry("bin/s", b"x", mode=0o6755), entry("l", linkname="bin/s", type=tarfile.SYMTYPE))
        unpack(self.path, self.target, ArchiveLimits())
        self.assertEqual((self.target / "bin/s").stat().st_mode & 0o7777 & ~0o022, 0o755)
        self.assertEqual((self.target / "l").read_bytes(), b"x")

    def test_wrong_manifests(self) -> None:
        for data in (
            b"",
            b"\xff",
            b"name = 1",
            b'name = "a"\nversion = ""',
            manifest().replace(b'"main"', b'"../x"'),
            manifest().replace(b"start", b"begin"),
            manifest() + b'[[unit]]\nname = "main"\nstart = ["x"]\n',
        ):
            with self.subTest(data=data):
                self.assertEqual(self.assertRaises(SoftwareFailure, read_manifest, data).code, 9018)


class InstallerTests(TestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp()).absolute()
        self.installer = ArchiveInstaller(reactor, self.folder)
        self.addCleanup(self.close)

    async def close(self) -> None:
        await self.installer.close()

    def fetched(self, version: str, *more: tuple[tarfile.TarInfo, bytes]) -> None:
        write(Path(self.installer.spool_path("1")), entry("unit.toml", manifest(version)), *more)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await deferLater(reactor, 0.01)

    async def test_a_program_runs_and_stops(self) -> None:
        self.fetched("1.0")
        self.assertEqual((await self.installer.inspect("1")).version, "1.0")
        await self.installer.install("1")
        await self.installer.install("1")
        await self.installer.start("1", "main")
        await self.installer.start("1", "main")
        unit = self.folder / "units/1"
        await self.until(lambda: (unit / "started").exists())
        self.assertEqual(self.installer.status("1", "main")[0], RunStatus.ACTIVE)
        await self.installer.stop("1", "main")
        self.assertTrue((unit / "stopped").exists())
        self.assertEqual(self.installer.status("1", "main")[0], RunStatus.IDLE)
        await self.installer.uninstall("1")
        await self.installer.uninstall("1")
        self.installer.discard("1")
        self.assertEqual([*(self.folder / "units").iterdir(), *(self.folder / "fetched").iterdir()], [])

    async def test_a_failed_installation_leaves_the_old_one(self) -> None:
        self.fetched("1.0", entry("old", b"x"))
        await self.installer.install("1")
        self.fetched("2.0", entry("../evil", b"x"))
        failed = await self.assertFailure(_deferred(self.installer.install("1")), SoftwareFailure)
        self.assertEqual(failed.code, 9018)
        self.assertEqual([path.name for path in (self.folder / "units").iterdir()], ["1"])
        self.assertTrue((self.folder / "units/1/old").exists())
        self.fetched("2.0")
        await self.installer.install("1")
        self.assertFalse((self.folder / "units/1/old").exists())

    async def test_what_an_interrupted_call_left(self) -> None:
        self.fetched("1.0", entry("old", b"x"))
        await self.installer.install("1")
        units = self.folder / "units"
        (units / "1").rename(units / "1.old")
        (units / "1.new").mkdir()
        Path(self.installer.spool_path("1")).write_bytes(b"damaged")
        await self.assertFailure(_deferred(self.installer.install("1")), SoftwareFailure)
        self.assertEqual([path.name for path in units.iterdir()], ["1"])

    async def test_a_program_that_cannot_start(self) -> None:
        data = b'name = "a"\nversion = "1"\n[[unit]]\nname = "main"\nstart = ["./nothing"]\n'
        write(Path(self.installer.spool_path("1")), entry("unit.toml", data))
        await self.installer.install("1")
        await self.installer.start("1", "main")
        await self.until(lambda: self.installer.status("1", "main")[0] is RunStatus.STARTING)
        await self.installer.stop("1", "main")
        self.assertEqual(self.installer.status("1", "main")[0], RunStatus.IDLE)

    async def test_directories_that_are_gone(self) -> None:
        shutil.rmtree(self.folder)
        failed = await self.assertFailure(_deferred(self.installer.install("1")), SoftwareFailure)
        self.assertEqual(failed.code, 9018)
        self.fetched("1.0")
        await self.installer.install("1")
        self.assertEqual([path.name for path in (self.folder / "units").iterdir()], ["1"])

    async def test_work_whose_caller_was_cancelled_ends_first(self) -> None:
        self.fetched("1.0", *(entry(f"f{number}", b"x" * 1000) for number in range(500)))
        first = _deferred(self.installer.install("1"))
        first.cancel()
        await self.assertFailure(first, CancelledError)
        await self.installer.install("1")
        self.assertEqual([path.name for path in (self.folder / "units").iterdir()], ["1"])
        self.assertEqual(len(list((self.folder / "units" / "1").iterdir())), 501)

    def test_a_user_that_the_agent_cannot_take(self) -> None:
        folder = self.folder / "another"
        self.assertRaises(KeyError, ArchiveInstaller, reactor, folder, user="nobody-at-all")
        self.patch(os, "geteuid", lambda: 12345)
        self.assertRaises(ValueError, ArchiveInstaller, reactor, folder, user="nobody")
        self.assertFalse(folder.exists())

    def test_the_umask_does_not_count(self) -> None:
        self.addCleanup(os.umask, os.umask(0o077))
        folder = self.folder / "another"
        ArchiveInstaller(reactor, folder)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (folder, folder / "units", folder / "fetched")}
        self.assertEqual(modes, {"another": 0o711, "units": 0o711, "fetched": 0o700})

    def test_a_name_that_is_no_duid(self) -> None:
        for duid in ("", "..", "a/b"):
            self.assertRaises(SoftwareFailure, self.installer.spool_path, duid)


def _deferred(coroutine: Any) -> Any:
    return Deferred.fromCoroutine(coroutine)
