"""Opening of a database that is older, newer, damaged or missing."""

from __future__ import annotations

import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import StoreError, StoreNewerError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import schema, tables
from cwmpagent.store.database import open_database, remove_damaged_rows
from tests.store.behaviour import after

PAGE = 4096
NOON = 1_700_000_000.0
STAMP = "20231114T221320Z"
MANY = Batch(values={f"Device.Table.{row}.Name": f"row {row}" for row in range(3000)}, notes={"agenda": "{}"})
MANY_SAVED = after(Saved(), MANY)


def put(connection: sqlite3.Connection, batch: Batch) -> None:
    """Save ``batch`` without a store."""
    connection.execute("BEGIN")
    for sql, rows in tables.statements(batch):
        connection.executemany(sql, rows)
    connection.execute("COMMIT")


class DatabaseTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        directory = Path(self.mktemp())
        directory.mkdir()
        self.path = directory / "state.sqlite"

    def open(self) -> tuple[sqlite3.Connection, Path | None]:
        connection, moved_aside = open_database(self.path, now=NOON)
        self.addCleanup(connection.close)
        return connection, moved_aside

    def fill(self) -> None:
        connection, _ = self.open()
        put(connection, MANY)
        connection.close()

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.path.parent.iterdir() if path.is_file()}

    def leave_log(self, batch: Batch) -> None:
        """Leave the database as after a killed process: ``batch`` is only in the write-ahead log."""
        connection, _ = self.open()
        put(connection, batch)
        killed = self.files()
        connection.close()
        for name, content in killed.items():
            (self.path.parent / name).write_bytes(content)
        self.assertGreater(len(killed["state.sqlite-wal"]), 0)


class Opening(DatabaseTestCase):
    def test_commits_are_logged_and_wait_for_the_disk(self) -> None:
        connection, moved_aside = self.open()
        self.assertIsNone(moved_aside)
        self.assertEqual(connection.execute("PRAGMA journal_mode").fetchone(), ("wal",))
        self.assertEqual(connection.execute("PRAGMA synchronous").fetchone(), (2,))
        self.assertEqual(tables.read(connection), Saved())

    def test_what_only_the_log_holds_is_there(self) -> None:
        self.leave_log(MANY)
        connection, moved_aside = self.open()
        self.assertIsNone(moved_aside)
        self.assertEqual(tables.read(connection), MANY_SAVED)

    def test_opening_it_again_writes_nothing_so_that_a_full_disk_is_no_obstacle(self) -> None:
        self.fill()
        before = self.files()["state.sqlite"]
        connection, _ = self.open()
        self.assertEqual(tables.read(connection), MANY_SAVED)
        self.assertEqual(self.files(), {"state.sqlite": before} | {n: b"" for n in self.files() if n != "state.sqlite"})

    def test_a_page_that_a_loss_of_power_left_half_written_is_healed_from_the_log(self) -> None:
        self.leave_log(MANY)
        with self.path.open("r+b") as file:
            file.write(random.Random(4).randbytes(PAGE))
        connection, moved_aside = self.open()
        self.assertIsNone(moved_aside)
        self.assertEqual(tables.read(connection), MANY_SAVED)

    def test_a_new_one_is_whole_before_it_has_its_name_and_survives_a_loss_of_power(self) -> None:
        events: list[str] = []
        fsync, rename = os.fsync, Path.rename

        def renamed(old: Path, new: Path) -> Path:
            with closing(sqlite3.connect(old)) as connection:
                events.append(f"{old.name} at schema {schema.version(connection)}")
            return rename(old, new)

        def synced(descriptor: int) -> None:
            here = os.fstat(descriptor).st_ino == self.path.parent.stat().st_ino
            events.append("directory synced" if here else "something else synced")
            fsync(descriptor)

        self.patch(os, "fsync", synced)
        self.patch(Path, "rename", renamed)
        self.open()
        self.assertEqual(events, [f"state.sqlite.new at schema {len(schema.STEPS)}", "directory synced"])

    def test_what_a_death_in_the_middle_of_creating_it_left_is_no_obstacle(self) -> None:
        for suffix in ("", "-journal"):
            Path(f"{self.path}.new{suffix}").write_bytes(b"half")
        connection, moved_aside = self.open()
        self.assertIsNone(moved_aside)
        self.assertEqual(tables.read(connection), Saved())
        self.assertNotIn("state.sqlite.new", self.files())

    def test_odd_characters_in_the_path_mean_nothing(self) -> None:
        self.path = self.path.parent / "a?mode=memory#%41 b" / "state.sqlite"
        self.path.parent.mkdir()
        self.fill()
        self.assertGreater(self.path.stat().st_size, PAGE)


class Damage(DatabaseTestCase):
    def _is_moved_aside(self, damage: Callable[[], object], case: str) -> Path:
        self.fill()
        damage()
        connection, moved_aside = self.open()
        assert moved_aside is not None, f"{case} went unseen"
        self.assertEqual(moved_aside.name, f"state.sqlite.corrupt-{STAMP}", case)
        self.assertTrue(moved_aside.exists(), case)
        self.assertEqual(tables.read(connection), Saved(), case)
        put(connection, MANY)
        connection.close()
        connection, again = self.open()
        self.assertIsNone(again, case)
        self.assertEqual(tables.read(connection), MANY_SAVED, case)
        connection.close()
        return moved_aside

    def _overwrite(self, offset: int, content: bytes) -> None:
        with self.path.open("r+b") as file:
            file.seek(offset)
            file.write(content)

    def test_a_garbage_header(self) -> None:
        self._is_moved_aside(lambda: self._overwrite(0, random.Random(1).randbytes(100)), "header")

    def test_a_header_that_only_forbids_writing(self) -> None:
        self._is_moved_aside(lambda: self._overwrite(18, b"\7"), "write version")

    def test_no_database_at_all(self) -> None:
        self._is_moved_aside(lambda: self.path.write_text("Dear diary\n" * 1000), "text")

    def test_zero_length(self) -> None:
        aside = self._is_moved_aside(lambda: os.truncate(self.path, 0), "zero length")
        self.assertEqual(aside.stat().st_size, 0)

    def test_cut_at_a_page(self) -> None:
        self._is_moved_aside(lambda: os.truncate(self.path, self.path.stat().st_size - 3 * PAGE), "three pages less")

    def test_cut_in_a_page(self) -> None:
        self._is_moved_aside(lambda: os.truncate(self.path, self.path.stat().st_size - 7), "seven bytes less")

    def test_a_page_of_garbage_in_the_middle(self) -> None:
        def overwrite() -> None:
            middle = self.path.stat().st_size // PAGE // 2 * PAGE
            self._overwrite(middle, random.Random(2).randbytes(PAGE))

        self._is_moved_aside(overwrite, "garbage in the middle")

    def test_a_page_of_zeros_in_the_middle(self) -> None:
        self._is_moved_aside(lambda: self._overwrite(5 * PAGE, bytes(PAGE)), "zeros in the middle")

    def test_a_wrong_list_of_free_pages_that_only_the_next_change_would_meet(self) -> None:
        def overwrite() -> None:
            with closing(sqlite3.connect(self.path)) as connection:
                connection.execute("DELETE FROM parameter_value")
                connection.commit()
            self._overwrite(32, (2).to_bytes(4, "big"))

        self._is_moved_aside(overwrite, "free pages")

    def test_one_damaged_value_costs_itself_alone(self) -> None:
        self.fill()
        self._overwrite(self.path.read_bytes().index(b"row 1234"), b"\xff\xfe\xfd")
        connection, moved_aside = self.open()
        self.assertIsNone(moved_aside)
        path = "Device.Table.1234.Name"
        self.assertEqual(
            remove_damaged_rows(connection),
            [f"the saved parameter value '{path}' is damaged (not UTF-8): its default is used"],
        )
        expected = after(MANY_SAVED, Batch(values={path: None}))
        self.assertEqual(tables.read(connection), expected)
        connection.close()
        connection, _ = self.open()
        self.assertEqual(remove_damaged_rows(connection), [])
        self.assertEqual(tables.read(connection), expected)

    def test_a_damaged_value_is_not_used_though_it_cannot_be_removed(self) -> None:
        connection, _ = self.open()
        put(connection, MANY)
        connection.execute("INSERT INTO object_counter VALUES ('Device.Table.', 'many')")
        connection.execute("PRAGMA query_only = ON")
        for _ in range(2):
            self.assertEqual(len(remove_damaged_rows(connection)), 1)
            self.assertEqual(tables.read(connection), MANY_SAVED)

    def test_an_impossible_schema_version(self) -> None:
        for number in (0, -1, -(2**31)):
            self._is_moved_aside(
                lambda number=number: self._overwrite(60, number.to_bytes(4, "big", signed=True)), str(number)
            )
            for path in self.path.parent.iterdir():
                path.unlink()

    def test_a_table_that_is_gone(self) -> None:
        def drop() -> None:
            with closing(sqlite3.connect(self.path)) as connection:
                connection.execute("DROP TABLE note")

        self._is_moved_aside(drop, "no table")

    def test_a_directory_in_its_place(self) -> None:
        def replace() -> None:
            self.path.unlink()
            self.path.mkdir()
            (self.path / "kept").touch()

        aside = self._is_moved_aside(replace, "directory")
        self.assertTrue((aside / "kept").exists())

    def test_its_log_goes_with_it(self) -> None:
        self.leave_log(MANY)
        log = Path(f"{self.path}-wal").read_bytes()
        shared = Path(f"{self.path}-shm")
        shared.write_bytes(b"of another program")
        os.truncate(self.path, 0)
        connection, moved_aside = self.open()
        self.assertEqual(tables.read(connection), Saved())
        self.assertEqual(Path(f"{moved_aside}-wal").read_bytes(), log)
        self.assertEqual(Path(f"{moved_aside}-shm").read_bytes(), b"of another program")
        self.assertFalse(shared.exists())

    def test_a_log_without_its_database_is_not_taken_for_that_of_the_new_one(self) -> None:
        self.leave_log(MANY)
        self.path.unlink()
        connection, moved_aside = self.open()
        self.assertEqual(tables.read(connection), Saved())
        self.assertTrue(Path(f"{moved_aside}-wal").exists())

    def test_twice_in_one_second_keeps_both(self) -> None:
        found = []
        for content in (b"first", b"second"):
            self.path.write_bytes(content)
            connection, moved_aside = self.open()
            connection.close()
            found.append(moved_aside)
        self.assertEqual([path and path.read_bytes() for path in found], [b"first", b"second"])

    def test_without_room_for_a_new_one_nothing_is_moved(self) -> None:
        self.path.write_bytes(b"damaged")

        def refuse(path: Path) -> None:
            raise OSError(28, "No space left on device")

        self.patch(schema, "migrate", refuse)
        error = self.assertRaises(StoreError, self.open)
        self.assertIn("No space left", str(error))
        self.assertEqual(self.path.read_bytes(), b"damaged")

    def test_random_damage_never_raises_anything_else(self) -> None:
        self.fill()
        whole, seeded = self.path.read_bytes(), random.Random(3)
        unseen = 0
        for _ in range(60):
            for path in self.path.parent.iterdir():
                path.unlink()
            content = bytearray(whole)
            at, length = seeded.randrange(len(whole)), seeded.choice([1, 50, PAGE])
            content[at : at + length] = seeded.randbytes(length)
            self.path.write_bytes(content)
            try:
                connection, moved_aside = self.open()
            except StoreNewerError:
                continue
            unseen += moved_aside is None
            tables.read(connection)
            connection.close()
        self.assertLess(unseen, 60)


class Another(DatabaseTestCase):
    """Another program and problems for an administrator are not treated as damage."""

    def test_one_that_is_writing_is_a_plain_error(self) -> None:
        self.fill()
        before = self.files()
        self.patch(sqlite3, "connect", lambda *args, connect=sqlite3.connect, **more: connect(*args, timeout=0, **more))
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
            other.execute("BEGIN EXCLUSIVE")
            error = self.assertRaises(StoreError, self.open)
        self.assertIn("locked", str(error))
        self.assertEqual(self.files()["state.sqlite"], before["state.sqlite"])
        self.assertEqual(tables.read(self.open()[0]), MANY_SAVED)


def _rename_notes(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE note ADD COLUMN origin TEXT NOT NULL DEFAULT 'old'")
    connection.execute("UPDATE note SET text = upper(text)")


class Fails(Exception):
    pass


def _fail(connection: sqlite3.Connection) -> None:
    connection.execute("DELETE FROM parameter_value")
    raise Fails


class Versions(DatabaseTestCase):
    def test_an_empty_database_is_version_0_and_becomes_the_last(self) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE before (anything)")
            connection.execute("INSERT INTO before VALUES (1)")
            connection.commit()
        connection, moved_aside = self.open()
        self.assertIsNone(moved_aside)
        self.assertEqual(schema.version(connection), len(schema.STEPS))
        self.assertEqual(tables.read(connection), Saved())
        self.assertEqual(connection.execute("SELECT * FROM before").fetchall(), [(1,)])

    def test_an_older_one_is_migrated_with_what_it_holds(self) -> None:
        self.fill()
        self.leave_log(Batch(notes={"agenda": "events"}))
        self.patch(schema, "STEPS", (*schema.STEPS, _rename_notes))
        connection, moved_aside = self.open()
        self.assertIsNone(moved_aside)
        self.assertEqual(schema.version(connection), len(schema.STEPS))
        self.assertEqual(tables.read(connection).notes, {"agenda": "EVENTS"})
        self.assertEqual(tables.read(connection).values, MANY_SAVED.values)
        connection.close()
        self.assertEqual(tables.read(self.open()[0]).notes, {"agenda": "EVENTS"})

    def test_a_migration_that_dies_in_the_middle_has_not_happened(self) -> None:
        self.fill()
        steps = schema.STEPS
        self.patch(schema, "STEPS", (*steps, _rename_notes, _fail))
        self.assertRaises(Fails, self.open)
        self.patch(schema, "STEPS", steps)
        connection, moved_aside = self.open()
        self.assertIsNone(moved_aside)
        self.assertEqual(schema.version(connection), len(steps))
        self.assertEqual(tables.read(connection), MANY_SAVED)

    def test_one_that_sqlite_refuses_is_no_damage(self) -> None:
        self.fill()
        steps = schema.STEPS
        self.patch(schema, "STEPS", (*steps, _rename_notes, lambda connection: connection.execute("CREATE nonsense")))
        error = self.assertRaises(StoreError, self.open)
        self.assertIn(f"schema {len(steps) + 2}", str(error))
        self.patch(schema, "STEPS", steps)
        self.assertEqual(tables.read(self.open()[0]), MANY_SAVED)

    def _is_refused_untouched(self) -> None:
        before, names = self.files(), sorted(self.path.parent.iterdir())
        error = self.assertRaises(StoreNewerError, self.open)
        self.assertIn(f"schema {len(schema.STEPS) + 1}", str(error))
        self.assertEqual(self.files(), before)
        self.assertEqual(sorted(self.path.parent.iterdir()), names)

    def test_a_newer_one_is_refused_untouched(self) -> None:
        self.fill()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(f"PRAGMA user_version = {len(schema.STEPS) + 1}")
        self._is_refused_untouched()

    def test_so_is_one_whose_log_alone_says_so(self) -> None:
        steps = schema.STEPS
        self.fill()
        self.patch(schema, "STEPS", (*steps, _rename_notes))
        self.leave_log(Batch(notes={"agenda": "newer"}))
        main = self.path.read_bytes()
        self.assertEqual(int.from_bytes(main[60:64], "big"), len(steps))
        self.patch(schema, "STEPS", steps)
        self._is_refused_untouched()
