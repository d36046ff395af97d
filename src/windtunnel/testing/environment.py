"""What must be fixed before Python starts, so that a seed means the same tomorrow: the hash seed and the layout of addresses.

Sets of strings are ordered by the hash seed, sets of objects by their addresses. Both are drawn at the start of a process and
cannot be changed later; a process that wants other ones has to begin anew. `docs/design/forking.md` has the reasons.
"""

from __future__ import annotations

import contextlib
import fnmatch
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

HASH_SEED = "0"
MARK = b"mark.windtunnel"
DONE = "WINDTUNNEL_RESTARTED"
"""Environment variable: the number of the process that has restarted itself. It survives exec; children have other numbers."""

SCAN_S = 0.3
"""How long the search for tests of ours may take; a tree that takes longer is left alone and `always` is there for it."""

_ADDR_NO_RANDOMIZE = 0x0040000
_QUERY = 0xFFFFFFFF
_BYTES_MAX = 1 << 20  # of a file that is searched for the mark
_SKIPPED = ("node_modules", "site-packages", "__pycache__", "build", "dist", "venv")


@dataclass(frozen=True, slots=True)
class Layout:
    """What this process has. hash_seed: "0", another number, or "random". addresses: "fixed", "random" or "refused"."""

    hash_seed: str
    addresses: str

    @property
    def fixed(self) -> bool:
        """Whether another process with the same code orders its sets in the same way."""
        return self.hash_seed != "random" and self.addresses == "fixed"

    @property
    def text(self) -> str:
        """For a line of a report."""
        seed = "random hash seed" if self.hash_seed == "random" else f"hash seed {self.hash_seed}"
        words = {
            "fixed": "fixed addresses",
            "random": "random addresses",
            "refused": "random addresses (this system does not let them be fixed)",
        }
        return f"{seed}, {words[self.addresses]}"


def layout() -> Layout:
    """The layout of this process."""
    random_hash = bool(sys.flags.hash_randomization) and os.environ.get("PYTHONHASHSEED", "random") == "random"
    seed = "random" if random_hash else os.environ.get("PYTHONHASHSEED", HASH_SEED)
    persona = _personality(_QUERY)
    if persona is None:
        return Layout(seed, "refused")
    if persona & _ADDR_NO_RANDOMIZE:
        return Layout(seed, "fixed")
    return Layout(seed, "random" if addresses_can_be_fixed() else "refused")


def addresses_can_be_fixed() -> bool:
    """Whether the system lets a process ask for fixed addresses; containers may forbid it. It is asked for and given back."""
    before = _personality(_QUERY)
    if before is None:
        return False
    allowed = _personality(before | _ADDR_NO_RANDOMIZE) is not None
    _personality(before)
    return allowed


def restart(argv: Sequence[str]) -> None:
    """Begin this process anew with the fixed layout, as `argv`, a command line as `sys.orig_argv` has it.

    Does not return, except where there is nothing to gain (it has the layout, or has been restarted already) or exec fails.
    """
    if os.environ.get(DONE) == str(os.getpid()) or not argv:
        return
    have = layout()
    persona = _personality(_QUERY)
    fixable = have.addresses == "random" and persona is not None
    if have.hash_seed != "random" and not fixable:
        return
    environ = dict(os.environ)
    environ[DONE] = str(os.getpid())
    if have.hash_seed == "random":
        environ["PYTHONHASHSEED"] = HASH_SEED
    if fixable and persona is not None:
        _personality(persona | _ADDR_NO_RANDOMIZE)
    with contextlib.suppress(ValueError, OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    with contextlib.suppress(OSError):
        os.execve(sys.executable, [sys.executable, *argv[1:]], environ)  # noqa: S606 - the same program as before
    if fixable and persona is not None:
        _personality(persona)


def is_program(modules: Iterable[str], arguments: Sequence[str]) -> bool:
    """Whether this process was started as one of these programs with just these arguments, and nobody looks over its shoulder.

    False for a program that calls pytest as a function, for a debugger, a tracer, an embedded interpreter: to begin those anew
    would surprise.
    """
    if not sys.argv or not sys.executable or len(sys.orig_argv) < 2 or sys.gettrace() is not None:
        return False
    if list(arguments) != sys.argv[1:] or sys.orig_argv[len(sys.orig_argv) - len(arguments) :] != list(arguments):
        return False
    started = sys.argv[0].replace("\\", "/")
    name = started.rsplit("/", 1)[-1]
    return any(name == module or started.endswith(f"/{module.replace('.', '/')}/__main__.py") for module in modules)


# --- Is it worth it? ---


def mentioned(places: Iterable[str], patterns: Sequence[str], *, budget_s: float = SCAN_S) -> bool:
    """Whether a test file at these places (files, or directories with files of these patterns) has the mark."""
    ends_s = time.monotonic() + budget_s
    for place in places:
        path = place.split("::", 1)[0]
        files: Iterable[str] = _test_files(path, patterns) if os.path.isdir(path) else (path,)  # noqa: PTH112 - speed
        for file in files:
            if _has_mark(file):
                return True
            if time.monotonic() > ends_s:
                return False
    return False


def _test_files(root: str, patterns: Sequence[str]) -> Iterator[str]:
    """Those below `root`, hidden and vendored directories left out."""
    for directory, below, names in os.walk(root):
        below[:] = sorted(
            name for name in below if not name.startswith(".") and name not in _SKIPPED and not name.endswith(".egg")
        )
        if "pyvenv.cfg" in names:
            below.clear()
            continue
        for name in sorted(names):
            if name == "conftest.py" or any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                yield f"{directory}/{name}"


def _has_mark(file: str) -> bool:
    try:
        with open(file, "rb") as text:  # noqa: PTH123 - speed: thousands of files
            return MARK in text.read(_BYTES_MAX)
    except OSError:
        return False


def _personality(wanted: int) -> int | None:
    """The personality of this process before it was changed to `wanted`; None where there is no such thing or it is refused."""
    if sys.platform != "linux":
        return None
    import ctypes  # noqa: PLC0415 - two milliseconds that only tests of ours pay

    libc = ctypes.CDLL(None, use_errno=True)
    libc.personality.argtypes = (ctypes.c_ulong,)
    libc.personality.restype = ctypes.c_int
    before = int(libc.personality(wanted))
    return None if before == -1 else before
