"""What linters cannot see: floors, sizes, no world in systems, no file that nobody needs."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "windtunnel"
FLOORS = {
    "base": 0,
    "runtime": 1,
    "histories": 1,
    "batteries": 1,
    "resilience": 1,
    "quant": 1,
    "systems": 2,
    "sim": 2,
    "live": 2,
    "faults": 2,
    "checkers": 2,
    "traffic": 2,
    "reports": 2,
    "foreign": 2,
    "scenarios": 3,
    "generators": 3,
    "calculators": 3,
    "testing": 4,
    "labs": 5,
    "learn": 6,
    "cli": 7,
    "studio": 7,
}
WORLD = {"time", "random", "socket", "os", "uuid", "secrets", "threading", "datetime", "subprocess", "pathlib"}
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 600
SYSTEM_LINES_MAX = 400
# A module above the limit, with the reason why splitting it would make it worse.
LONGER_FOR_A_REASON: dict[str, str] = {}

# What a lab hands out and what grades it are content: they are loaded by their path, never imported by the package.
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "catalogue" not in p.relative_to(PACKAGE).parts[:2])


def floor_of(path):
    relative = path.relative_to(PACKAGE)
    return relative.parts[0] if len(relative.parts) > 1 else None


def imported(tree):
    """Every module that a file imports, at any nesting, as dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path):
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_down(path):
    """A package imports only packages of lower floors, and itself."""
    mine = floor_of(path)
    if mine is None:
        return
    for module in imported(parsed(path)):
        parts = module.split(".")
        if parts[0] == "windtunnel" and len(parts) > 1 and parts[1] != mine and not parts[1].startswith("__"):
            assert FLOORS[parts[1]] < FLOORS[mine], f"{name(path)} (floor {FLOORS[mine]}) may not import {module}"


@pytest.mark.parametrize("path", [p for p in MODULES if floor_of(p) == "systems" and p.parent.name != "systems"], ids=name)
def test_systems_see_no_world(path):
    """A system imports no clock, dice, socket, file or process: only `base`, and `asyncio` in a procedure."""
    roots = {module.split(".")[0] for module in imported(parsed(path))}
    assert not roots & WORLD, f"{name(path)} imports {sorted(roots & WORLD)}"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_fit_a_screen_and_modules_a_sitting(path):
    """No function over 70 lines; modules within the limit of their floor unless a reason is given here."""
    text = path.read_text(encoding="utf-8")
    limit = SYSTEM_LINES_MAX if floor_of(path) == "systems" else MODULE_LINES_MAX
    lines = text.count("\n")
    assert lines <= limit or name(path) in LONGER_FOR_A_REASON, f"{name(path)} has {lines} lines"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = node.end_lineno - node.lineno + 1
            assert length <= FUNCTION_LINES_MAX, f"{name(path)}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_simulated_code_draws_from_streams_only(path):
    """The `random` module is used where seeded streams are made, and where simulated hosts get a `random` module of their own."""
    if name(path) == "base/streams.py" or name(path).startswith("sim/ambient/"):
        return
    if floor_of(path) in {"base", "systems", "sim", "faults", "traffic", "checkers", "histories"}:
        assert "random" not in set(imported(parsed(path))), f"{name(path)} imports random"


def test_every_module_is_used():
    """A module that no other file names is dead."""
    sources = [
        *PACKAGE.rglob("*.py"),
        *(ROOT / "tests").rglob("*.py"),
        *(ROOT / "benchmarks").rglob("*.py"),
        ROOT / "pyproject.toml",
    ]
    namers = {}
    for source in sources:
        for word in set(re.findall(r"\w+", source.read_text(encoding="utf-8"))):
            namers.setdefault(word, set()).add(source)
    for path in MODULES:
        if path.name in {"__init__.py", "__main__.py"} or floor_of(path) == "systems":
            continue  # systems are found by scanning
        assert namers.get(path.stem, set()) - {path}, f"nobody names {name(path)}"


def test_no_unfinished_marks_and_no_versions_in_names():
    """No TODO, no stub, no second version of a thing beside the first."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")
    versions = re.compile(r"(_v\d|_new|_old|V\d$|Manager$|Helper$|Utils$)")
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        found = marks.search(text)
        assert found is None, f"{name(path)}: {found[0] if found else ''}"
        assert not versions.search(path.stem), name(path)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                assert not versions.search(node.name), f"{name(path)}: {node.name}"


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda p: str(p.relative_to(ROOT)))
def test_tests_say_what_must_be_true(path):
    """Every test has a docstring: one sentence that states the fact it checks."""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            assert ast.get_docstring(node), f"{path.relative_to(ROOT)}: {node.name} has no docstring"


def test_assertions_are_on():
    """Invariants are assertions: running with -O is unsupported."""
    assert __debug__


def test_test_files_have_names_of_their_own():
    """Pytest imports test files by their base name: two of one name cannot run together."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(set(names)) == sorted(names)
