"""The cache of models: it returns the saved model or nothing; a missing or damaged cache is never an error."""

from __future__ import annotations

import os
from dataclasses import fields
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from unittest.mock import Mock, patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from cwmpagent.datamodel import model_json
from cwmpagent.datamodel.schema import Model, ObjectDefinition, ParameterDefinition, UniqueKey
from cwmpagent.datamodel.tree import Tree
from cwmpagent.device import machine, models
from cwmpagent.device.model_cache import FILE, ModelCache, key_of
from cwmpagent.device.models import find_model
from cwmpagent.errors import ModelError
from cwmpagent.records import Attributes
from cwmpagent.values import Restriction
from tests.datamodel.bbf_sample import document
from tests.datamodel.bbf_sample import read as sample
from tests.datamodel.sample import read
from tests.skips import NO_BBF, bbf_directory


def same(one: Model, other: Model) -> bool:
    """Whether two models are equal in all fields."""
    return model_json.written(one) == model_json.written(other) and one.root == other.root


def names_in(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


class PortableTests(SynchronousTestCase):
    def test_a_model_comes_back_as_it_was(self) -> None:
        for model in (sample(document()), sample(document(), "Extra:1"), find_model("device2")):
            back = model_json.read(model_json.written(model))
            self.assertTrue(same(model, back))
            for one, other in zip(model.root.walk(), back.root.walk(), strict=True):
                self.assertEqual(
                    (one, list(one.parameters), list(one.children)),
                    (other, list(other.parameters), list(other.children)),
                )
            self.assertEqual(
                (model.name, model.rows, model.values, model.forced_inform, model.active, model.absent, model.reports),
                (back.name, back.rows, back.values, back.forced_inform, back.active, back.absent, back.reports),
            )
            self.assertEqual(model.attributes, back.attributes)
            self.assertEqual(read(Tree(model), ""), read(Tree(back), ""))

    def test_nothing_of_a_model_is_forgotten(self) -> None:
        """A new field in one of these classes must also be written, and FORMAT be increased."""
        for cls, names in (
            (Model, "name root rows values forced_inform active absent attributes words access reports deviations"),
            (
                ObjectDefinition,
                "path creatable deletable unique_keys enable number_of_entries max_rows parameters children table",
            ),
            (
                ParameterDefinition,
                "name kind writable default restriction hidden notify forced_inform reference counts live reserved "
                "listed_in unlisted initial",
            ),
            (Restriction, "ranges step lengths enumeration patterns list_of item list_lengths list_sizes unit"),
            (UniqueKey, "parameters functional"),
            (Attributes, "notification access_list"),
        ):
            self.assertEqual({each.name for each in fields(cls)}, set(names.split()))

    def test_the_published_ones(self) -> None:
        directory = bbf_directory()
        if directory is None:
            raise SkipTest(NO_BBF)
        for name in ("tr-181-2-17-0-cwmp-full.xml", "tr-098-1-8-0-full.xml"):
            model = find_model(str(directory / name))
            self.assertTrue(same(model, model_json.read(model_json.written(model))))

    def test_what_is_no_model(self) -> None:
        for text in ("", "x", "{}", "[]", "null", '{"restrictions": 1}', "[" * 100000):
            self.assertRaises(ValueError, model_json.read, text)

    @settings(deadline=None, max_examples=60)
    @given(st.data())
    def test_damage_is_a_model_or_a_value_error(self, data: st.DataObject) -> None:
        text = model_json.written(sample(document()))
        at = data.draw(st.integers(0, len(text) - 1))
        changed = data.draw(st.sampled_from(["", "0", "-1", "null", '"', "[", "]", "{}", "99"]))
        try:
            model_json.read(text[:at] + changed + text[at + data.draw(st.integers(0, 3)) :])
        except ValueError:
            return


class CacheTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp())
        self.directory.mkdir()
        self.state = self.directory / "state"
        self.state.mkdir()
        self.source = self.directory / "box.xml"
        self.source.write_bytes(document())
        self.patch(models, "WORTH_KEEPING", 0)
        self.model = find_model(str(self.source))

    @property
    def file(self) -> Path:
        return self.state / FILE

    def find(self, *profiles: str, save: bool = True) -> tuple[Model, bool]:
        """The model, and whether its source was read."""
        cache = ModelCache(self.state)
        with patch.object(models, "read_bbf", wraps=models.read_bbf) as read:
            model = find_model(str(self.source), profiles=profiles, cache=cache)
        if save:
            cache.save()
        return model, read.called

    def test_the_second_time_it_is_not_read(self) -> None:
        first, read = self.find()
        self.assertTrue(read)
        second, read = self.find()
        self.assertFalse(read)
        self.assertTrue(same(first, second))
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(names_in(self.state), [FILE])

    def test_nothing_is_written_until_it_is_saved(self) -> None:
        self.find(save=False)
        self.assertEqual(names_in(self.state), [])

    def test_another_source_profile_or_format_is_another_model(self) -> None:
        self.find()
        _, read = self.find("Base:1")
        self.assertTrue(read)
        _, read = self.find("Base:1")
        self.assertFalse(read)
        _, read = self.find()
        self.assertTrue(read)
        self.patch(model_json, "FORMAT", model_json.FORMAT + 1)
        _, read = self.find()
        self.assertTrue(read)
        self.source.write_bytes(document().replace(b"Device:2.5", b"Device:2.6"))
        model, read = self.find()
        self.assertTrue(read)
        self.assertEqual(model.values["Device.RootDataModelVersion"], "2.6")

    def test_another_version_of_the_package_reads_anew(self) -> None:
        self.find()
        for number in ("0.0.1", "0.0.2"):
            self.patch(machine, "version", lambda name, number=number: f"{name} {number}")
            self.assertTrue(self.find()[1])
            self.assertFalse(self.find()[1])
        self.patch(machine, "version", Mock(side_effect=PackageNotFoundError))
        self.assertTrue(self.find()[1])
        self.assertFalse(self.find()[1])

    def test_keys_do_not_run_into_each_other(self) -> None:
        keys = {
            key_of([("a", b"x"), ("b", b"y")], []),
            key_of([("b", b"y"), ("a", b"x")], []),
            key_of([("a", b"y"), ("b", b"x")], []),
            key_of([("ab", b"xy")], []),
            key_of([("a", b"x")], ["b"]),
            key_of([("a", b"x")], ["b", "c"]),
            key_of([("a", b"x")], ["b,c"]),
            key_of([("a", b"x")], ["bc"]),
        }
        self.assertEqual(len(keys), 8)

    def test_a_damaged_file_is_read_past_and_written_anew(self) -> None:
        self.find()
        good = self.file.read_bytes()
        for bad in (
            b"",
            b"x",
            good[:-1],
            good[:100],
            good + b" ",
            good.replace(b"Device.Box.", b"Device.Bax."),
            b"\n\n",
        ):
            self.file.write_bytes(bad)
            self.file.chmod(0o600)
            model, read = self.find()
            self.assertTrue(read, bad[:20])
            self.assertTrue(same(model, self.model))
            self.assertEqual(self.file.read_bytes(), good)

    def test_a_good_digest_over_what_is_no_model(self) -> None:
        self.find()
        with patch.object(model_json, "written", return_value="[1]"):
            self.find("Base:1")
        _, read = self.find("Base:1")
        self.assertTrue(read)

    def test_a_foreign_file_is_not_believed(self) -> None:
        self.find()
        self.file.chmod(0o644)
        _, read = self.find()
        self.assertTrue(read)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        with patch("os.geteuid", return_value=os.geteuid() + 1):
            _, read = self.find(save=False)
        self.assertTrue(read)
        elsewhere = self.directory / "elsewhere"
        self.file.rename(elsewhere)
        self.file.symlink_to(elsewhere.absolute())
        kept = elsewhere.read_bytes()
        _, read = self.find()
        self.assertTrue(read)
        self.assertFalse(self.file.is_symlink())
        self.assertEqual(elsewhere.read_bytes(), kept)

    def test_where_nothing_can_be_written_or_read(self) -> None:
        for state in (self.directory / "none", self.source):
            cache = ModelCache(state)
            model = find_model(str(self.source), cache=cache)
            cache.save()
            self.assertTrue(same(model, self.model))
        (self.directory / "odd" / FILE).mkdir(parents=True)
        cache = ModelCache(self.directory / "odd")
        self.assertTrue(same(find_model(str(self.source), cache=cache), self.model))
        cache.save()
        self.assertEqual(names_in(self.directory / "odd"), [FILE])
        with patch("os.open", side_effect=OSError(30, "Read-only file system")):
            model, read = self.find()
        self.assertTrue(read)

    def test_small_models_are_not_worth_it(self) -> None:
        self.patch(models, "WORTH_KEEPING", 10**6)
        self.find()
        self.assertEqual(names_in(self.state), [])

    def test_a_broken_source_is_not_hidden_by_the_cache(self) -> None:
        self.find()
        self.source.write_bytes(document()[:-20])
        self.assertRaises(ModelError, self.find)


class ProfileTests(SynchronousTestCase):
    def test_only_models_of_the_broadband_forum_have_profiles(self) -> None:
        error = self.assertRaises(ModelError, find_model, "device2", profiles=["Baseline:3"])
        self.assertEqual(error.key, "device.profiles")
        self.assertIn("Broadband Forum", error.reason)
