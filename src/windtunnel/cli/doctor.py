"""Say what this machine has and lacks, and whether windtunnel works on it.

Exit code 0 if it does: everything marked `missing` is optional. 2 if it does not.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from windtunnel import __version__
from windtunnel.base.errors import UsageError
from windtunnel.cli.flags import Parser, add_store_flags, store_of
from windtunnel.cli.output import CODES, say_json, table

EXAMPLES = """\
  windtunnel doctor
  windtunnel doctor --json"""

JSON = "`windtunnel`, `verdict`, `usable`, `findings` (by name: `state` ok, missing or broken, and `text`)."

PYTHON_MIN = (3, 11)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. state: ok, missing (optional) or broken (nothing works without it)."""

    name: str
    state: str
    text: str


def configure(parser: Parser) -> None:
    """The flags of `doctor`."""
    add_store_flags(parser)


def execute(args: argparse.Namespace) -> int:
    """Look at everything."""
    findings = [_python(), _dependencies(), _kernel(), _hooks(), _layout(), _compiler(), _cores(), _store(store_of(args))]
    findings += [*_walls(), *_optional()]
    usable = all(finding.state != "broken" for finding in findings)
    if args.json:
        rows = {f.name: {"state": f.state, "text": f.text} for f in findings}
        say_json(
            {
                "windtunnel": __version__,
                "usable": usable,
                "verdict": "valid" if usable else "unknown",
                "findings": rows,
            }
        )
    else:
        table(("what", "state", "found"), [(f.name, f.state, f.text) for f in findings])
    return CODES["valid" if usable else "unknown"]


def _python() -> Finding:
    version = platform.python_version()
    if sys.version_info < PYTHON_MIN:
        return Finding("python", "broken", f"{version}; 3.11 or newer is needed")
    return Finding("python", "ok", f"{version} ({platform.python_implementation()}), {sys.executable}")


def _dependencies() -> Finding:
    absent = [name for name in ("msgspec", "rich") if importlib.util.find_spec(name) is None]
    if absent:
        return Finding("dependencies", "broken", f"not installed: {', '.join(absent)}; pip install windtunnel")
    return Finding("dependencies", "ok", "msgspec, rich")


def _kernel() -> Finding:
    """Which twin of the simulator's kernel a run would use, and why."""
    try:
        from windtunnel.sim.kernel import KERNEL  # noqa: PLC0415 - the import is what is examined
    except ImportError as error:
        return Finding("kernel", "broken", f"cannot be imported: {error}")
    forced = os.environ.get("WINDTUNNEL_KERNEL")
    why = f" (WINDTUNNEL_KERNEL={forced})" if forced else ""
    if KERNEL == "compiled":
        return Finding("kernel", "ok", f"compiled{why}")
    if not forced:
        built = importlib.util.find_spec("windtunnel.sim._kernel") is not None
        why = ": the compiled one cannot be loaded" if built else ": not compiled; pip install again where there is a C compiler"
    return Finding("kernel", "ok", f"pure Python, about a third of the speed{why}")


def _hooks() -> Finding:
    """How simulated asyncio code gets its clocks and randomness."""
    try:
        from windtunnel.sim.ambient import HOOKS  # noqa: PLC0415 - the import is what is examined
    except ImportError as error:
        return Finding("hooks", "broken", f"cannot be imported: {error}")
    if HOOKS == "native":
        return Finding(
            "hooks", "ok", "native: simulated code has its host's clocks and randomness, by whatever name it knows them"
        )
    return Finding("hooks", "missing", "patched: names bound before a run keep the real clock; needs CPython and a C compiler")


def _layout() -> Finding:
    """Whether a seed of a pytest means the same in the next process."""
    from windtunnel.testing.environment import addresses_can_be_fixed  # noqa: PLC0415 - only looked at here

    if addresses_can_be_fixed():
        return Finding("addresses", "ok", "can be fixed: pytest begins anew without randomisation where tests ask for it")
    return Finding("addresses", "missing", "this system does not let them be fixed; small objects are put in order all the same")


def _compiler() -> Finding:
    name = (sysconfig.get_config_var("CC") or "cc").split()[0]
    found = shutil.which(name) or shutil.which("cc") or shutil.which("gcc")
    if found is None:
        return Finding("compiler", "missing", f"no {name}: the kernel stays pure Python")
    cython = "with" if importlib.util.find_spec("Cython") else "without"
    return Finding("compiler", "ok", f"{found}, {cython} Cython")


def _cores() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding("cores", "ok", f"{usable}: sweeps use as many processes")


def _store(root: str | None) -> Finding:
    """Whether runs can be kept; looked at without leaving anything behind."""
    if root is None:
        return Finding("store", "ok", "not wanted")
    from windtunnel.scenarios import store  # noqa: PLC0415 - heavy

    place = Path(root)
    existed = place.exists()
    try:
        store.prepare(place)
    except UsageError as error:
        return Finding("store", "broken", str(error))
    free = shutil.disk_usage(place).free
    if not existed:
        place.rmdir()
    return Finding("store", "ok", f"{place.resolve()}, {free / (1 << 30):.1f} GiB free")


def _walls() -> list[Finding]:
    """What stands around a learner's code while a lab is graded; tried in a child."""
    import tempfile  # noqa: PLC0415 - only here

    from windtunnel.labs.walls import standing  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="windtunnel-doctor-") as scratch:
        walls = standing(Path(scratch))
    return [Finding(f"wall: {wall.name}", "ok" if wall.stands else "missing", wall.text) for wall in walls]


def _optional() -> list[Finding]:
    uvloop = importlib.util.find_spec("uvloop") is not None
    findings = [
        Finding(
            "uvloop",
            "ok" if uvloop else "missing",
            "faster live runs" if uvloop else "live runs use asyncio's own loop; pip install uvloop",
        ),
    ]
    studio = all(importlib.util.find_spec(name) is not None for name in ("starlette", "uvicorn"))
    text = "windtunnel studio opens a browser" if studio else "windtunnel studio needs it; pip install 'windtunnel[studio]'"
    findings.append(Finding("studio", "ok" if studio else "missing", text))
    for name, programs, what in (
        ("etcd", ("etcd",), "the benchmark against etcd"),
        ("browser", ("chromium", "chromium-browser", "google-chrome", "firefox"), "the studio, and the tests of the pages"),
        ("git", ("git",), "development"),
    ):
        found = next((path for program in programs if (path := shutil.which(program))), None)
        findings.append(
            Finding(name, "ok", f"{found}{_version(found)}") if found else Finding(name, "missing", f"only needed for {what}")
        )
    return findings


def _version(program: str) -> str:
    """The first line of `program --version`, or nothing."""
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = done.stdout.strip().splitlines()
    return f": {lines[0].strip()}" if lines else ""
