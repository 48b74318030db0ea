"""The program of ``[hooks] images``: what it prints, what it is asked, and its failures."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase, TestCase

from cwmpagent.device.files.hook_images import HookImages, image_set
from cwmpagent.errors import CwmpFault
from cwmpagent.protocol.transfers.firmware_image import ImageStatus

A = {"slot": "a", "version": "1.0", "active": True, "boot": True}
B = {"slot": "b", "name": "old", "status": "NoImage", "available": False, "target": True, "failure": "x" * 1000}


class OutputTests(SynchronousTestCase):
    def test_two_images(self) -> None:
        images = image_set([json.dumps(A), json.dumps(B)])
        self.assertEqual((images.active, images.boot, images.target), ("a", "a", "b"))
        a, b = images.images
        self.assertEqual((a.version, a.status, a.available, a.name), ("1.0", ImageStatus.AVAILABLE, True, ""))
        self.assertEqual((b.name, b.status, b.available, b.failure), ("old", ImageStatus.NO_IMAGE, False, "x" * 1000))

    def test_wrong_output(self) -> None:
        for lines, reason in (
            ([], "exactly one image must have active"),
            (["no JSON"], "Expecting value"),
            (["[]"], "line 1 is no JSON object"),
            (["[" * 4000], ""),
            ([json.dumps(A), json.dumps(A | {"slot": "b"})], "exactly one image must have active"),
            ([json.dumps(A), json.dumps(A | {"active": False, "boot": False})], "slots of different names"),
            ([json.dumps(A | {"boot": False})], "exactly one image must have boot"),
            ([json.dumps(A | {"status": "Fine"})], "line 1.status must be one of NoImage, Active"),
            ([json.dumps(A | {"slot": 1})], "line 1.slot must be a string"),
            ([json.dumps(A | {"available": "yes"})], "line 1.available must be true or false"),
            ([json.dumps(A | {"colour": "red"})], "line 1.colour is unknown"),
            ([json.dumps(A | {"version": "1" * 65})], "as short"),
        ):
            with self.subTest(lines=lines):
                error = self.assertRaises((ValueError, RecursionError), image_set, lines)
                self.assertIn(reason, str(error))


class HookImagesTests(TestCase):
    timeout = 60

    def setUp(self) -> None:
        self.asked = Path(self.mktemp()).absolute()

    def hook(self, script: str, seconds: float = 30) -> HookImages:
        return HookImages(reactor, ("/bin/sh", "-c", script), {"PATH": "/bin:/usr/bin"}, seconds)

    async def failure(self, work: Coroutine[Deferred[Any], Any, Any]) -> CwmpFault:
        error = await self.assertFailure(Deferred.fromCoroutine(work), CwmpFault)
        assert isinstance(error, CwmpFault)
        return error

    async def test_images(self) -> None:
        images = await self.hook(f"echo '{json.dumps(A)}'; echo '{json.dumps(B)}'").images()
        self.assertEqual([image.slot for image in images.images], ["a", "b"])

    async def test_what_is_asked(self) -> None:
        hook = self.hook(f'echo "$CWMP_BOOT_IMAGE|$CWMP_IMAGE|$CWMP_AVAILABLE" >> {self.asked}')
        await hook.boot_next("b $(exit 1)")
        await hook.make_available("b", available=False)
        await hook.make_available("b", available=True)
        self.assertEqual(self.asked.read_text().splitlines(), ["b $(exit 1)||", "|b|false", "|b|true"])

    async def test_refusals_and_failures(self) -> None:
        for work, code, text in (
            (self.hook("echo one; echo not that one; exit 3").boot_next("b"), 9007, "not that one"),
            (self.hook("exit 3").make_available("b", available=True), 9007, "hooks.images ended with status 3"),
            (self.hook("exit 3").images(), 9002, "hooks.images ended with status 3"),
            (self.hook("kill -9 $$").images(), 9002, "hooks.images ended with status -9"),
            (self.hook("echo nonsense").images(), 9002, "the output of hooks.images is wrong: "),
            (self.hook("sleep 60", 0.1).images(), 9002, "has not ended within 0.1 s"),
            (self.hook("yes | head -c 10000000").images(), 9002, "the output of hooks.images is wrong: "),
            (HookImages(reactor, ("/no/such",), {}).images(), 9002, "cannot be started: No such file"),
        ):
            error = await self.failure(work)
            self.assertEqual(error.code, code, error.text)
            self.assertIn(text, error.text)
