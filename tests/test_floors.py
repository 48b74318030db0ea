"""Structural rules of the code: imports between rooms, imports of floor 0, names, module-level state."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from twisted.trial.unittest import SynchronousTestCase

from tests.skips import CHECKOUT

PACKAGE = CHECKOUT / "cwmpagent"
ALONE = frozenset({"errors", "values", "faults", "records", "typed_members", "gradual"})
PURE = frozenset({"protocol", "datamodel"})
WORLD = frozenset({"transport", "device", "store"})
BEHAVIOUR = frozenset({"agent"})

PROTOCOL: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "rpc": frozenset(),
        "agenda": frozenset(),
        "auth": frozenset(),
        "stun": frozenset(),
        "software": frozenset({"rpc", "agenda", "transfers"}),
        "transfers": frozenset({"rpc", "agenda"}),
        "url_host": frozenset(),
        "masking": frozenset({"rpc"}),
        "soap": frozenset({"rpc"}),
        "session": frozenset({"rpc", "soap", "masking"}),
        "lightweight_notification": frozenset({"rpc", "soap"}),
        "connection_request": frozenset({"auth"}),
        "kick": frozenset({"rpc"}),
    }
)
"""Each room of ``protocol/``, and the rooms beside it that it may import; a new room needs a row."""

IMPURE_MODULES = """
    asyncio io multiprocessing os pathlib psutil random secrets select selectors shutil signal socket ssl sqlite3
    subprocess tempfile threading time treq twisted urllib.request uuid
"""
IMPURE = frozenset(IMPURE_MODULES.split())
TYPES_ONLY = frozenset({("random", "Random")})
"""A class whose instances may be passed to floor 0."""
CLOCKS = frozenset({"now", "utcnow", "today"})

WORDS_THAT_SAY_NOTHING = "util utils helper helpers manager handler handlers processor engine common misc"
EMPTY_WORDS = frozenset(WORDS_THAT_SAY_NOTHING.split())
MUTABLE_TYPES = "list dict set bytearray defaultdict OrderedDict deque Counter ChainMap WeakValueDictionary"
MUTABLE = frozenset(MUTABLE_TYPES.split())
FORMS = frozenset({"__all__", "__slots__", "optFlags", "optParameters", "subCommands"})
"""Lists that Python and Twisted's ``usage.Options`` require."""
CHANGING_METHODS = "append appendleft add clear discard extend insert pop popitem popleft remove setdefault sort update"
CHANGING = frozenset(CHANGING_METHODS.split())


@dataclass(frozen=True)
class Module:
    """One parsed module: ``name`` is dotted and begins with ``cwmpagent``."""

    name: str
    tree: ast.Module
    package: bool

    @property
    def room(self) -> str:
        """The first part below the package; empty for the package itself."""
        return self.name.partition(".")[2].partition(".")[0]

    def imports(self) -> Iterator[tuple[str, str]]:
        """Every absolute (module, name) imported anywhere in it; ``import x`` has the name ''."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield alias.name, ""
            elif isinstance(node, ast.ImportFrom):
                origin = node.module or ""
                if node.level:
                    parts = self.name.split(".")
                    parts = parts[: len(parts) - node.level + self.package]
                    origin = ".".join([*parts, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield origin, alias.name


def parsed(name: str, source: str) -> Module:
    return Module(name.removesuffix(".__init__"), ast.parse(source), name.endswith(".__init__"))


@cache
def modules() -> list[Module]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(CHECKOUT).with_suffix("").parts)
        found.append(parsed(name, path.read_text(encoding="utf-8")))
    return found


def allowed_rooms(room: str) -> frozenset[str] | None:
    """The rooms that ``room`` may import; None: no limit (floor 3)."""
    if room in ALONE:
        return frozenset()
    if room in PURE:
        return ALONE | {room}
    if room in WORLD or room in BEHAVIOUR:
        return ALONE | PURE | {room}
    return None


def ours(module: Module) -> Iterator[str]:
    """Modules and packages of the project that ``module`` imports, by dotted name."""
    for origin, name in module.imports():
        if origin.partition(".")[0] == "cwmpagent":
            yield f"{origin}.{name}" if f"{origin}.{name}" in names() else origin


@cache
def names() -> frozenset[str]:
    return frozenset(module.name for module in modules())


def wrong_imports(module: Module) -> list[str]:
    """Every import of a room above or beside."""
    allowed = allowed_rooms(module.room)
    if allowed is None:
        return []
    wrong = []
    for origin, name in module.imports():
        if origin.partition(".")[0] != "cwmpagent":
            continue
        room = origin.partition(".")[2].partition(".")[0] or name
        if room not in allowed:
            wrong.append(f"{module.name} imports {origin} {name}".rstrip())
    return wrong


def wrong_in_protocol(module: Module) -> list[str]:
    """Every import between two rooms of ``protocol/`` that the table does not list."""
    if not module.name.startswith("cwmpagent.protocol."):
        return []
    room = module.name.split(".")[2]
    if room not in PROTOCOL:
        return [f"{module.name} is in no room of the table"]
    used = {name.split(".")[2] for name in ours(module) if name.startswith("cwmpagent.protocol.")}
    return [f"{module.name} uses {other}" for other in sorted(used - PROTOCOL[room] - {room})]


def exported(package: Module) -> frozenset[str]:
    """The names in ``__all__`` of a package: its own names, and its modules that others may import."""
    for node in package.tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def unexported(module: Module, packages: Mapping[str, frozenset[str]]) -> list[str]:
    """Every import of a module that a package around it, but not around the importer, does not export."""
    wrong = []
    for name in ours(module):
        parts = name.split(".")
        for count in range(2, len(parts)):
            package = ".".join(parts[:count])
            inside = f"{module.name}.".startswith(f"{package}.")
            if not inside and parts[count] not in packages.get(package, frozenset()):
                wrong.append(f"{module.name} imports {name}, which {package} does not export")
    return wrong


def rooms_of(found: Iterable[Module]) -> dict[str, dict[str, set[str]]]:
    """For each package: the imports between the modules and packages directly in it.

    An import under ``TYPE_CHECKING`` or inside a function counts, too. The ``__init__`` of a package belongs to none of
    the rooms inside it; it belongs to the package as a room of the one around it.
    """
    graph: dict[str, dict[str, set[str]]] = {}
    for module in found:
        for name in ours(module):
            here, there = module.name.split("."), name.split(".")
            shared = 0
            while shared < min(len(here), len(there)) and here[shared] == there[shared]:
                shared += 1
            if shared < len(here) and shared < len(there):
                package = ".".join(here[:shared])
                graph.setdefault(package, {}).setdefault(here[shared], set()).add(there[shared])
    return graph


def circles(graph: Mapping[str, set[str]]) -> list[str]:
    """The rooms that depend on themselves, each with the rooms of its cycle."""
    found = []
    for start in sorted(graph):
        reached: dict[str, str] = {}
        waiting = [(room, start) for room in graph[start]]
        while waiting:
            room, by = waiting.pop()
            if room not in reached:
                reached[room] = by
                waiting += [(other, room) for other in graph.get(room, ())]
        if start in reached:
            way = [start]
            while (before := reached[way[-1]]) != start:
                way.append(before)
            found.append(" <- ".join([*way, start]))
    return found


def impurities(module: Module) -> list[str]:
    """The imports and names in a module of floor 0 that are not allowed there."""
    if module.room not in ALONE | PURE:
        return []
    wrong = []
    for origin, name in module.imports():
        known = {origin, origin.partition(".")[0], f"{origin}.{name}"}
        if known & IMPURE and (origin, name) not in TYPES_ONLY:
            wrong.append(f"{module.name} imports {origin} {name}".rstrip())
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name) and node.func.id in ("open", "input", "print"):
            wrong.append(f"{module.name}:{node.lineno} calls {node.func.id}()")
        if isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS:
            wrong.append(f"{module.name}:{node.lineno} reads a clock: .{node.func.attr}()")
    return wrong


def is_mutable(value: ast.expr | None) -> bool:
    if isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    if isinstance(value, ast.Call):
        called = value.func
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        return name in MUTABLE
    return False


def is_constant(target: ast.Name) -> bool:
    """Whether the name is in capitals, so that no code may change it; :func:`changes` finds changes."""
    return target.id.isupper() or target.id in FORMS


def mutable_state(module: Module) -> list[str]:
    """Mutable values of a module or class."""
    wrong = []
    bodies = [module.tree.body, *(node.body for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef))]
    for statement in (statement for body in bodies for statement in body):
        if isinstance(statement, ast.Assign):
            targets = [target for target in statement.targets if isinstance(target, ast.Name)]
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target] if isinstance(statement.target, ast.Name) else []
        else:
            continue
        if is_mutable(statement.value):
            wrong += [
                f"{module.name}:{target.lineno} {ast.unparse(target)} can be changed"
                for target in targets
                if not is_constant(target)
            ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Global):
            wrong.append(f"{module.name}:{node.lineno} global {', '.join(node.names)}")
    return wrong


def changes(module: Module) -> list[str]:
    """Changes, inside a function, of constants of this or another module."""
    functions = [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    wrong = set()
    for node in (node for function in functions for node in ast.walk(function)):
        changed: list[ast.expr] = []
        if isinstance(node, ast.Assign | ast.Delete):
            changed = [target.value for target in node.targets if isinstance(target, ast.Subscript | ast.Attribute)]
        elif isinstance(node, ast.AugAssign):
            changed = [node.target.value if isinstance(node.target, ast.Subscript) else node.target]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            changed = [node.func.value]
        for value in changed:
            name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
            if name.isupper():
                wrong.add(f"{module.name}:{node.lineno} changes {name}")
    return sorted(wrong)


def reactor_imports(module: Module) -> list[str]:
    """Imports of the global reactor; only a function of floor 3 may have one."""
    body = ast.walk(module.tree)
    if allowed_rooms(module.room) is None:
        functions = {
            inner
            for node in ast.walk(module.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            for inner in ast.walk(node)
        }
        body = (node for node in ast.walk(module.tree) if node not in functions)
    return [
        f"{module.name}:{node.lineno} imports the reactor"
        for node in body
        if isinstance(node, ast.ImportFrom)
        and node.module == "twisted.internet"
        and any(alias.name == "reactor" for alias in node.names)
    ]


class FloorTests(SynchronousTestCase):
    def test_a_room_imports_its_own_floor_and_those_below(self) -> None:
        self.assertEqual([line for module in modules() for line in wrong_imports(module)], [])

    def test_rooms_of_protocol_use_those_of_the_table(self) -> None:
        self.assertEqual([line for module in modules() for line in wrong_in_protocol(module)], [])
        rooms = {name.split(".")[2] for name in names() if name.startswith("cwmpagent.protocol.")}
        self.assertEqual(rooms, set(PROTOCOL))

    def test_there_is_no_circle(self) -> None:
        graphs = rooms_of(modules())
        self.assertGreater(sum(len(used) for graph in graphs.values() for used in graph.values()), 200)
        self.assertEqual([f"{package}: {line}" for package, graph in graphs.items() for line in circles(graph)], [])

    def test_a_module_is_used_from_outside_where_its_package_exports_it(self) -> None:
        packages = {module.name: exported(module) for module in modules() if module.package}
        self.assertEqual([line for module in modules() for line in unexported(module, packages)], [])

    def test_every_package_says_what_it_is_for(self) -> None:
        self.assertEqual([m.name for m in modules() if m.package and not ast.get_docstring(m.tree)], [])

    def test_what_a_package_exports_is_there(self) -> None:
        for module in modules():
            if module.package and module.name != "cwmpagent":
                own = {
                    alias.asname or alias.name
                    for n in module.tree.body
                    if isinstance(n, ast.ImportFrom)
                    for alias in n.names
                }
                own |= {node.name for node in module.tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
                missing = {name for name in exported(module) - own if f"{module.name}.{name}" not in names()}
                self.assertEqual(missing, set(), module.name)

    def test_floor_0_knows_no_world(self) -> None:
        self.assertEqual([line for module in modules() for line in impurities(module)], [])

    def test_nothing_at_module_or_class_level_can_change(self) -> None:
        self.assertEqual([line for module in modules() for line in mutable_state(module)], [])

    def test_nobody_changes_a_constant(self) -> None:
        self.assertEqual([line for module in modules() for line in changes(module)], [])

    def test_the_reactor_is_an_argument(self) -> None:
        self.assertEqual([line for module in modules() for line in reactor_imports(module)], [])

    def test_names_of_modules_say_something(self) -> None:
        names = {part for module in modules() for part in module.name.replace(".", "_").split("_")}
        self.assertEqual(names & EMPTY_WORDS, set())

    def test_there_is_a_house_to_walk(self) -> None:
        rooms = {module.room for module in modules()}
        self.assertLessEqual(ALONE | PURE | WORLD | BEHAVIOUR, rooms)


class WalkTests(SynchronousTestCase):
    """Tests of the checks themselves."""

    def test_wrong_imports(self) -> None:
        for name, source in (
            ("cwmpagent.errors", "import cwmpagent.values"),
            ("cwmpagent.protocol.soap", "from cwmpagent.datamodel import tree"),
            ("cwmpagent.protocol.soap", "from cwmpagent import datamodel"),
            ("cwmpagent.protocol.soap", "from ..datamodel.tree import Tree"),
            ("cwmpagent.protocol.__init__", "from ..store import memory"),
            ("cwmpagent.transport.http.acs_client", "from cwmpagent.store.memory import MemoryStore"),
            ("cwmpagent.store.memory", "def late():\n    import cwmpagent.agent.ports"),
            ("cwmpagent.agent.session.driver", "from cwmpagent.transport.http.acs_client import AcsClient"),
            ("cwmpagent.agent.session.driver", "from cwmpagent import Agent"),
        ):
            with self.subTest(name=name, source=source):
                self.assertEqual(len(wrong_imports(parsed(name, source))), 1)

    def test_right_imports(self) -> None:
        for name, source in (
            ("cwmpagent.protocol.soap", "from . import rpc\nfrom .rpc import Inform\nfrom ..errors import PeerError"),
            ("cwmpagent.protocol.__init__", "from .rpc import Inform"),
            ("cwmpagent.agent.rpcs.objects", "from ..ports import Store\nfrom cwmpagent.protocol import rpc"),
            ("cwmpagent.runtime.agent_runtime", "from cwmpagent.store.memory import MemoryStore"),
        ):
            with self.subTest(name=name, source=source):
                self.assertEqual(wrong_imports(parsed(name, source)), [])

    def test_wrong_rooms_of_protocol(self) -> None:
        for name, source, count in (
            ("cwmpagent.protocol.soap.reader", "from cwmpagent.protocol.session import Session", 1),
            ("cwmpagent.protocol.soap.reader", "from cwmpagent.protocol import session", 1),
            ("cwmpagent.protocol.soap.reader", "from cwmpagent.protocol.rpc import Inform", 0),
            ("cwmpagent.protocol.unheard_of", "", 1),
        ):
            with self.subTest(name=name, source=source):
                self.assertEqual(len(wrong_in_protocol(parsed(name, source))), count)

    def test_circles(self) -> None:
        self.assertEqual(circles({"a": {"b"}, "b": {"c"}, "c": set()}), [])
        self.assertEqual(circles({"a": {"b"}, "b": {"a"}, "c": {"a"}}), ["a <- b <- a", "b <- a <- b"])
        hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from cwmpagent.datamodel.tree import Tree"
        graph = rooms_of(
            [
                parsed("cwmpagent.datamodel.plan", hidden),
                parsed("cwmpagent.datamodel.tree", "def late():\n    from cwmpagent.datamodel.plan import Plan"),
            ]
        )
        self.assertEqual(len(circles(graph["cwmpagent.datamodel"])), 2)

    def test_unexported(self) -> None:
        packages = {"cwmpagent.store": frozenset({"durable"})}
        for name, source, count in (
            ("cwmpagent.embedding.service", "from cwmpagent.store.writer import Writer", 1),
            ("cwmpagent.embedding.service", "from cwmpagent.store.durable import Store", 0),
            ("cwmpagent.embedding.service", "from cwmpagent.store import Store", 0),
            ("cwmpagent.store.durable", "from cwmpagent.store.writer import Writer", 0),
        ):
            with self.subTest(name=name, source=source):
                self.assertEqual(len(unexported(parsed(name, source), packages)), count)

    def test_impurities(self) -> None:
        for source in (
            "import time",
            "import os.path",
            "from random import random",
            "from twisted.internet import defer",
            "import datetime\ndatetime.datetime.now()",
            "open('x')",
        ):
            with self.subTest(source=source):
                self.assertEqual(len(impurities(parsed("cwmpagent.values", source))), 1)
        self.assertEqual(impurities(parsed("cwmpagent.protocol.agenda", "from random import Random")), [])
        self.assertEqual(impurities(parsed("cwmpagent.store.files", "import os")), [])

    def test_mutable_state(self) -> None:
        for source in ("a = []", "a: dict[str, int] = {}", "class A:\n    a = set()", "def f():\n    global a"):
            with self.subTest(source=source):
                self.assertEqual(len(mutable_state(parsed("cwmpagent.x", source))), 1)
        for source in ("a = ()", "A: dict[str, int] = {}", "a = MappingProxyType({})", "__all__ = ['x']"):
            with self.subTest(source=source):
                self.assertEqual(mutable_state(parsed("cwmpagent.x", source)), [])

    def test_changes(self) -> None:
        for source in ("A['x'] = 1", "del A[0]", "A += [1]", "A.append(1)", "other._A.update(x=1)", "other.A[1] = 2"):
            with self.subTest(source=source):
                self.assertEqual(len(changes(parsed("cwmpagent.x", f"def f():\n    {source}"))), 1)
        for source in ("a.append(A)", "a = A[1]", "self.a[A] = 1"):
            with self.subTest(source=source):
                self.assertEqual(changes(parsed("cwmpagent.x", f"def f():\n    {source}")), [])

    def test_reactor(self) -> None:
        late = "def f():\n    from twisted.internet import reactor"
        self.assertEqual(reactor_imports(parsed("cwmpagent.tap", late)), [])
        self.assertEqual(len(reactor_imports(parsed("cwmpagent.store.x", late))), 1)
        self.assertEqual(len(reactor_imports(parsed("cwmpagent.tap", "from twisted.internet import reactor"))), 1)


def tracked() -> list[str]:
    """Every file of the project by its path in the checkout."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True).stdout
    return [name for name in listed.decode().split("\0") if name and (CHECKOUT / name).is_file()]


WIDEST = 120
"""Maximum number of columns of a line of Markdown outside tables and code."""


def wide_lines(text: str) -> list[int]:
    """Numbers of the lines that are too long in a Markdown text, outside tables and code blocks."""
    wide = []
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code and not line.startswith("|") and len(line) > WIDEST:
            wide.append(number)
    return wide


class TextTests(SynchronousTestCase):
    def test_no_file_tells_of_the_machine_it_was_written_on(self) -> None:
        names = tracked()
        self.assertIn("setup.py", names)
        machine = ["/wo" + "rk/", "/ro" + "ot/"]
        hosts = [name + end for name, end in (("pypi", ".org"), ("pythonhosted", ".org"), ("npmjs", ".org"))]
        found = []
        for name in names:
            content = (CHECKOUT / name).read_bytes()
            found += [f"{name} has {word}" for word in (*machine, *hosts) if word.encode() in content]
        self.assertEqual(found, [])

    def test_every_link_between_the_documents_leads_somewhere(self) -> None:
        documents = [CHECKOUT / name for name in tracked() if name.endswith(".md")]
        broken = [
            f"{document.name} links to {link}"
            for document in documents
            for link in re.findall(r"\]\(([^):#]+)\)", document.read_text(encoding="utf-8"))
            if not (document.parent / link).exists()
        ]
        self.assertEqual(broken, [])

    def test_lines_of_markdown_have_120_columns(self) -> None:
        documents = [CHECKOUT / name for name in tracked() if name.endswith(".md")]
        self.assertGreater(len(documents), 10)
        wide = [
            f"{document.name}:{number}"
            for document in documents
            for number in wide_lines(document.read_text(encoding="utf-8"))
        ]
        self.assertEqual(wide, [])

    def test_wide_lines_are_seen_outside_tables_and_code(self) -> None:
        long = "x" * (WIDEST + 1)
        self.assertEqual(wide_lines(f"{long}\n| {long} |\n```\n{long}\n```\n- {long}\n{long[1:]}"), [1, 6])
