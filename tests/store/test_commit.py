"""Several batches in one transaction, without threads; the test observes each SQL statement and can react to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from threading import Lock

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import MisuseError
from cwmpagent.records import Batch
from cwmpagent.store import schema, tables
from cwmpagent.store.commit import Save, commit


class Commit(SynchronousTestCase):
    def setUp(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.addCleanup(self.connection.close)
        schema.migrate(self.connection)
        self.turn = Lock()
        self.seen: list[str] = []

    def saves(self, *batches: Batch) -> list[Save]:
        return [Save(batch, self.turn) for batch in batches]

    def watch(self, answer: Callable[[str], object] = lambda statement: None) -> None:
        def look(statement: str) -> None:
            self.seen.append(statement.split()[0])
            answer(statement)

        self.connection.set_trace_callback(look)

    def refuse(self, path: str, how: str) -> None:
        """Make SQLite refuse a batch that writes ``path``; ``how``: ABORT, FAIL or ROLLBACK of ``RAISE``."""
        self.connection.execute(
            f"CREATE TEMP TRIGGER refuse BEFORE INSERT ON parameter_value WHEN NEW.path = '{path}' "
            f"BEGIN SELECT RAISE({how}, 'refused'); END"
        )

    def values(self) -> dict[str, str]:
        return dict(tables.read(self.connection).values)

    def three(self) -> list[Save]:
        return self.saves(
            Batch(values={"a": "1"}),
            Batch(values={"fine": "2", "bad": "2"}, counters={"t": 2}, erase=True),
            Batch(values={"c": "3"}),
        )

    def test_one_transaction_for_all(self) -> None:
        saves = self.three()
        self.watch()
        commit(self.connection, saves, self.turn)
        self.assertEqual((self.seen.count("BEGIN"), self.seen.count("COMMIT")), (1, 1))
        self.assertEqual([save.error for save in saves], [None] * 3)
        self.assertEqual(self.values(), {"fine": "2", "bad": "2", "c": "3"})

    def test_a_batch_that_fails_takes_no_other_along(self) -> None:
        for how in ("ABORT", "FAIL", "ROLLBACK"):  # the last ends the whole transaction, as a full disk does
            self.setUp()
            self.refuse("bad", how)
            saves = self.three()
            commit(self.connection, saves, self.turn)
            self.assertEqual([bool(save.error) for save in saves], [False, True, False], how)
            self.assertIn("refused", str(saves[1].error))
            self.assertEqual(self.values(), {"a": "1", "c": "3"}, how)
            self.assertEqual(tables.read(self.connection).counters, {}, how)
            self.assertFalse(self.connection.in_transaction)

    def test_what_fails_beside_others_may_succeed_alone(self) -> None:
        answers = iter(["too much at once"])
        self.connection.create_function("first", 0, lambda: next(answers, None))
        self.connection.execute(
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON parameter_value WHEN NEW.path = 'bad' AND first() NOTNULL "
            "BEGIN SELECT RAISE(ROLLBACK, 'refused'); END"
        )
        saves = self.three()
        commit(self.connection, saves, self.turn)
        self.assertEqual([save.error for save in saves], [None] * 3)
        self.assertEqual(self.values(), {"fine": "2", "bad": "2", "c": "3"})

    def test_a_batch_of_wrong_types_takes_no_other_along(self) -> None:
        saves = self.saves(Batch(values={"a": "1"}), Batch(values={"b": "2"}, rows={"r": "no"}))  # type: ignore[dict-item]  # wrong on purpose
        commit(self.connection, saves, self.turn)
        self.assertIsNone(saves[0].error)
        self.assertIsInstance(saves[1].error, MisuseError)
        self.assertEqual(self.values(), {"a": "1"})

    def test_where_the_commit_itself_fails_each_is_tried_alone_and_in_order(self) -> None:
        # A deferred foreign key is checked by COMMIT only.
        self.connection.execute("PRAGMA foreign_keys = ON")
        self.connection.execute("CREATE TABLE child (n REFERENCES note (name) DEFERRABLE INITIALLY DEFERRED)")
        self.connection.execute(
            "CREATE TEMP TRIGGER refuse AFTER INSERT ON parameter_value WHEN NEW.path = 'bad' "
            "BEGIN INSERT INTO child VALUES ('nobody'); END"
        )
        saves = self.three()
        self.watch()
        commit(self.connection, saves, self.turn)
        self.assertEqual(self.seen.count("BEGIN"), 4)
        self.assertEqual([bool(save.error) for save in saves], [False, True, False])
        self.assertEqual(self.values(), {"a": "1", "c": "3"})

    def test_nothing_can_be_written_at_all(self) -> None:
        self.connection.execute("PRAGMA query_only = ON")
        saves = self.three()
        commit(self.connection, saves, self.turn)
        self.assertTrue(all(save.error for save in saves))
        self.assertFalse(self.connection.in_transaction)
        self.connection.execute("PRAGMA query_only = OFF")
        self.assertEqual(self.values(), {})
        again = self.three()
        commit(self.connection, again, self.turn)
        self.assertEqual([save.error for save in again], [None] * 3)

    def test_cancelled_while_it_waits(self) -> None:
        saves = self.three()
        saves[0].cancel()
        self.failureResultOf(saves[0], CancelledError)
        self.watch()
        commit(self.connection, saves, self.turn)
        self.assertEqual(self.values(), {"fine": "2", "bad": "2", "c": "3"})
        saves[1].cancel()
        self.assertNoResult(saves[1])

    def test_all_cancelled_is_no_transaction(self) -> None:
        saves = self.three()
        for save in saves:
            save.cancel()
            self.failureResultOf(save, CancelledError)
        self.watch()
        commit(self.connection, saves, self.turn)
        self.assertEqual(self.seen, [])

    def test_cancelled_when_it_is_written_but_not_committed(self) -> None:
        saves = self.three()

        def answer(statement: str) -> None:
            if "INSERT" in statement and "'c'" in statement:
                saves[1].cancel()

        self.watch(answer)
        commit(self.connection, saves, self.turn)
        self.failureResultOf(saves[1], CancelledError)
        self.assertEqual(self.values(), {"a": "1", "c": "3"})
        self.assertEqual([save.error for save in saves], [None] * 3)
        self.assertEqual((self.seen.count("BEGIN"), self.seen.count("COMMIT")), (2, 1))

    def test_cancelled_when_its_commit_has_begun_it_is_saved(self) -> None:
        saves = self.three()

        def answer(statement: str) -> None:
            if statement == "COMMIT":
                saves[0].cancel()
                saves[1].cancel()

        self.watch(answer)
        commit(self.connection, saves, self.turn)
        self.assertNoResult(saves[0])
        self.assertNoResult(saves[1])
        self.assertEqual(self.values(), {"fine": "2", "bad": "2", "c": "3"})
        saves[0].callback(None)
        self.assertIsNone(self.successResultOf(saves[0]))
        saves[0].cancel()

    def test_whoever_awaits_it_is_not_cancelled_either_once_its_commit_has_begun(self) -> None:
        from twisted.internet.defer import ensureDeferred

        (save,) = self.saves(Batch(values={"a": "1"}))

        async def change() -> str:
            await save
            return "answered"

        waiting = ensureDeferred(change())
        self.watch(lambda statement: waiting.cancel() if statement == "COMMIT" else None)
        commit(self.connection, [save], self.turn)
        self.assertNoResult(waiting)
        save.callback(None)
        self.assertEqual(self.successResultOf(waiting), "answered")
