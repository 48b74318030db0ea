"""Check of the saved notes at start: a damaged note is reported in one line and left out, so that its default is used.

The agenda and the work after a session are not checked here but by their readers, which leave out single entries
(:mod:`cwmpagent.agent.session.startup`, :mod:`cwmpagent.agent.session.after_session`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice

from cwmpagent.agent.facts import Observer, Warned
from cwmpagent.agent.files.vendor_config_files import CONFIG_FILES
from cwmpagent.agent.journal import BASELINE, BOOTSTRAPPED, FILE_VALUES, LIGHTWEIGHT, REQUEST_PATH
from cwmpagent.agent.parameters.provider_rows import LONGEST_KEY, ROWS
from cwmpagent.agent.parameters.transaction import FORMER, LATER
from cwmpagent.agent.session.acs_discovery import DISCOVERED
from cwmpagent.datamodel.names import named
from cwmpagent.datamodel.schema import HIGHEST_INSTANCE, Model, ObjectDefinition, ParameterDefinition
from cwmpagent.protocol.masking import quoted
from cwmpagent.protocol.transfers.applied_file import restored_files
from cwmpagent.records import Saved
from cwmpagent.typed_members import is_texts, is_whole
from cwmpagent.values import LexicalError

MOST_REPORTED = 20
"""Damaged notes that are named in the log."""
_PATH = re.compile(r"/[A-Za-z0-9._~-]{1,128}")


def check_notes(saved: Saved, model: Model, observer: Observer) -> tuple[Saved, tuple[str, ...]]:
    """``saved`` without its damaged notes, and their names; the first :data:`MOST_REPORTED` are reported each.

    Notes of unknown names stay.
    """
    damaged: dict[str, str] = {}
    for name, text in saved.notes.items():
        try:
            _check(name, text, model)
        except (ValueError, RecursionError) as error:
            # Not the text of a JSON error: it may quote a secret.
            reason = "invalid JSON" if isinstance(error, json.JSONDecodeError | RecursionError) else str(error)
            damaged[name] = reason
    for name, reason in islice(damaged.items(), MOST_REPORTED):
        observer(Warned(f"the saved note {quoted(name)} is damaged ({reason}): its default is used"))
    if len(damaged) > MOST_REPORTED:
        observer(Warned(f"{len(damaged) - MOST_REPORTED} more saved notes are damaged: their defaults are used"))
    if not damaged:
        return saved, ()
    notes = {name: text for name, text in saved.notes.items() if name not in damaged}
    return replace(saved, notes=notes), tuple(damaged)


def _check(name: str, text: str, model: Model) -> None:
    """Raise ValueError or RecursionError where the text of a note is not one that the agent saves."""
    checks: Mapping[str, Callable[[str], object]] = {
        REQUEST_PATH: _check_path,
        BOOTSTRAPPED: _check_bootstrapped,
        FILE_VALUES: _check_file_values,
        DISCOVERED: _check_url,
        CONFIG_FILES: restored_files,
        FORMER: lambda text: _check_change(text, model),
        LATER: lambda text: _check_change(text, model),
    }
    if name in checks:
        checks[name](text)
    elif name.startswith(ROWS):
        _check_place(name.removeprefix(ROWS), model, table=True)
        _check_rows(text)
    elif name.startswith((BASELINE, LIGHTWEIGHT)):
        _check_place(name.partition(":")[2], model, table=False)


def _check_path(text: str) -> None:
    if not _PATH.fullmatch(text):
        raise ValueError("a path such as /6513270e269e0d37 is expected")


def _check_url(text: str) -> None:
    if not text or not text.isprintable():
        raise ValueError("a URL is expected")


def _check_bootstrapped(text: str) -> None:
    members = json.loads(text)
    if not is_texts(members) or len(members) != 2:
        raise ValueError("a URL and an OUI are expected")


def _check_file_values(text: str) -> None:
    marks = json.loads(text)
    if not isinstance(marks, dict) or not is_texts(list(marks.values())):
        raise ValueError("an object of texts is expected")


def _check_rows(text: str) -> None:
    numbers = json.loads(text)
    if not isinstance(numbers, dict):
        raise ValueError("an object of instance numbers is expected")
    for key, number in numbers.items():
        if not 0 < len(key) <= LONGEST_KEY or not is_whole(number) or not 0 <= number <= HIGHEST_INSTANCE:
            raise ValueError(f"a key of 1 to {LONGEST_KEY} characters and an instance number are expected")
    if len(set(numbers.values())) < len(numbers):
        raise ValueError("two keys have the same instance number")


def _check_change(text: str, model: Model) -> None:
    changes = json.loads(text)
    if not isinstance(changes, dict):
        raise ValueError("an object of texts by name is expected")
    for name, value in changes.items():
        definition = model.definition(named(name, {}).template)
        if value is not None and not isinstance(value, str):
            raise ValueError("an object of texts by name is expected")
        if isinstance(definition, ObjectDefinition) and value not in (None, ""):
            raise ValueError("a row has no value")
        if isinstance(definition, ParameterDefinition) and value is not None:
            try:
                definition.lexical(value)
            except LexicalError:
                raise ValueError("a value has the wrong type") from None


def _check_place(path: str, model: Model, *, table: bool) -> None:
    """A path that the model does not have is no damage: the model may be another one."""
    definition = model.definition(path)
    if (
        not path
        or not path.isprintable()
        or (definition is not None and isinstance(definition, ObjectDefinition) is not table)
    ):
        raise ValueError("its name has no " + ("table" if table else "parameter"))
