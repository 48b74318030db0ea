"""Operations on deployment units: UUIDs, targets, fault codes, records, and the policy of reports."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cwmpagent.errors import SoftwareFailure
from cwmpagent.protocol.rpc import InstallOpStruct, UninstallOpStruct, UpdateOpStruct
from cwmpagent.protocol.software.faults import unit_fault
from cwmpagent.protocol.software.operation import Kind, Operation, Outcome, Phase
from cwmpagent.protocol.software.policy import ReportPolicy
from cwmpagent.protocol.software.state import ChangeRequest, SoftwareState
from cwmpagent.protocol.software.targets import check_package, check_state, selected, version_key
from cwmpagent.protocol.software.unit import DeploymentUnit, ExecutionUnit, Package, UnitStatus
from cwmpagent.protocol.software.unit_id import is_uuid, uuid_of_url

UUID = "12345678-1234-4234-8234-123456789abc"
OTHER = "22345678-1234-4234-8234-123456789abc"
URL = "http://files.example/a.tar"
UP = {"linux": True, "off": False}


def unit(duid: str = "1", *, uuid: str = UUID, version: str = "1.0", **members: Any) -> DeploymentUnit:
    package = Package(name="a", version=version, units=(ExecutionUnit("main"),))
    return DeploymentUnit(
        **{"duid": duid, "uuid": uuid, "environment": "linux", "url": URL, "package": package, **members}
    )


class TargetTests(SynchronousTestCase):
    def fault(self, operation: Operation, *units: DeploymentUnit) -> int:
        return self.assertRaises(SoftwareFailure, selected, operation, units, UP).code

    def test_a_uuid_is_checked_and_chosen(self) -> None:
        self.assertTrue(is_uuid(UUID.upper()))
        for wrong in ("", "x", UUID[:-1], UUID + "0", UUID.replace("-", ""), "{" + UUID + "}", UUID + "\n"):
            self.assertFalse(is_uuid(wrong), wrong)
        self.assertEqual(uuid_of_url(URL), str(uuid.uuid5(uuid.NAMESPACE_URL, URL)))

    def test_faults_of_an_installation(self) -> None:
        for members, code in (
            ({"uuid": "not-one"}, 9022),
            ({"url": "gopher://a/"}, 9013),
            ({"url": "file:///etc/passwd"}, 9013),
            ({"url": "http://user:secret@files.example/a"}, 9003),
            ({"url": "http:///a"}, 9003),
            ({"url": "http://[::1/a"}, 9003),
            ({"url": ""}, 9003),
            ({"execution_env_ref": "nowhere"}, 9023),
            ({"execution_env_ref": "off"}, 9024),
        ):
            with self.subTest(members=members):
                self.assertEqual(self.fault(Operation.asked(InstallOpStruct(**{"url": URL, **members}))), code)
        self.assertEqual(
            self.assertRaises(
                SoftwareFailure, selected, Operation.asked(InstallOpStruct(url=URL)), (), {"off": False}
            ).code,
            9024,
        )

    def test_an_installation_gets_its_uuid_and_environment(self) -> None:
        (found,) = selected(Operation.asked(InstallOpStruct(url=URL)), (), UP)
        self.assertEqual((found.uuid, found.environment, found.selected), (uuid_of_url(URL), "linux", True))

    def test_what_an_update_means(self) -> None:
        units = (unit("1"), unit("2", version="2.0"), unit("3", uuid=OTHER, url="http://b.example/"))

        def duids(**members: Any) -> list[str]:
            return [each.duid for each in selected(Operation.asked(UpdateOpStruct(**members)), units, UP)]

        self.assertEqual(duids(), ["1", "2", "3"])
        self.assertEqual(duids(uuid=UUID.upper(), version="2.0"), ["2"])
        self.assertEqual(duids(url="http://b.example/"), ["3"])
        self.assertEqual(duids(uuid=OTHER, url="http://new.example/"), ["3"])
        self.assertEqual(self.fault(Operation.asked(UpdateOpStruct(uuid=UUID)), *units), 9031)
        self.assertEqual(self.fault(Operation.asked(UpdateOpStruct(uuid=UUID, version="9")), *units), 9028)
        self.assertEqual(self.fault(Operation.asked(UpdateOpStruct())), 9028)

    def test_what_an_uninstallation_means(self) -> None:
        units = (unit("1"), unit("2", version="2.0"))
        found = selected(Operation.asked(UninstallOpStruct(uuid=UUID)), units, UP)
        self.assertEqual([(each.duid, each.version) for each in found], [("1", "1.0"), ("2", "2.0")])
        for members, code in (
            ({"uuid": ""}, 9022),
            ({"uuid": "x"}, 9022),
            ({"uuid": OTHER}, 9028),
            ({"version": "3"}, 9028),
            ({"execution_env_ref": "nowhere"}, 9023),
        ):
            with self.subTest(members=members):
                operation = Operation.asked(UninstallOpStruct(**{"uuid": UUID, **members}))
                self.assertEqual(self.fault(operation, *units), code)

    def test_what_a_package_may_be(self) -> None:
        install = Operation(kind=Kind.INSTALL, uuid=UUID, environment="linux", url=URL)
        update = Operation(kind=Kind.UPDATE, uuid=UUID, environment="linux", url=URL, version="1.10")
        for operation, package, code in (
            (install, Package(name="a", version="1.10", environment="java"), 9025),
            (install, Package(name="a", version="1.10"), 9026),
            (update, Package(name="a", version="1.10"), 9032),
            (update, Package(name="a", version="1.9"), 9030),
        ):
            with self.subTest(package=package):
                failed = self.assertRaises(SoftwareFailure, check_package, operation, package, [unit(version="1.10")])
                self.assertEqual(failed.code, code)
        check_package(install, Package(name="a", version="2"), [unit()])
        check_package(update, Package(name="a", version="1.11"), [unit(version="1.10")])
        self.assertLess(version_key("1.2-rc1"), version_key("1.10"))

    def test_a_unit_at_work_is_left_alone(self) -> None:
        self.assertEqual(self.assertRaises(SoftwareFailure, check_state, None).code, 9028)
        busy = unit(status=UnitStatus.UPDATING)
        self.assertEqual(self.assertRaises(SoftwareFailure, check_state, busy).code, 9029)
        self.assertEqual(check_state(unit()), unit())

    def test_codes_of_transfers(self) -> None:
        given = (9001, 9002, 9010, 9012, 9014, 9015, 9018, 9019, 9020, 9032, 9800)
        self.assertEqual(
            [unit_fault(code) for code in given], [9001, 9001, 9017, 9012, 9015, 9015, 9018, 9018, 9017, 9032, 9001]
        )


class RecordTests(SynchronousTestCase):
    def test_what_is_saved_comes_back(self) -> None:
        asked = Operation.asked(InstallOpStruct(url=URL, uuid=UUID, username="u", password="p"))
        done = asked.done(Outcome(uuid=UUID, state="Installed", version="1"))
        self.assertEqual((done.username, done.password), ("", ""))
        state = SoftwareState((unit(),), (), 7, frozenset({"off"}))
        state = state.added(ChangeRequest("k", (asked, done), acs="a")).added(ChangeRequest(None, (done,), True))
        self.assertEqual(SoftwareState.restored(state.record()), state)
        self.assertEqual(state.next_step(), (1, 0))
        self.assertEqual(state.without_request(1).requests, state.requests[1:])
        self.assertEqual(state.without_request(1).added(state.requests[0]).requests[1].number, 3)
        self.assertNotIn("'p'", repr(asked))

    def test_damage_is_an_error(self) -> None:
        good = json.loads(SoftwareState((unit(),)).added(ChangeRequest("k", (Operation(kind=Kind.INSTALL),))).record())
        for name in good:
            with self.subTest(name=name):
                self.assertRaises(ValueError, SoftwareState.restored, json.dumps({**good, name: 5.5}))
        for text in ("", "[]", "{}", "[" * 100000):
            with self.subTest(text=text[:5]):
                self.assertRaises(ValueError, SoftwareState.restored, text)
        good["requests"][0]["operations"][0]["phase"] = "done"
        self.assertRaises(ValueError, SoftwareState.restored, json.dumps(good))

    def test_an_update_keeps_what_was_set(self) -> None:
        stopped = unit().with_unit(ExecutionUnit("main", auto_start=False))
        new = Package(name="a", version="2", units=(ExecutionUnit("main"), ExecutionUnit("new")))
        self.assertEqual(
            stopped.updated(new, "http://n/").package.units,
            (ExecutionUnit("main", False), ExecutionUnit("new")),
        )

    def test_the_policy(self) -> None:
        good = Operation(kind=Kind.INSTALL, phase=Phase.DONE, outcome=Outcome())
        bad = replace(good, outcome=Outcome(code=9018))
        every = ReportPolicy(enable=True, operations=frozenset({"Install"}), fault_codes=frozenset({"9018"}))
        for policy, expected in (
            (every, (True, True)),
            (replace(every, enable=False), (False, False)),
            (replace(every, operations=frozenset()), (False, False)),
            (replace(every, operations=frozenset({"Update"})), (False, False)),
            (replace(every, results="Success"), (True, False)),
            (replace(every, results="Failure"), (False, True)),
            (replace(every, fault_codes=frozenset()), (True, False)),
            (replace(every, fault_codes=frozenset({"9017"})), (True, False)),
        ):
            with self.subTest(policy=policy):
                self.assertEqual((policy.reports(good), policy.reports(bad)), expected)
