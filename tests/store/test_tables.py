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
            "INSERT INTO object_counter VALUES ('Device.T.', 'seven')",
            "INSERT INTO parameter_attributes VALUES ('Device.A', 2, 'no list')",
            "INSERT INTO parameter_attributes VALUES ('Device.A', 2, '[1]')",
        ):
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
                schema.migrate(connection)
                connection.execute(sql)
                self.assertRaises((ValueError, TypeError), tables.read, connection)
