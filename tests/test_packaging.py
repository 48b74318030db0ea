"""The installed package: the wheel has every file, and twistd finds the plugin in it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import twisted
from twisted.trial.unittest import SynchronousTestCase

from tests.skips import CHECKOUT

PLUGINS = """
from twisted.application.service import IServiceMaker
from twisted.plugin import getPlugins
for plugin in getPlugins(IServiceMaker):
    if plugin.module.startswith("cwmpagent"):
        plugin.options, plugin.makeService
        print(plugin.tapname, plugin.module)
import cwmpagent
print(cwmpagent.__file__)
"""


def installed(package: str, directory: Path) -> set[str]:
    """The files of a package that the wheel must have."""
    return {
        str(path.relative_to(directory))
        for path in (directory / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


class WheelTests(SynchronousTestCase):
    def test_an_installed_wheel_offers_its_commands(self) -> None:
        work = Path(self.mktemp()).absolute()
        source, target = work / "source", work / "target"
        ignore = shutil.ignore_patterns("__pycache__", "dropin.cache")
        for name in ("cwmpagent", "twisted"):
            shutil.copytree(CHECKOUT / name, source / name, ignore=ignore)
        for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
            shutil.copy(CHECKOUT / name, source)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "wheel", "--no-cache-dir"]
        built = subprocess.run(
            [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(work), str(source)],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(built.returncode, 0, built.stderr)
        (wheel,) = work.glob("*.whl")
        zipfile.ZipFile(wheel).extractall(target)

        self.assertEqual(installed("cwmpagent", target), installed("cwmpagent", CHECKOUT))
        self.assertEqual(installed("twisted", target), {"twisted/plugins/cwmpagent_plugin.py"})
        # -S: no .pth of this environment may put the checkout on the path
        libraries = Path(twisted.__file__).parent.parent
        program = f"import sys; sys.path[1:1] = [{str(target)!r}, {str(libraries)!r}]\n{PLUGINS}"
        found = subprocess.run(
            [sys.executable, "-S", "-B", "-c", program], cwd=work, capture_output=True, text=True, check=False
        )
        self.assertEqual(found.returncode, 0, found.stderr)
        *commands, origin = found.stdout.splitlines()
        self.assertEqual(sorted(commands), ["cwmpagent cwmpagent.tap", "cwmplab cwmpagent.lab.tap"])
        self.assertEqual(origin, str(target / "cwmpagent" / "__init__.py"))

    def test_dependencies_are_those_that_the_architecture_explains(self) -> None:
        setup = (CHECKOUT / "setup.py").read_text(encoding="utf-8")
        requires = re.search(r"install_requires=\[(.*?)\]\s*,\s*extras", setup, re.DOTALL)
        assert requires is not None
        names = [re.match(r"[\w-]+", item)[0] for item in re.findall(r'"([^"]+)"', requires[1])]  # type: ignore[index]
        self.assertEqual(len(names), 6)
        document = (CHECKOUT / "docs" / "architecture.md").read_text(encoding="utf-8")
        for name in names:
            self.assertIn(f"| {name} |", document)


class ReadmeTests(SynchronousTestCase):
    def test_the_rpcs_it_promises_are_those_that_are_registered(self) -> None:
        registered = set()
        for path in (CHECKOUT / "cwmpagent" / "agent").rglob("*.py"):
            registered |= set(re.findall(r"(?:dispatcher|self)\.register\((\w+),", path.read_text(encoding="utf-8")))
        readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
        promised = re.search(r"(?m)^\| carried out \| (.*), and a vendor's own", readme)
        optional = re.search(r"(?m)^\| carried out with [^|]* \| (\w+) \|", readme)
        assert promised is not None and optional is not None
        self.assertEqual({*promised[1].split(", "), optional[1]}, registered - {"rpc"})


class MakeTests(SynchronousTestCase):
    def commands(self, *arguments: str) -> str:
        """The commands that make would run, with the environment ready."""
        run = subprocess.run(
            ["make", "--dry-run", "--old-file=.venv/ready", *arguments],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(run.returncode, 0, run.stderr)
        return run.stdout

    def test_demo_may_end_by_itself(self) -> None:
        self.assertIn("cwmpagent.lab.demo --once", self.commands("demo", "ONCE=1"))
        self.assertNotIn("--once", self.commands("demo"))
        self.assertNotIn("--once", self.commands("demo", "ONCE=0"))

    def test_ci_ends_as_make_does(self) -> None:
        script = (CHECKOUT / ".ci" / "run").read_text(encoding="utf-8")
        self.assertIn("\nset -euo pipefail\n", script)
        self.assertEqual(script.splitlines()[-1], "exec make test")
        self.assertTrue((CHECKOUT / ".ci" / "run").stat().st_mode & 0o100)


class UnitTests(SynchronousTestCase):
    """The systemd unit: it is valid, and passwords do not appear in the process list."""

    unit = (CHECKOUT / "etc" / "cwmpagent.service").read_text(encoding="utf-8")

    def test_it_is_a_service_that_systemd_understands(self) -> None:
        for line in ("Type=exec", "User=cwmpagent", "StateDirectory=cwmpagent", "NoNewPrivileges=yes"):
            self.assertIn(f"\n{line}\n", self.unit)
        if shutil.which("systemd-analyze") is None:
            return
        copy = Path(self.mktemp()).with_suffix(".service").absolute()
        copy.write_text(self.unit.replace("/opt/cwmpagent/bin/twistd", "/bin/true"), encoding="utf-8")
        run = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    def test_passwords_come_as_credentials(self) -> None:
        self.assertEqual(
            re.findall(r"(?m)^LoadCredential=(\w+):", self.unit), ["acs_password", "connection_request_password"]
        )
        for line in re.findall(r"(?m)^Exec\w+=.*$", self.unit):
            self.assertNotIn("password", line)
