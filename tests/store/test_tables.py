"""Conversion of batches to rows and back."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import MisuseError
from cwmpagent.records import Batch, Saved
from cwmpagent.store import schema, tables
from tests.store.behaviour import BATCHES, WRONG, after


class Tables(SynchronousTestCase):
    @given(st.lists(BATCHES, max_size=6))
    @settings(deadline=None, max_examples=60)
    def test_any_row_of_batches_means_what_it_says(self, batches: list[Batch]) -> None:
        expected = Saved()
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            schema.migrate(connection)
            for batch in batches:
                for sql, rows in tables.statements(batch):
                    connection.executemany(sql, rows)
                expected = after(expected, batch)
            self.assertEqual(tables.read(connection), expected)

    def test_a_wrong_entry_is_refused_before_any_sql(self) -> None:
        for wrong in WRONG:
            self.assertRaises(MisuseError, tables.statements, wrong)

    def test_what_no_batch_can_have_written_is_not_read(self) -> None:
        for sql in (
            "INSERT INTO parameter_value VALUES ('Device.A', x'00ff')",
            "INSERT INTO parameter_value VALUES ('Device.A', CAST(x'ff' AS TEXT))",
            "INSERT INTO parameter_value VALUES (CAST(x'fffe' AS TEXT), 'a')",
            "INSERT INTO parameter_value VALUES (x'41', 'a')",
            "INSERT INTO object_counter VALUES ('Device.T.', 'seven')",
            "INSERT INTO object_counter VALUES ('Device.T.', -1)",
            "INSERT INTO object_row VALUES ('Device.T.1.', 2)",
            "INSERT INTO object_row VALUES ('Device.T.1.', 0.5)",
            "INSERT INTO parameter_attributes VALUES ('Device.A', 2, 'no list')",
            "INSERT INTO parameter_attributes VALUES ('Device.A', 2, '[1]')",
            "INSERT INTO parameter_attributes VALUES ('Device.A', 2, '\"Subscriber\"')",
            "INSERT INTO parameter_attributes VALUES ('Device.A', 7, '[]')",
            "INSERT INTO parameter_attributes VALUES ('Device.A', 2, 3)",
            f"INSERT INTO parameter_attributes VALUES ('Device.A', 2, '{'[' * 200_000}')",
            "INSERT INTO note VALUES ('agenda', x'7b7d')",
        ):
            with self.subTest(sql=sql[:80]), closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                connection.text_factory = tables.decoded
                schema.migrate(connection)
                connection.execute("INSERT INTO note VALUES ('boot_id', 'kept')")
                connection.execute(sql)
                self.assertEqual(tables.read(connection), Saved(notes={"boot_id": "kept"}))
                ((table, key, line),) = tables.read_and_check(connection)[1]
                self.assertTrue(line.isprintable() and line.startswith("the saved "), line)
                table.delete(connection, key)
                self.assertEqual(tables.read_and_check(connection), (Saved(notes={"boot_id": "kept"}), []))

    def test_the_line_about_a_damaged_row_has_no_value(self) -> None:
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            connection.text_factory = tables.decoded
            schema.migrate(connection)
            connection.execute(
                "INSERT INTO parameter_value VALUES ('Device.A.Password', CAST(? AS TEXT))", (b"s3\xff",)
            )
            ((_, _, line),) = tables.read_and_check(connection)[1]
        self.assertEqual(
            line, "the saved parameter value 'Device.A.Password' is damaged (not UTF-8): its default is used"
        )
