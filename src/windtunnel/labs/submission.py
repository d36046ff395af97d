"""What a learner hands in: the file that they edit and whatever stands beside it, as text, a hash and a module."""

from __future__ import annotations

import hashlib
import linecache
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType

from windtunnel.base.errors import UsageError

FILES_MAX = 200
BYTES_MAX = 4 << 20
_LEFT_OUT = ("README.md", "report.html")


def handed_in(folder: Path) -> dict[str, bytes]:
    """The files of a learner's folder by relative name, without the lesson, hidden files and caches. Raises UsageError.

    Links are not followed: what is graded is what lies in the folder.
    """
    found: dict[str, bytes] = {}
    total = 0
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        name = "/".join(parts)
        if any(part.startswith((".", "__pycache__")) or part.endswith("~") for part in parts) or name in _LEFT_OUT:
            continue
        if path.is_symlink() or not path.is_file():
            continue
        total += path.stat().st_size
        if len(found) >= FILES_MAX or total > BYTES_MAX:
            raise UsageError(f"{folder}: a submission has at most {FILES_MAX} files and {BYTES_MAX >> 20} MiB")
        found[name] = path.read_bytes()
    return found


def submission_hash(files: dict[str, bytes]) -> str:
    """16 hexadecimal digits over names and contents."""
    digest = hashlib.blake2b(digest_size=8)
    for name, data in sorted(files.items()):
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


@dataclass(slots=True)
class Submission:
    """The edited file in a folder of its own, compiled once and executed anew for each run.

    Raises SyntaxError, OSError, and UsageError for a text that is no program.
    """

    place: Path
    file: str
    code: CodeType | None = field(init=False)
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        path = self.place / self.file
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.file} is not UTF-8 text: {error.reason} at byte {error.start}") from None
        self.lines = text.splitlines(keepends=True)
        # Tracebacks show its lines, and inside a simulation the file cannot be seen.
        linecache.cache[str(path)] = (len(text), None, self.lines, str(path))
        try:
            self.code = compile(text, str(path), "exec") if self.file.endswith(".py") else None
        except (ValueError, OverflowError, MemoryError, RecursionError) as error:  # null bytes, or nested without end
            raise UsageError(f"{self.file} cannot be compiled: {error}") from None

    @property
    def name(self) -> str:
        """Of the module."""
        return re.sub(r"\W", "_", Path(self.file).stem)

    def load(self) -> ModuleType:
        """A fresh module; raises whatever its code raises."""
        assert self.code is not None, "only Python files are modules"
        module = ModuleType(self.name)
        module.__file__ = str(self.place / self.file)
        if str(self.place) not in sys.path:
            sys.path.insert(0, str(self.place))
        sys.modules[self.name] = module  # dataclasses look their module up by name
        exec(self.code, module.__dict__)  # noqa: S102 - this is what a grader is for; the walls stand around it
        return module
